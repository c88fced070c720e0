"""What is searched? Ranges and choices of settings and variables, read from the words of --search and checked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import get_type_hints

from sadari.comparison.inputs import SPLIT_SETTINGS
from sadari.comparison.variants import CHAIN, typed, values_of
from sadari.errors import UsageError
from sadari.job import make_job
from sadari.models.spec import ModelSpec
from sadari.settings import Settings, Value, parse_value, setting_names, unknown_setting

LOG = "log"
# They decide which images are validated, so that trials could not be compared.
JUDGING = tuple(name for name in SPLIT_SETTINGS if name != "train_fraction")
JUDGING = (*JUDGING, "split_folders", "labels", "archive_encoding", "unreadable", "max_megapixels")
# They decide where and how fast a run is made, not how good it is.
OF_MACHINE = ("device", "threads", "precision", "stream", "cache", "checkpoint_seconds", "tensorboard")
FORMS = "key=low:high, key=low:high:log, key=low:high:step or key=v1,v2"


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included. whole: whole numbers alone. log: as likely in each factor of ten.

    step: between two of them; 0 where every number will do.
    """

    low: float
    high: float
    whole: bool
    log: bool = False
    step: float = 0.0

    @property
    def text(self) -> str:
        """Return the range as --search takes it."""
        tail = f":{LOG}" if self.log else f":{self.step:g}" if self.step else ""
        return f"{self.low:.12g}:{self.high:.12g}{tail}"

    @property
    def ends(self) -> tuple[Value, ...]:
        """Return the lowest and the highest value, as a setting has them."""
        return (int(self.low), int(self.high)) if self.whole else (self.low, self.high)

    def holds(self, value: Value) -> bool:
        """Return whether `value` is in the range; one between two steps counts as in it."""
        return not isinstance(value, str | bool) and self.low <= value <= self.high


@dataclass(frozen=True)
class Choice:
    """Values of which a trial takes one, as a setting has them."""

    values: tuple[Value, ...]

    @property
    def text(self) -> str:
        """Return the values as --search takes them."""
        return ",".join(f'"{each}"' if "," in str(each) or each == "" else _word(each) for each in self.values)

    @property
    def ends(self) -> tuple[Value, ...]:
        """Return all values."""
        return self.values

    def holds(self, value: Value) -> bool:
        """Return whether `value` is one of them."""
        return value in self.values


Searched = Mapping[str, Range | Choice]  # by setting or variable


def parse_search(texts: Sequence[str]) -> dict[str, str]:
    """Return what each `--search key=...` says, by key; raises UsageError for a text without '=' or a key twice."""
    found: dict[str, str] = {}
    for text in texts:
        key, equals, values = (part.strip() for part in text.partition("="))
        if not equals or not key or not values:
            raise UsageError(f"--search takes {FORMS}, not '{text}'")
        if key in found:
            raise UsageError(f"--search names '{key}' twice; give it one range")
        found[key] = values
    return found


def searched(spec: ModelSpec, texts: Mapping[str, str], data: str, overrides: Mapping[str, Value]) -> Searched:
    """Return what is searched of a model, with the values checked as `--set` checks them.

    texts: as `parse_search` returns them. overrides: what the user sets for every trial. Raises UsageError for a key
    that the model does not read, that is set, or that would change which images judge; and for a wrong value.
    """
    found: dict[str, Range | Choice] = {}
    for key, text in texts.items():
        _require_searchable(spec, key, overrides)
        found[key] = _parsed(spec, key, text)
        for end in found[key].ends:  # what is wrong with it is what is wrong with --set
            make_job(data, spec, 0, {**overrides, key: end})
    return found


def _require_searchable(spec: ModelSpec, key: str, overrides: Mapping[str, Value]) -> None:
    if key not in spec.variables and key not in setting_names():
        raise unknown_setting(key, [*spec.variables, *setting_names()])
    if not spec.uses(key):
        raise UsageError(f"{spec.name} is not fitted by gradient steps, so {key} changes nothing; search another one")
    if key in overrides:
        raise UsageError(f"'{key}' is both set and searched; keep one of them")
    if key in JUDGING:
        raise UsageError(f"{key} decides which images judge a trial, so that none could be compared; --set it instead")
    if key in OF_MACHINE:
        raise UsageError(f"{key} is no setting that makes a model better; --set it instead")


def _parsed(spec: ModelSpec, key: str, text: str) -> Range | Choice:
    kind = type(spec.variables[key]) if key in spec.variables else get_type_hints(Settings)[key]
    parts = [part.strip() for part in text.split(":")]
    if kind in (int, float) and "," not in text and len(parts) in (2, 3):
        return _range(key, text, parts, kind)
    values = [typed(spec, key, each) for each in (values_of(key, text) if kind is str or "," in text else [text])]
    values = values if key == CHAIN else [parse_value(key, each, kind) for each in values]
    if len(values) < 2:
        raise UsageError(f"--search {key}={text} leaves nothing to search; --set it, or write {FORMS}")
    if len({repr(each) for each in values}) < len(values):
        raise UsageError(f"--search {key}={text} names a value twice")
    return Choice(tuple(values))


def _range(key: str, text: str, parts: Sequence[str], kind: type) -> Range:
    low, high = (float(parse_value(key, part, kind)) for part in parts[:2])
    how = parts[2] if len(parts) == 3 else ""
    if not (isfinite(low) and isfinite(high) and low < high):
        raise UsageError(f"--search {key}={text} is no range; the first number is below the second")
    if how == LOG and low <= 0:
        raise UsageError(f"--search {key}={text}: a logarithmic range begins above 0")
    step = 0.0
    if how and how != LOG:
        try:
            step = float(parse_value(key, how, kind))
        except UsageError:
            raise UsageError(f"--search {key}={text} ends in '{how}'; it takes {LOG} or a step") from None
        if not 0 < step <= high - low:
            raise UsageError(f"--search {key}={text}: a step is above 0 and at most {high - low:g}")
    return Range(low, high, kind is int, how == LOG, step)


def shown(value: Value) -> str:
    """Return the value of a setting in sentences and tables: numbers with four digits, which tell trials apart."""
    return f"{value:.4g}" if isinstance(value, float) else _word(value)


def in_words(params: Mapping[str, Value]) -> str:
    """Return the settings of a trial in sentences, as `learning_rate=0.0031, batch_size=64`."""
    return ", ".join(f"{key}={shown(value)}" for key, value in params.items())


def text_of(values: str | Sequence[Value]) -> str:
    """Return values of Python as the words of --search; text stays as it is."""
    return values if isinstance(values, str) else Choice(tuple(values)).text


def _word(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
