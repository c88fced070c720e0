"""Which images does a comparison use, and what should a reader know about them?"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from sadari.comparison.analysis.copied_pairs import copied_pairs
from sadari.comparison.analysis.data_facts import DataFacts
from sadari.comparison.groups.grouping import Grouping, grouping_of, read_grouping
from sadari.comparison.inputs import judging_split
from sadari.data.check import check
from sadari.data.copies.apart import DROP
from sadari.data.prepare import Preprocess
from sadari.errors import SadariError
from sadari.files import read_json, undamaged
from sadari.progress import Progress
from sadari.run import PREPROCESS, RunRecord
from sadari.values import SPLITS, ImageSet, Split

# What a reader should know where no test images judge, by the split that judges.
JUDGED: dict[str, tuple[str, ...]] = {
    "test": (),
    "val": (
        "the images that chose each model's best epoch also judge it: the figures flatter; keep test images apart",
    ),
    "train": ("the training images judge: the figures say nothing about other images; keep test images apart",),
}


def facts_of(
    name: str, images: ImageSet, split: Split, progress: Progress, known: DataFacts | None = None
) -> DataFacts:
    """Return the facts about `images` under `split`, by a search of all pixels.

    known: the facts about the same images under some split; they are returned without a search where it is this split.
    """
    facts = plain_facts(name, images, split)
    if known and (known.counts, known.shape, known.origin) == (facts.counts, facts.shape, facts.origin):
        return known
    findings = check(images, split, progress=progress)
    searched = replace(
        facts,
        leaks=findings.leaks,
        copied=tuple(sorted(findings.copied(facts.judged_on))),
        pairs=copied_pairs(findings, facts.judged_on),
        sentences=(*facts.sentences, *images.notes, *findings.sentences),
    )
    return _counted(searched, split, grouping_of(images, split.positions(facts.judged_on), findings, facts.judged_on))


def plain_facts(name: str, images: ImageSet, split: Split) -> DataFacts:
    """Return the facts about `images` under `split` that need no search."""
    return _facts(name, split, images.shape, images.classes)


def facts_from_run(name: str, record: RunRecord, folder: Path) -> DataFacts:
    """Return the facts that a finished run stores, for when its images are missing; `leaks` is None.

    folder: of its comparison, which may store which images count together.
    """
    facts = _facts(name, record.split, _shape_read(record), record.answers.classes)
    grouping = read_grouping(folder) or (None if record.groups is None else Grouping(record.groups))
    return _counted(replace(facts, sentences=(*facts.sentences, *record.notes)), record.split, grouping)


def _counted(facts: DataFacts, split: Split, grouping: Grouping | None) -> DataFacts:
    """Add which images count together, and how many such groups judge."""
    if grouping is None:
        return facts
    groups = len(np.unique(grouping.on(split.positions(facts.judged_on))))
    alone = groups == facts.counts[facts.judged_on]
    sentences = (*grouping.sentences, *facts.sentences)
    return replace(facts, grouping=grouping, groups=0 if alone else groups, sentences=sentences)


def _shape_read(record: RunRecord) -> tuple[int, int, int]:
    """Return the height, width and channels of the images as the run reads them."""
    with undamaged(record.path / PREPROCESS):
        preprocess = Preprocess.from_json(read_json(record.path / PREPROCESS))
    return preprocess.height, preprocess.width, preprocess.channels


def with_runs(facts: DataFacts, records: Mapping[str, Sequence[RunRecord]]) -> DataFacts:
    """Add what finished runs, by arm, know of the images: the sizes at which they read them, and notes on teachers.

    Such a note is that a teacher has seen the test images, or how many images an arm leaves out of training that the
    split of `facts` has. A run whose file cannot be read says nothing of its size.
    """
    notes = [str(record.teacher.get("note", "")) for arm in records.values() for record in arm]
    notes += [
        f"{name}: {_left_out(facts, arm[0])}" for name, arm in records.items() if arm and _left_out(facts, arm[0])
    ]
    new = [note for note in dict.fromkeys(notes) if note and note not in facts.sentences]
    read = set()
    for finished in records.values():
        with suppress(SadariError):
            read |= {_shape_read(each)[:2] for each in finished[:1] if not each.is_average}
    return replace(facts, sizes=tuple(sorted(read)), sentences=(*facts.sentences, *new))


def _left_out(facts: DataFacts, record: RunRecord) -> str:
    """Return what a run with copies=drop says of what it left out, where the split of `facts` is one without."""
    settings, origin = record.job.settings, record.split.origin
    said = settings.copies == DROP and origin.startswith(f"{facts.origin}; ")
    return origin.removeprefix(f"{facts.origin}; ") if said else ""


def _facts(name: str, split: Split, shape: tuple[int, int, int], classes: tuple[str, ...]) -> DataFacts:
    split_name = judging_split(split)
    return DataFacts(
        name=name,
        counts={split_name: len(split.positions(split_name)) for split_name in SPLITS},
        shape=shape,
        classes=classes,
        origin=split.origin,
        judged_on=split_name,
        leaks=None,
        sentences=JUDGED[split_name],
    )
