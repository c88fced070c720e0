"""Which arms does a comparison have? Models times the values that are varied, each arm with its name."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from hashlib import blake2b
from itertools import product
from math import prod
from typing import get_type_hints

from sadari.errors import UsageError
from sadari.models.spec import ModelSpec
from sadari.settings import Settings, Value, parse_value, setting_names, unknown_setting

Varied = Mapping[str, Sequence[Value]]  # the values of each varied setting or variable

CHAIN = "augment"  # the setting whose values hold commas themselves
ENSEMBLE = "ensemble"  # the arm that averages the others
OF = "of"  # its variable: the names of the arms from which its members are chosen
MOST_BYTES = 220  # of the name of an arm in names of files (disks hold 255, with what stands around it)
MOST_ARMS = 10_000  # of one model; assumed
MOST_VALUES = 1000  # of one --vary; a step of a wrong size would otherwise fill the memory (assumed)

_BETWEEN_COMMAS = re.compile(r'(?:^|,)((?:"[^"]*"|[^,"]|")*)')
_QUOTED = re.compile(r'"[^"]*"')


@dataclass(frozen=True)
class Arm:
    """One row of the table: a model with the settings that differ from its own.

    overrides: settings and variables, as text or typed.
    published: figures from elsewhere for the arm, by metric, in [0, 1] or nats; printed beside ours. once: it runs with
    the first seed alone, since it learns the same with every seed. by_auto: what backbone=auto decided for its jobs;
    empty where that is not decided yet, or there is nothing to decide.
    """

    name: str
    model: ModelSpec
    overrides: Mapping[str, Value] = field(default_factory=dict)
    published: Mapping[str, float] = field(default_factory=dict)
    once: bool = False
    by_auto: Mapping[str, Value] = field(default_factory=dict)


def parse_vary(texts: Sequence[str]) -> dict[str, list[Value]]:
    """Return the values of each `--vary key=v1,v2` or `--vary key=lo:hi:step` (hi included), by key.

    A value that holds a comma stands in double quotes: `--vary 'augment="rotate 30, flip",zoom 0.1'`. Steps are
    decimal, so that 0:0.9:0.1 gives 0, 0.1 ... 0.9 and not 0.30000000000000004. Raises UsageError.
    """
    varied: dict[str, list[Value]] = {}
    for text in texts:
        key, equals, values = (part.strip() for part in text.partition("="))
        if not equals or not key or not values:
            raise UsageError(f"--vary takes key=v1,v2 or key=lo:hi:step, not '{text}'")
        if key in varied:
            raise UsageError(f"--vary names '{key}' twice; give all its values at once, as in {key}=1,2,3")
        varied[key] = values_of(key, values)
    return varied


def quoted(value: Value) -> str:
    """Return `value` as a value of `--vary` that is read back as it is; raises UsageError where it holds quotes."""
    text = str(value)
    if '"' in text:
        raise UsageError(f"a value of --vary holds no double quotes, and {text} does; write a study")
    plain = text and text == text.strip() and "," not in text and text.count(":") != 2
    return text if plain else f'"{text}"'


def shown(value: Value) -> str:
    """Return `value` as it stands in the name of an arm."""
    return '""' if value == "" else str(value)


def name_values(name: str, overrides: Mapping[str, Value]) -> dict[str, str]:
    """Return the values that the name of an arm holds as KEY=VALUE, by key, as they stand there.

    overrides: those of the arm; without them a value of several words, such as augment=rotate 30, cannot be told from
    the words that follow it.
    """
    rest, values = f" {name} ", {}
    for key, value in overrides.items():
        word = f" {key}={shown(value)} "
        if word in rest:
            rest = rest.replace(word, " ", 1)
            values[key] = shown(value)
    for each in rest.split():
        key, equals, text = each.partition("=")
        if equals:
            values.setdefault(key, text)
    return values


def line_name(name: str, key: str, overrides: Mapping[str, Value]) -> str:
    """Return the name of an arm without its KEY=VALUE: the line that it shares with other values of `key`."""
    value = name_values(name, overrides).get(key)
    return name if value is None else f" {name} ".replace(f" {key}={value} ", " ", 1).strip()


def typed(spec: ModelSpec, key: str, value: Value) -> Value:
    """Return `value` as the runs of a model take it, so that 0.1, "0.10" and "1e-1" are equal; itself where wrong."""
    kind = type(spec.variables[key]) if key in spec.variables else get_type_hints(Settings).get(key, str)
    try:
        found = parse_value(key, value, kind)
    except UsageError:  # the job says what is wrong with it
        return value
    return ", ".join(" ".join(each.split()) for each in str(found).split(",")) if key == CHAIN else found


def expand(
    models: Sequence[ModelSpec],
    varied: Varied,
    overrides: Mapping[str, Value],
    usual: Mapping[str, Mapping[str, Value]] | None = None,
) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
    """Return an arm for each model and combination of values, and sentences that the user should know.

    A model that does not use a varied or overridden key (mlp has no dropout) is one arm without it, a baseline; a
    sentence says so. usual: settings by name of model, which those of the user replace. Raises UsageError for a key
    that no model has, for one that is both varied and set, for values that are equal, and for arms that are the same.
    """
    for key in (*varied, *overrides):
        variables = [name for spec in models for name in spec.variables]
        if key not in variables and key not in setting_names():
            raise unknown_setting(key, [*dict.fromkeys(variables), *setting_names()])
    both = next((key for key in varied if key in overrides), None)
    if both is not None:
        raise UsageError(f"'{both}' is both set and varied; keep one of them")
    arms = [_with_usual(arm, usual or {}, varied) for spec in models for arm in _arms_of(spec, varied, overrides)]
    require_distinct(arms)
    sentences = []
    for key in varied:
        without = [spec.name for spec in models if not _varies(spec, key)]
        if len(without) == len(models):
            raise UsageError(f"--vary {key} changes nothing for {', '.join(without)}; name a model that it changes")
        if without:
            verb = "has no use for it and runs" if len(without) == 1 else "have no use for it and run"
            sentences.append(f"{key} is varied; {', '.join(without)} {verb} as without it")
    for key in overrides:
        without = [spec.name for spec in models if not spec.uses(key)]
        if without:
            sentences.append(f"{key} is set; not for {', '.join(without)}, which {_lacks(without)} it")
    return tuple(arms), tuple(sentences)


def _with_usual(arm: Arm, usual: Mapping[str, Mapping[str, Value]], varied: Varied) -> Arm:
    own = {key: value for key, value in usual.get(arm.model.name, {}).items() if key not in varied}
    return replace(arm, overrides={**own, **arm.overrides})


def require_distinct(arms: Sequence[Arm]) -> None:
    """Raise UsageError where two arms have one name, or one folder."""
    seen: dict[str, str] = {}
    for arm in arms:
        folder = folder_name(arm.name, 0)
        if folder in seen:
            raise UsageError(f"the arm '{arm.name}' is there twice; name each model and value once")
        seen[folder] = arm.name


def folder_name(arm: str, seed: int) -> str:
    """Return the folder name of the run of `arm` with `seed`; '-' replaces characters that shells or disks mind.

    A name that is too long for a disk is cut and ends in a digest of the whole.
    """
    cleaned = "".join(each if each.isalnum() or each in "._=+-" else "-" for each in arm).lstrip(".") or "arm"
    if len(cleaned.encode()) > MOST_BYTES:
        cleaned = f"{cleaned.encode()[: MOST_BYTES // 2].decode(errors='ignore')}-{_digest(arm)}"
    return f"{cleaned}-seed{seed}"


def shortened(arms: Sequence[Arm]) -> tuple[str, ...]:
    """Return a sentence for each arm whose folders have a shorter name than the arm."""
    return tuple(
        f"the name of the arm '{arm.name}' is too long for a folder: its runs are in {folder_name(arm.name, 0)} ..."
        for arm in arms
        if folder_name(arm.name, 0).rpartition("-seed")[0][-9:] == f"-{_digest(arm.name)}"
    )


def _digest(name: str) -> str:
    return blake2b(name.encode(), digest_size=4).hexdigest()


def _arms_of(spec: ModelSpec, varied: Varied, overrides: Mapping[str, Value]) -> list[Arm]:
    mine = {key: value for key, value in overrides.items() if spec.uses(key)}
    keys = [key for key in varied if _varies(spec, key)]
    for key in keys:
        _require_different(spec, key, varied[key])
    arms = []
    count = prod(len(varied[key]) for key in keys)
    if count > MOST_ARMS:
        raise UsageError(f"--vary asks for {count:,} arms of {spec.name}; {MOST_ARMS:,} are the most")
    for values in product(*(varied[key] for key in keys)):
        chosen = dict(zip(keys, values, strict=True))
        name = " ".join([spec.name, *(f"{key}={shown(value)}" for key, value in chosen.items())])
        arms.append(Arm(name, spec, {**mine, **chosen}))
    return arms


def _require_different(spec: ModelSpec, key: str, values: Sequence[Value]) -> None:
    seen: dict[Value, Value] = {}
    for value in values:
        held = seen.setdefault(typed(spec, key, value), value)
        if held is not value:
            raise UsageError(
                f"{key} is varied over {shown(held)} and {shown(value)}, which are equal; keep one of them"
            )


def _varies(spec: ModelSpec, key: str) -> bool:
    """Return whether the runs of the model depend on `key`: repeating the same run would show nothing."""
    return spec.uses(key) and bool(spec.layers)


def _lacks(names: Sequence[str]) -> str:
    return "lacks" if len(names) == 1 else "lack"


def values_of(key: str, text: str) -> list[Value]:
    """Return the values of `key` that the text of one `--vary` names; raises UsageError where it names none."""
    if text.count(":") == 2:
        bounds = _decimals(text.split(":"))
        if bounds is not None:
            return _steps(key, text, *bounds)
    values = _split(key, text)
    if len(set(values)) < len(values):
        raise UsageError(f"--vary {key}={text} names a value twice")
    return [*values]


def _split(key: str, text: str) -> list[str]:
    """Split `text` at its commas, those between double quotes left out; only `""` is an empty value."""
    if key == CHAIN and '"' not in text and re.search(r",\s", text):
        raise UsageError(
            f"--vary {key}={text} may be one value or several; put each one into double quotes, as in --vary "
            f'\'{key}="rotate 30, flip","zoom 0.1"\' (in a study, write a list), or leave out the spaces'
        )
    found = [each.strip() for each in _BETWEEN_COMMAS.findall(text)]
    if not all(found):
        raise UsageError(f"--vary {key}={text} holds an empty value; write key=v1,v2")
    if any('"' in (each[1:-1] if _QUOTED.fullmatch(each) else each) for each in found):
        raise UsageError(f'--vary {key}={text} has a quote out of place; write key="v1, with a comma",v2')
    return [each[1:-1] if _QUOTED.fullmatch(each) else each for each in found]


def _decimals(parts: Sequence[str]) -> tuple[Decimal, Decimal, Decimal] | None:
    try:
        low, high, step = (Decimal(part.strip()) for part in parts)
    except InvalidOperation:
        return None
    return (low, high, step) if low.is_finite() and high.is_finite() and step.is_finite() else None


def _steps(key: str, text: str, low: Decimal, high: Decimal, step: Decimal) -> list[Value]:
    if step <= 0 or high < low:
        raise UsageError(f"--vary {key}={text} has no values; lo:hi:step goes up from lo to hi by a step above 0")
    count = int((high - low) // step) + 1
    if count > MOST_VALUES:
        raise UsageError(f"--vary {key}={text} asks for {count:,} values; {MOST_VALUES:,} are the most")
    return [_plain(low + step * number) for number in range(count)]


def _plain(value: Decimal) -> str:
    text = format(value.normalize(), "f")
    return "0" if text in ("-0", "0") else text
