"""How much accuracy is left under shift, rotation, noise, blur, less contrast and another background?

Read from `robustness.json`, which `corruption_robustness.py` stores in each run folder: which of the judging images the
run got right at each level. The file belongs to its weights, images and split; where one of them has changed, it is not
used.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np

from sadari.comparison.correct import correctness
from sadari.errors import SadariError
from sadari.evaluation.statistics import Bools, Numbers, interval
from sadari.files import read_json
from sadari.plugins.used import checked_records, described, is_here
from sadari.run import ENSEMBLE, MODEL, PREPROCESS, RunRecord
from sadari.values import Interval

if TYPE_CHECKING:
    from sadari.data.corruptions import Corruption
    from sadari.registry import Registry

FILE = "robustness.json"
VERSION = 1  # raise it whenever the same levels give other pixels


@dataclass(frozen=True)
class CorruptionAccuracy:
    """The accuracy of each arm under one corruption.

    levels: uncorrupted (0) first, then ascending; labels: the levels as text. rows: arm -> accuracy at each level,
    with its interval over seeds and images.
    """

    corruption: str
    summary: str
    levels: tuple[float, ...]
    labels: tuple[str, ...]
    rows: Mapping[str, tuple[Interval, ...]]


@dataclass(frozen=True)
class Robustness:
    """The robustness of the arms: one entry per corruption that could be judged; notes: what could not, and why."""

    corrupted: tuple[CorruptionAccuracy, ...]
    notes: tuple[str, ...] = ()

    @property
    def arms(self) -> tuple[str, ...]:
        """The arms that were judged under some corruption, in the order of the comparison."""
        return tuple(dict.fromkeys(arm for each in self.corrupted for arm in each.rows))

    def document(self) -> dict[str, Any]:
        """Return the robustness as plain values, for JSON."""
        corrupted = [asdict(each) for each in self.corrupted]
        # As 0.1.0 named it, for scripts that read it; it goes with the next release.
        old_entries = [{**each, "disturbance": each["corruption"]} for each in corrupted]
        return {"corrupted": corrupted, "disturbed": old_entries, "notes": list(self.notes)}


def read_robustness(
    records: Mapping[str, Sequence[RunRecord]], notes: Sequence[str] = (), groups: Numbers | None = None
) -> Robustness | None:
    """Read the robustness of each arm under the corruptions for which all of its runs were judged.

    records: the finished runs by arm. notes: further notes for the reader. groups: of the images that judge. None where
    nothing is stored.
    """
    found = {arm: [_valid(record) for record in of_arm] for arm, of_arm in records.items() if of_arm}
    known = {arm: [each for each in documents if each] for arm, documents in found.items()}
    known = {arm: documents for arm, documents in known.items() if len(documents) == len(found[arm])}
    plain = {arm: correctness(records[arm]) for arm in known}
    corrupted, reasons = [], []
    for corruption in _corruptions() if known else ():
        rows = {}
        for arm, documents in known.items():
            entries = [each["disturbed"].get(corruption.name) for each in documents]
            judged = [entry for entry in entries if entry and tuple(entry["levels"]) == corruption.levels]
            if len(judged) == len(entries):
                rows[arm] = (interval(plain[arm], groups=groups), *_intervals(judged, plain[arm].shape[1], groups))
            reasons += [entry["reason"] for entry in entries if entry and entry["reason"]]
        if rows:
            levels = (0.0, *corruption.levels)
            labels = ("none", *(corruption.label(level) for level in corruption.levels))
            corrupted.append(CorruptionAccuracy(corruption.name, corruption.summary, levels, labels, rows))
    sentences = tuple(dict.fromkeys((*reasons, *_gone(known), *notes)))
    return Robustness(tuple(corrupted), sentences) if corrupted or notes else None


def _corruptions() -> "Registry[Corruption]":
    """Return what images are corrupted by; that loads torch, which reading a result otherwise does without."""
    from sadari.data.corruptions import CORRUPTIONS

    return CORRUPTIONS


def _gone(known: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    """Return a sentence for each corruption that is stored and that no plug-in offers here any more."""
    entries = [entry for documents in known.values() for each in documents for entry in each["disturbed"].values()]
    records = [entry["plugin"] for entry in entries if "plugin" in entry]
    return [f"{described(each)} is not here, so it is left out" for each in records if not is_here(each)]


def belonging(record: RunRecord) -> dict[str, Any]:
    """Return the weights, images, split and version to which a `robustness.json` of this run belongs.

    Raises SadariError where the run has no model.
    """
    digest = sha256()
    try:
        for name in (ENSEMBLE if record.is_ensemble else MODEL, PREPROCESS):
            digest.update((record.path / name).read_bytes())
    except OSError as error:
        raise SadariError(
            f"the run {record.path} has no model to judge on corrupted images: {error.strerror}"
        ) from None
    split_name = str(record.summary["judged_on"])
    positions = np.ascontiguousarray(record.split.positions(split_name), dtype="<i8")
    return {
        "version": VERSION,
        "model": digest.hexdigest(),
        "data": record.fingerprint,
        "part": split_name,
        "positions": sha256(positions.tobytes()).hexdigest(),
        "images": len(positions),
    }


def stored(record: RunRecord) -> dict[str, Any]:
    """Read the run's `robustness.json`, {"belongs_to", "disturbed"}; without entries where none is valid.

    Raises SadariError where the run has no model.
    """
    belongs_to = belonging(record)
    try:
        document = read_json(record.path / FILE)
    except SadariError:
        document = {}
    entries = document.get("disturbed")
    if document.get("belongs_to") != belongs_to or not isinstance(entries, dict):
        entries = {}
    sound = {name: entry for name, entry in entries.items() if _is_sound(entry, belongs_to["images"])}
    return {"belongs_to": belongs_to, "disturbed": sound}


def entry_of(levels: Sequence[float], correct: Bools) -> dict[str, Any]:
    """Make the file's entry of one corruption: the accuracy at each level, and which images were correct, as bits.

    correct: bool (levels, images).
    """
    packed = [np.packbits(row).tobytes().hex() for row in correct]
    return {"levels": list(levels), "accuracy": correct.mean(axis=1).tolist(), "right": packed, "reason": ""}


def entry_without(reason: str) -> dict[str, Any]:
    """Make the file's entry of a corruption that these images do not allow."""
    return {"levels": [], "accuracy": [], "right": [], "reason": reason}


