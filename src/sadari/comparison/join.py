"""Which runs belong to one arm, and may they be compared? Same model and settings, other seeds."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sadari.comparison.command import MACHINE, short_model
from sadari.comparison.stored import StoredArm
from sadari.comparison.variants import Arm, folder_name
from sadari.errors import SadariError, UsageError
from sadari.models.catalog import recorded_model
from sadari.run import PREDICTIONS, RunRecord
from sadari.settings import Settings, Value

DIGITS = 8  # of a digest in the name of an arm: enough to distinguish a few files


def arm_of_run(path: Path) -> StoredArm:
    """Return the run in the folder `path` as an arm without a name.

    Raises UsageError where there is no run, SadariError where it is not finished.
    """
    record = RunRecord.open(path)
    if not record.finished:
        raise SadariError(f"the run {path} is not finished; finish it with: sadari resume {path}")
    job = record.job
    return StoredArm(Arm("", recorded_model(job.model, record.layers)), job, (record,))


def join_arms(arms: Sequence[StoredArm]) -> tuple[StoredArm, ...]:
    """Join the arms with the same model, layers, weights, teacher, settings and variables; in order of appearance.

    Their runs are sorted by seed. Settings of the machine (device, threads, ...) make no difference; precision does.
    Each arm gets a name of its own: the one it has, else its model's, with what distinguishes it from others of that
    name. Raises UsageError where an arm has a seed twice.
    """
    groups: dict[tuple[Any, ...], list[StoredArm]] = {}
    for arm in arms:
        groups.setdefault(_identity(arm), []).append(arm)
    joined = [_joined(group) for group in groups.values()]
    distinct = _distinct(joined)
    return tuple(replace(each, arm=arm) for each, arm in zip(joined, distinct, strict=True))


def require_same_images(records: Sequence[RunRecord]) -> None:
    """Raise UsageError, naming two runs, where not all were judged on the same images."""
    seen = [_judges(record) for record in records]
    for record, judges in zip(records[1:], seen[1:], strict=True):
        difference = seen[0].difference(judges)
        if difference:
            raise UsageError(
                f"{records[0].path} and {record.path} were judged on different images ({difference}); name runs that "
                "were judged on the same ones, or train anew on the same split"
            )


@dataclass(frozen=True, eq=False)
class _Judges:
    """The images that judged a run: the fingerprint of all images, and the ids of those that judged."""

    fingerprint: str
    ids: NDArray[np.str_]

    def difference(self, other: "_Judges") -> str:
        if self.fingerprint != other.fingerprint:
            return "the content of their data differs"
        if np.array_equal(self.ids, other.ids):
            return ""
        shared = len(np.intersect1d(self.ids, other.ids))
        return f"{shared:,} of {len(self.ids):,} and {len(other.ids):,} are the same"


def fingerprint_of(record: RunRecord) -> str:
    """Return the fingerprint of the images of a run; raises SadariError where its folder is damaged."""
    return record.fingerprint


def _judges(record: RunRecord) -> _Judges:
    return _Judges(fingerprint_of(record), record.answers.ids)


def _decisive(arm: StoredArm) -> dict[str, Value]:
    """Return the settings and variables that decide the runs of an arm, as they were resolved."""
    job = arm.records[0].job if arm.records else arm.job
    settings = {each.name: getattr(job.settings, each.name) for each in fields(Settings) if each.name not in MACHINE}
    return {**settings, **job.variables}


def _layers(arm: StoredArm) -> str:
    """Return the layers as they were trained: a file of that name may have had others on another day."""
    return arm.records[0].layers if arm.records else ""


def _weights(arm: StoredArm) -> str:
    """Return the digest of the pre-trained weights: a model of that name may have had others on another day."""
    return arm.records[0].weights_sha256 if arm.records else ""


def _teacher(arm: StoredArm) -> str:
    """Return the digest of the teacher: a folder of that name may have held another one on another day."""
    return str(arm.records[0].teacher.get("sha256", "")) if arm.records else ""


def _identity(arm: StoredArm) -> tuple[Any, ...]:
    return (
        short_model(arm.job.model),
        _layers(arm),
        _weights(arm),
        _teacher(arm),
        tuple(sorted(_decisive(arm).items())),
    )


def _joined(group: Sequence[StoredArm]) -> StoredArm:
    first = group[0]
    records: dict[int, RunRecord] = {}
    for record in (record for arm in group for record in arm.records):
        held = records.setdefault(record.job.seed, record)
        if held.path != record.path and _predictions(held) == _predictions(record):
            continue  # two comparisons share a baseline: equal predictions count once
        if held is not record:
            raise UsageError(
                f"{held.path} and {record.path} are two runs of {short_model(first.job.model)} with seed "
                f"{record.job.seed}; name one of them"
            )
    published = {name: value for arm in reversed(group) for name, value in arm.arm.published.items()}
    named = next((arm.arm for arm in group if arm.arm.name), first.arm)
    reasons = tuple(dict.fromkeys(reason for arm in group for reason in arm.reasons))
    return replace(
        first,
        arm=replace(named, published=published),
        records=tuple(records[seed] for seed in sorted(records)),
        reasons=reasons,
    )


def _predictions(record: RunRecord) -> bytes:
    return (record.path / PREDICTIONS).read_bytes()


def _distinct(arms: Sequence[StoredArm]) -> list[Arm]:
    """Give each arm a distinct name, and as overrides its differences from other arms of the same name."""
    bases = [arm.arm.name or short_model(arm.job.model) for arm in arms]
    named = [_with_difference(arm, base, arms, bases) for arm, base in zip(arms, bases, strict=True)]
    taken: Counter[str] = Counter()
    distinct = []
    for arm in named:
        folder = folder_name(arm.name, 0)
        taken[folder] += 1
        distinct.append(arm if taken[folder] == 1 else replace(arm, name=f"{arm.name} {taken[folder]}"))
    return distinct


def _with_difference(arm: StoredArm, base: str, arms: Sequence[StoredArm], bases: Sequence[str]) -> Arm:
    mine = _decisive(arm)
    alike = [_decisive(other) for other, name in zip(arms, bases, strict=True) if name == base]
    differing = {key: value for key, value in mine.items() if any(other.get(key) != value for other in alike)}
    words = [f"{key}={_printed(value)}" for key, value in differing.items()]
    weights = {_weights(other) for other, name in zip(arms, bases, strict=True) if name == base}
    words += [f"weights={_weights(arm)[:DIGITS]}"] if len(weights - {""}) > 1 else []
    teachers = {_teacher(other) for other, name in zip(arms, bases, strict=True) if name == base}
    if len(teachers - {""}) > 1 and "teacher" not in differing:
        words.append(f"teacher={_teacher(arm)[:DIGITS]}")
    unsaid = [word for word in words if f" {word} " not in f" {base} "]
    return replace(arm.arm, name=" ".join([base, *unsaid]), overrides={**arm.arm.overrides, **_texts(differing)})


def _texts(values: Mapping[str, Value]) -> dict[str, Value]:
    return {key: _printed(value) for key, value in values.items()}


def _printed(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
