"""Which arms does a comparison have? Models times the values that are varied, each arm with its name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from itertools import product

from sadari.errors import UsageError
from sadari.models.spec import ModelSpec
from sadari.settings import Value, setting_names, unknown_setting

MOST_VALUES = 1000  # of one --vary; a step of a wrong size would otherwise fill the memory (assumed)


@dataclass(frozen=True)
class Arm:
    """One row of the table: a model with the settings that differ from its own.

    overrides: settings and variables, as text or typed.
    published: figures from elsewhere for the arm, by metric, in [0, 1] or nats; printed beside ours. once: it runs with
    the first seed alone, since it learns the same with every seed.
    """

    name: str
    model: ModelSpec
    overrides: Mapping[str, Value] = field(default_factory=dict)
    published: Mapping[str, float] = field(default_factory=dict)
    once: bool = False


def parse_vary(texts: Sequence[str]) -> dict[str, list[str]]:
    """Return the values of each `--vary key=v1,v2` or `--vary key=lo:hi:step` (hi included), by key.

    Steps are decimal, so that 0:0.9:0.1 gives 0, 0.1 ... 0.9 and not 0.30000000000000004. Raises UsageError.
    """
    varied: dict[str, list[str]] = {}
    for text in texts:
        key, equals, values = (part.strip() for part in text.partition("="))
        if not equals or not key or not values:
            raise UsageError(f"--vary takes key=v1,v2 or key=lo:hi:step, not '{text}'")
        if key in varied:
            raise UsageError(f"--vary names '{key}' twice; give all its values at once, as in {key}=1,2,3")
        varied[key] = _values(key, values)
    return varied


def expand(
    models: Sequence[ModelSpec], varied: Mapping[str, Sequence[str]], overrides: Mapping[str, Value]
) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
    """Return an arm for each model and combination of values, and sentences that the user should know.

    A model that does not use a varied or overridden key (mlp has no dropout) is one arm without it, a baseline; a
    sentence says so. Raises UsageError for a key that no model has, for one that is both varied and set, and for arms
    that are the same.
    """
    for key in (*varied, *overrides):
        variables = [name for spec in models for name in spec.variables]
        if key not in variables and key not in setting_names():
            raise unknown_setting(key, [*dict.fromkeys(variables), *setting_names()])
    both = next((key for key in varied if key in overrides), None)
    if both is not None:
        raise UsageError(f"'{both}' is both set and varied; keep one of them")
    arms = [arm for spec in models for arm in _arms_of(spec, varied, overrides)]
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


def require_distinct(arms: Sequence[Arm]) -> None:
    """Raise UsageError where two arms have one name, or one folder."""
    seen: dict[str, str] = {}
    for arm in arms:
        folder = folder_name(arm.name, 0)
        if folder in seen:
            raise UsageError(f"the arm '{arm.name}' is there twice; name each model and value once")
        seen[folder] = arm.name


def folder_name(arm: str, seed: int) -> str:
    """Return the folder name of the run of `arm` with `seed`; '-' replaces characters that shells or disks mind."""
    cleaned = "".join(each if each.isalnum() or each in "._=+-" else "-" for each in arm)
    return f"{cleaned.lstrip('.') or 'arm'}-seed{seed}"


def _arms_of(spec: ModelSpec, varied: Mapping[str, Sequence[str]], overrides: Mapping[str, Value]) -> list[Arm]:
    mine = {key: value for key, value in overrides.items() if spec.uses(key)}
    keys = [key for key in varied if _varies(spec, key)]
    arms = []
    for values in product(*(varied[key] for key in keys)):
        chosen = dict(zip(keys, values, strict=True))
        name = " ".join([spec.name, *(f"{key}={value}" for key, value in chosen.items())])
        arms.append(Arm(name, spec, {**mine, **chosen}))
    return arms


def _varies(spec: ModelSpec, key: str) -> bool:
    """Return whether the runs of the model depend on `key`: repeating the same run would show nothing."""
    return spec.uses(key) and bool(spec.layers)


def _lacks(names: Sequence[str]) -> str:
    return "lacks" if len(names) == 1 else "lack"


def _values(key: str, text: str) -> list[str]:
    if text.count(":") == 2:
        bounds = _decimals(text.split(":"))
        if bounds is not None:
            return _steps(key, text, *bounds)
    values = [value.strip() for value in text.split(",")]
    if not all(values):
        raise UsageError(f"--vary {key}={text} holds an empty value; write key=v1,v2")
    if len(set(values)) < len(values):
        raise UsageError(f"--vary {key}={text} names a value twice")
    return values


def _decimals(parts: Sequence[str]) -> tuple[Decimal, Decimal, Decimal] | None:
    try:
        low, high, step = (Decimal(part.strip()) for part in parts)
    except InvalidOperation:
        return None
    return (low, high, step) if low.is_finite() and high.is_finite() and step.is_finite() else None


def _steps(key: str, text: str, low: Decimal, high: Decimal, step: Decimal) -> list[str]:
    if step <= 0 or high < low:
        raise UsageError(f"--vary {key}={text} has no values; lo:hi:step goes up from lo to hi by a step above 0")
    count = int((high - low) // step) + 1
    if count > MOST_VALUES:
        raise UsageError(f"--vary {key}={text} asks for {count:,} values; {MOST_VALUES:,} are the most")
    return [_plain(low + step * number) for number in range(count)]


def _plain(value: Decimal) -> str:
    text = format(value.normalize(), "f")
    return "0" if text in ("-0", "0") else text
