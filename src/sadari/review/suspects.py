"""Which labels of a set are probably wrong, and what was decided about them already?"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sadari.data.copies.search import Found, find_copies
from sadari.data.decisions.apply import Reviewed, require_fit
from sadari.data.decisions.file import (
    AUTO,
    DROP,
    KINDS,
    NONE,
    RELABEL,
    Decision,
    Decisions,
    beside,
    chosen_file,
    read_decisions,
)
from sadari.data.load import has_no_place, open_source
from sadari.data.sources.base import FileContent, Source
from sadari.errors import SadariError, UsageError
from sadari.evaluation.labels.confident import Confident, Noise, confident_learning
from sadari.files import exists, expanded
from sadari.inference.device import resolve_machine, use_machine
from sadari.progress import Progress, Silent
from sadari.review.desk import Desk
from sadari.review.features import AUTO as BY_LOOK
from sadari.review.features import Reader, reader_for
from sadari.review.out_of_fold import FOLDS, OutOfFold, out_of_fold
from sadari.settings import Value
from sadari.values import ImageSet

if TYPE_CHECKING:
    import pandas as pd

Positions = NDArray[np.int64]
# Fewer images of a class than folds: models often miss them all, and most labels look wrong (seen: all 6 of 3 classes).
FEW = FOLDS


@dataclass(frozen=True)
class Suspect:
    """An image whose label is probably wrong. position: in the set. probability: of the suggested class.

    own: the probability of the label that it has. Both are by models that have not seen the image. sure: whether it is
    a suspect by confident learning; else another class is more probable, but not as sure as usual for that class.
    """

    position: int
    file: str
    label: str
    suggested: str
    probability: float
    own: float
    sure: bool


@dataclass(frozen=True, eq=False)
class Review:
    """A set of images, what models that have not seen an image say about its label, and what was decided by hand.

    images: as the source gives them, without any decision. path: of the decisions, None where they have no place yet.
    labels: int64 (N,), with the decisions. active: bool (N,), which images are not dropped. outcome, found: of the
    active images, in their order. copies: among all images. origin: what the models read, in words.
    """

    data: str
    images: ImageSet
    source: Source
    path: Path | None
    decisions: Decisions
    labels: Positions
    active: NDArray[np.bool_]
    rows: NDArray[np.float32]
    outcome: OutOfFold
    found: Confident
    noise: Noise
    copies: Found
    origin: str
    unreadable: tuple[str, ...] = ()

    @property
    def positions(self) -> Positions:
        """Return the positions of the active images, which `outcome` and `found` speak of."""
        return np.flatnonzero(self.active).astype(np.int64)

    @property
    def suspects(self) -> tuple[Suspect, ...]:
        """Return the images with probably wrong labels about which nothing was decided, the most suspect first."""
        return tuple(each for each in self.listed if each.sure)

    @property
    def listed(self) -> tuple[Suspect, ...]:
        """Return the suspects, and the images for which another class is more probable, in one order: by margin."""
        positions, sure = self.positions, self.found.suspects
        return tuple(
            each
            for at in self.found.ranked().tolist()
            if (sure[at] or self.found.margins[at] < 0)
            and (each := self._suspect(at, int(positions[at]))).file not in self.decisions
        )

    def _suspect(self, at: int, position: int) -> Suspect:
        label, suggested = int(self.found.labels[at]), int(self.found.suggested[at])
        chances = self.outcome.probabilities[at]
        return Suspect(
            position,
            str(self.images.ids[position]),
            self.images.classes[label],
            self.images.classes[suggested],
            float(chances[suggested]),
            float(chances[label]),
            bool(self.found.suspects[at]),
        )

    @property
    def sentences(self) -> tuple[str, ...]:
        """Say what was found, by whom, and what was decided already."""
        many, total = len(self.suspects), len(self.images)
        classes = len(self.images.classes)
        kinds = f"{classes:,} class{'' if classes == 1 else 'es'}"
        lines = [
            f"{self.images.name}: {total:,} image{'' if total == 1 else 's'}, {kinds}, "
            f"{many:,} suspect label{'' if many == 1 else 's'}",
            self._share_sentence(),
        ]
        left = int((~self.found.judged).sum())
        if left and classes > 1:
            lines.append(f"{left:,} images could not be judged: no model had seen another image of their class")
        if self.decisions:
            counts = [f"{sum(each.decision == kind for each in self.decisions.values()):,} {kind}" for kind in KINDS]
            lines.append(f"decided already, in {self.path}: {', '.join(counts)}")
        return tuple(lines)

    def _share_sentence(self) -> str:
        """Say which share of the labels looks wrong, or why nobody can say so."""
        by = f"logistic regression on {self.origin}, fitted in {FOLDS} folds"
        if len(self.images.classes) == 1:
            return "with one class no label can be judged: there is no other that it could have"
        if not self.has_share:
            return (
                f"no share of wrong labels is said, since a class has only {self.fewest:,} images; {by}, which has "
                "seen fewer still, ranks the labels, and may confuse correct ones"
            )
        low, high = 100 * self.noise.low, 100 * self.noise.high
        return (
            f"about {100 * self.noise.share:.1f} % (95 % interval {low:.1f} to {high:.1f}) of the labels look wrong to "
            f"{by}; what it confuses counts too"
        )

    @property
    def has_share(self) -> bool:
        """Return whether there are classes, and images of each, enough to say which share of the labels is wrong."""
        return len(self.images.classes) > 1 and self.fewest >= FEW

    @property
    def fewest(self) -> int:
        """Return the number of images of the smallest class, as decided, of those that have any."""
        counts = np.bincount(self.labels[self.active])
        return int(counts[counts > 0].min())

    def pairs(self) -> Iterator[tuple[str, str, float]]:
        """Yield given class, true class and their estimated share of all images; none without `has_share`."""
        for given, true, share in self.noise.pairs() if self.has_share else ():
            yield self.images.classes[given], self.images.classes[true], share

    def typical(self, count: int) -> dict[str, list[int]]:
        """Return the positions of `count` typical pictures of each class: those that other models are most sure of."""
        own = self.outcome.probabilities[np.arange(len(self.found.labels)), self.found.labels]
        order = self.positions[np.argsort(-np.where(self.found.judged, own, -1.0), kind="stable")]
        labels = self.labels[order]
        return {name: order[labels == at][:count].tolist() for at, name in enumerate(self.images.classes)}

    def document(self, top: int | None = None) -> dict[str, Any]:
        """Return plain values, for JSON. top: of the suspects, how many; None for all."""
        suspects, listed = self.suspects, self.listed
        return {
            "data": self.data,
            "name": self.images.name,
            "images": len(self.images),
            "classes": list(self.images.classes),
            "judged_by": self.origin,
            "folds": FOLDS,
            "suspects": len(suspects),
            "wrong_share": {"estimate": self.noise.share, "low": self.noise.low, "high": self.noise.high}
            if self.has_share
            else None,
            "pairs": [{"label": given, "suggested": true, "share": share} for given, true, share in self.pairs()],
            "list": [
                {"file": each.file, "label": each.label, "suggested": each.suggested,
                 "probability": each.probability, "own_probability": each.own, "suspect": each.sure}
                for each in listed[:top]
            ],
            "decisions": str(self.path) if self.path else None,
            "decided": {kind: sum(each.decision == kind for each in self.decisions.values()) for kind in KINDS},
            "unreadable": list(self.unreadable),
            "notes": list(self.images.notes),
        }  # fmt: skip

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per image of `listed`: file, label, suggested, probability, own_probability, suspect."""
        import pandas as pd

        columns = ["file", "label", "suggested", "probability", "own_probability", "suspect"]
        rows = [(each.file, each.label, each.suggested, each.probability, each.own, each.sure) for each in self.listed]
        return pd.DataFrame(rows, columns=columns)

    def decide(self, file: str, decision: str, label: str = "") -> Decision:
        """Write a decision about the image `file` to `path` at once, and return it; see `Desk.decide`."""
        return self.desk().decide(file, decision, label)

    def desk(self) -> Desk:
        """Return where decisions about the set are made. Raises UsageError where they have no place."""
        if self.path is None:
            raise UsageError(
                f"{self.data} has no place for decisions beside it; name a file for them: --decisions FILE.csv"
            )
        return Desk(self.path, self.images, self.source)