def _is_sound(entry: Any, images: int) -> bool:
    try:
        checked_records([entry["plugin"]] if "plugin" in entry else [])
        return len(entry["levels"]) == len(_unpacked(entry, images)) and isinstance(entry["reason"], str)
    except (KeyError, TypeError, ValueError):
        return False


def _unpacked(entry: Mapping[str, Any], images: int) -> Bools:
    """Return the bits of an entry, bool (levels, images); raises ValueError for a wrong number of bits."""
    rows = [np.frombuffer(bytes.fromhex(text), dtype=np.uint8) for text in entry["right"]]
    if any(len(row) != -(-images // 8) for row in rows):
        raise ValueError("the bits are not as many as the images")
    return np.array([np.unpackbits(row, count=images) for row in rows], dtype=np.bool_).reshape(len(rows), images)


def _valid(record: RunRecord) -> dict[str, Any] | None:
    if not (record.path / FILE).is_file():
        return None
    try:
        document = stored(record)
    except SadariError:
        return None
    return document if document["disturbed"] else None


def _intervals(entries: Sequence[Mapping[str, Any]], images: int, groups: Numbers | None) -> list[Interval]:
    """Return one interval per level, from one entry per seed."""
    correct = np.stack([_unpacked(entry, images) for entry in entries])  # (seeds, levels, images)
    return [interval(correct[:, level], groups=groups) for level in range(correct.shape[1])]
