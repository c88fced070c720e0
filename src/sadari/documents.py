"""What do the JSON documents of a run hold? Values of known kinds; what is damaged is one sentence when it is read."""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sadari.errors import SadariError
from sadari.files import read_json
from sadari.plugins.used import checked_records
from sadari.settings import COOLEST_FIT, HOTTEST_FIT
from sadari.values import SPLITS

COUNT, NUMBER, TEXT = "a whole number", "a number", "text"  # kinds of values
COUNT_OR_NULL = "a whole number or null"
NUMBER_OR_NULL = "a number or null"
# The kind of each value of scores.json and environment.json that is read; a table has a kind for each of its keys.
Kinds = Mapping[str, Any]
SUMMARY: Kinds = {
    "run": TEXT,
    "model": TEXT,
    "data": TEXT,
    "seed": COUNT,
    "params": {"total": COUNT, "trainable": COUNT},
    "epochs": COUNT,
    "best_epoch": COUNT_OR_NULL,
    "seconds": {"train": NUMBER, "total": NUMBER},
    "images_per_second": NUMBER,
    "judged_on": SPLITS,
    "images": dict.fromkeys(SPLITS, COUNT),
    "split": TEXT,
}
ENVIRONMENT: Kinds = {
    "packages": {},
    "data": {"name": TEXT, "fingerprint": TEXT, "notes": [TEXT]},
    "threads": COUNT_OR_NULL,
    "layers": TEXT,
    "weights_sha256": TEXT,
    "teacher": {"name": TEXT, "sha256": TEXT, "note": TEXT},
    "judged_by": {"folder": TEXT, "arm": TEXT, "sentence": TEXT},
}
CALIBRATION: Kinds = {
    "temperature": NUMBER,
    "images": COUNT,
    "val_loss": {"before": NUMBER_OR_NULL, "after": NUMBER_OR_NULL},
    "note": TEXT,
}
REMEDY = "put it back as it was, or make it again in another --out"


class Document(dict[str, Any]):
    """A table of a document. A key that is missing raises SadariError where it is read: older versions had fewer."""

    def __init__(self, table: Mapping[str, Any] | Iterable[tuple[str, Any]], path: Path = Path()) -> None:
        # `dataclasses.asdict` copies a dict of any class from its pairs alone.
        held = dict(table).items()
        super().__init__({key: Document(each, path) if type(each) is dict else each for key, each in held})
        self._path = path

    def __missing__(self, key: str) -> Any:
        raise _damaged(self._path, f"it has no {key}")


def read_summary(path: Path) -> Document:
    """Read `scores.json`; raises SadariError where it is damaged."""
    document = read_json(path)
    wrong = _wrong(document, SUMMARY) or _wrong_scores(document.get("scores", {}), document.get("judged_on"))
    if wrong:
        raise _damaged(path, wrong)
    return Document(document, path)


def read_environment(path: Path) -> Document:
    """Read `environment.json`; raises SadariError where it is damaged."""
    document = read_json(path)
    wrong = _wrong(document, ENVIRONMENT)
    try:
        checked_records(document.get("plugins", []))
    except (TypeError, ValueError) as error:
        wrong = str(error)
    if wrong:
        raise _damaged(path, wrong)
    return Document(document, path)


def read_calibration(path: Path) -> Document:
    """Read `calibration.json`; raises SadariError where it is damaged."""
    document = read_json(path)
    wrong = _wrong(document, CALIBRATION)
    if not wrong and not COOLEST_FIT <= document.get("temperature", 0) <= HOTTEST_FIT:
        wrong = f"its temperature is no number from {COOLEST_FIT:g} to {HOTTEST_FIT:g}"
    if wrong:
        raise _damaged(path, wrong)
    return Document(document, path)


def _damaged(path: Path, reason: str) -> SadariError:
    return SadariError(f"cannot read {path}: it is damaged ({reason}); {REMEDY}")


def _wrong_scores(scores: object, judged_on: object) -> str:
    """Return what is wrong with the scores: a table for each split, or null where it has no images."""
    if not isinstance(scores, dict) or not all(each is None or isinstance(each, dict) for each in scores.values()):
        return "the scores are no table"
    for split_name, table in scores.items():
        for name, value in (table or {}).items():
            if not _is(value, NUMBER):
                return f"{name} of {split_name} is not {NUMBER}"
    if judged_on in scores and scores[judged_on] is None:
        return f"it has no scores of {judged_on}"
    return ""


def _wrong(table: Mapping[str, Any], kinds: Kinds, of: str = "") -> str:
    """Return what is wrong with the values of `table`, in a few words; "" where each has its kind, or is missing."""
    for key, kind in kinds.items():
        if key not in table:
            continue
        name, value = f"{of}{key}", table[key]
        if isinstance(kind, Mapping):
            wrong = _wrong(value, kind, f"{name}.") if isinstance(value, dict) else f"{name} is no table"
        elif isinstance(kind, list):
            listed = isinstance(value, list) and all(_is(each, kind[0]) for each in value)
            wrong = "" if listed else f"{name} is no list of {kind[0]}"
        elif isinstance(kind, tuple):
            wrong = "" if value in kind else f"{name} is none of {', '.join(kind)}"
        else:
            wrong = "" if _is(value, kind) else f"{name} is not {kind}"
        if wrong:
            return wrong
    return ""


def _is(value: object, kind: str) -> bool:
    if kind == TEXT:
        return isinstance(value, str)
    if kind == COUNT_OR_NULL:
        return value is None or _is(value, COUNT)
    if kind == NUMBER_OR_NULL:
        return value is None or _is(value, NUMBER)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return (isinstance(value, int) and value >= 0) if kind == COUNT else not math.isnan(value)