def make_review(
    data: str | Path, overrides: Mapping[str, Value], decisions: Path | None = None, progress: Progress | None = None
) -> Review:
    """Judge the label of every image of `data` by models that have not seen it, and read what was decided.

    overrides: settings, and variables of the backbone. decisions: the file that has or gets them; None for that of the
    setting `review`, or the one beside the set. Raises UsageError or SadariError as `load` does.
    """
    progress = progress or Silent()
    path = _file_of(data, str(overrides.get("review", AUTO)), decisions)
    wanted = {**overrides, "review": NONE}
    reader, images, unreadable = _loaded(data, wanted, progress)
    source = open_source(data, reader.settings)
    reviewed = Reviewed(path, read_decisions(path)) if path and exists(path) else None
    if reviewed:
        require_fit(reviewed, images, source)
    decided: Decisions = reviewed.decisions if reviewed else {}
    labels, active = _decided_on(images, decided)
    everything = np.arange(len(images), dtype=np.int64)
    rows = reader.features(images, everything, progress)
    copies = find_copies(images, reader.settings, progress)
    groups, _, _ = copies.joined(images.groups)
    with use_machine(resolve_machine(reader.settings), 1):  # the same suspects, however many cores there are
        outcome = out_of_fold(rows[active], labels[active], len(images.classes), groups[active], 0, progress)
    found = confident_learning(outcome.probabilities, labels[active], outcome.judged)
    noise = found.noise(groups[active])
    return Review(
        str(data), images, source, path, decided, labels, active, rows, outcome, found, noise, copies, reader.origin,
        unreadable,
    )  # fmt: skip


