"""How long may the search for the best model take, and does the request for it make sense?"""

import math
import re
from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_EVEN, Context

from sadari.errors import UsageError

BEST = "best"  # what --models takes instead of models
DECIDED = ("epochs", "max_iter", "train_fraction")  # settings that the search itself decides

_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}
_DIGITS = {"h": 3, "m": 3, "s": 2}


def parse_budget(text: str | float) -> float:
    """Return the seconds of `text`, such as 90s, 10m, 1.5h, or a plain number of seconds; raises UsageError."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)", str(text).strip().lower())
    seconds = float(found[1]) * _UNITS[found[2]] if found else 0.0
    if not 0 < seconds < math.inf:
        raise UsageError(f"a budget is a time above 0, such as 90s, 10m or 1.5h, not '{text}'")
    return seconds


def in_words(seconds: float, rounding: str = ROUND_HALF_EVEN) -> str:
    """Write a time as a budget: "0.4s", "12s", "2.5m", "1.5h". rounding: as of `decimal`."""
    unit = "h" if seconds >= _UNITS["h"] else "m" if seconds >= _UNITS["m"] else "s"
    number = Context(prec=_DIGITS[unit], rounding=rounding).create_decimal_from_float(seconds / _UNITS[unit])
    return f"{number.normalize():f}{unit}"


def budget_of_best(
    models: Sequence[object],
    budget: str | float | None,
    varied: Iterable[str],
    settings: Iterable[str],
    workers: int | None = None,
) -> float | None:
    """Return the seconds of the search for the best model, or None where `models` are not "best".

    varied, settings: the keys that are varied and set. workers: how many runs may train at once, None for any. Raises
    UsageError for "best" beside what it decides itself, and for only one of "best" and a budget.
    """
    if BEST not in models:
        if budget is not None:
            raise UsageError("a budget is what --models best may spend; say with --epochs how long other models train")
        return None
    if len(models) > 1:
        raise UsageError("best chooses among all models itself; write --models best alone")
    if budget is None:
        raise UsageError("best needs to know how long it may take; add a budget, such as --budget 10m")
    if next(iter(varied), None) is not None:
        raise UsageError("best tries every model with its own settings; leave --vary out, or name models")
    if workers not in (None, 1):
        raise UsageError(f"best trains one run at a time, since it counts seconds; leave --workers out, not {workers}")
    decided = next((key for key in settings if key in DECIDED), None)
    if decided is not None:
        raise UsageError(f"the budget of best decides {decided}; leave it out, or name models")
    return parse_budget(budget)