def _file_of(data: str | Path, review: str, decisions: Path | None) -> Path | None:
    """Return the file that has the decisions, or will have them; None where there is no place for one."""
    if decisions is not None:
        return expanded(decisions)
    named = has_no_place(data)
    if review not in (AUTO, NONE):
        return chosen_file(data, named, review)
    return None if named or review == NONE else beside(data)


def _loaded(
    data: str | Path, overrides: Mapping[str, Value], progress: Progress
) -> tuple[Reader, ImageSet, tuple[str, ...]]:
    """Return how the pictures are read, the set, and the files in it that are no images, which are left out."""
    reader = reader_for(data, overrides, BY_LOOK, progress)
    try:
        return reader, reader.load(str(data), progress), ()
    except SadariError:
        if reader.settings.unreadable == "skip":
            raise
        skipping = reader_for(data, {**overrides, "unreadable": "skip"}, BY_LOOK, progress)
        with suppress(SadariError):
            images = skipping.load(str(data), progress)
            content = open_source(data, skipping.settings).content()
            there = set(images.ids.tolist())
            missing = (
                tuple(each.id for each in content.entries if each.id not in there)
                if isinstance(content, FileContent)
                else ()
            )
            return skipping, images, missing
        raise


def _decided_on(images: ImageSet, decisions: Decisions) -> tuple[Positions, NDArray[np.bool_]]:
    """Return the label of each image with the decisions, and which are not dropped."""
    index = {name: at for at, name in enumerate(images.classes)}
    labels, active = images.labels.copy(), np.ones(len(images), dtype=np.bool_)
    for at, name in enumerate(images.ids.tolist()):
        made = decisions.get(name)
        if made and made.decision == DROP:
            active[at] = False
        elif made and made.decision == RELABEL:
            labels[at] = index[made.label]
    return labels, active
