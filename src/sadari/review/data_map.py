"""What is on the map of a set? Every picture at its place, with its class, its split, and what a run says about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sadari.data.split import draw_split
from sadari.errors import SadariError, UsageError
from sadari.progress import Progress
from sadari.review.features import AUTO, reader_for
from sadari.review.layout import Layout, lay_out
from sadari.review.neighbours import agreement
from sadari.review.sample import drawn_for_map, positions_of
from sadari.run import RunRecord
from sadari.settings import Settings, Value
from sadari.values import SPLITS, ImageSet, Predictions, Split

if TYPE_CHECKING:
    import pandas as pd

MOST = 5_000  # pictures that a browser moves smoothly and t-SNE places in ten seconds of one core (measured)
LEAST, HIGHEST = 10, 20_000  # beyond, the page and the layout take too long (assumed)
# What decides which images a source has, and how they are called: a run's images are loaded with its own.
OF_SOURCE = ("group", "split_folders", "labels", "archive_encoding", "unreadable", "white_level", "max_megapixels")
NOT_JUDGED = -1

Positions = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class DataMap:
    """A map of pictures by what they look like. images: the whole set. positions: of the pictures that are on the map.

    splits: "train", "val", "test" or "" of each picture. origin: what features are, in words. total: how many pictures
    could have been on it. alike: the share of each picture's nearest ones that have its class. run: whose predictions
    these are, "" without one. predicted: int64 (N,), the class by the run, NOT_JUDGED where it did not judge;
    probability: float32 (N,), of that class.
    """

    name: str
    images: ImageSet
    positions: Positions
    splits: tuple[str, ...]
    layout: Layout
    origin: str
    seed: int
    total: int
    alike: NDArray[np.float32]
    run: str = ""
    predicted: Positions | None = None
    probability: NDArray[np.float32] | None = None
    notes: tuple[str, ...] = ()

    @property
    def labels(self) -> Positions:
        """Return the class of each picture, int64 (N,)."""
        return np.asarray(self.images.labels[self.positions])

    @property
    def ids(self) -> NDArray[np.str_]:
        """Return the name of each picture, unicode (N,)."""
        return np.asarray(self.images.ids[self.positions])

    @property
    def wrong(self) -> NDArray[np.bool_]:
        """Return which pictures the run judged and got wrong, bool (N,); none without a run."""
        if self.predicted is None:
            return np.zeros(len(self.positions), dtype=np.bool_)
        return np.asarray((self.predicted != NOT_JUDGED) & (self.predicted != self.labels))

    @property
    def sentences(self) -> tuple[str, ...]:
        """Say what the map shows, and what it does not."""
        kept = self.layout.kept
        shown, total = len(self.positions), self.total
        of = f", a random sample of {total:,} with each class in proportion (seed {self.seed})" if shown < total else ""
        return (
            f"{shown:,} pictures by {self.origin}{of}: near each other are pictures that look alike.",
            f"Of the {kept.nearest} pictures that are most alike by these features, {100 * kept.share:.0f} % are among "
            f"the {kept.nearest} nearest on the map; trustworthiness {kept.trustworthiness:.3f} of 1. Two dimensions "
            "cannot keep more of them, and other seeds give other maps.",
            "Distances between groups that are far from each other mean nothing, nor do the sizes of groups or the "
            "directions of the axes. A picture among those of another class is worth a look: its label may be wrong, "
            "or it is an odd one, or only the features cannot tell the two classes apart.",
            *([self._judged_sentence] if self.predicted is not None else []),
        )

    @property
    def _judged_sentence(self) -> str:
        judged = np.count_nonzero(np.not_equal(self.predicted, NOT_JUDGED)) if self.predicted is not None else 0
        return f"{self.run} judged {judged:,} of these pictures and got {int(self.wrong.sum()):,} wrong."

    def document(self, page: Path | None = None) -> dict[str, Any]:
        """Return plain values, for JSON; page: where the page about it is, if anywhere."""
        frame = self.to_frame()
        rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
        return {
            "data": self.name,
            "images": self.total,
            "shown": len(self.positions),
            "features": self.origin,
            "seed": self.seed,
            "trustworthiness": round(self.layout.kept.trustworthiness, 4),
            "neighbours_kept": round(self.layout.kept.share, 4),
            "neighbours": self.layout.kept.nearest,
            "run": self.run or None,
            "wrong": int(self.wrong.sum()) if self.predicted is not None else None,
            "classes": list(self.images.classes),
            "pictures": rows,
            "sentences": list(self.sentences),
            "notes": list(self.notes),
            "page": str(page.resolve()) if page else None,
        }

    def to_frame(self) -> "pd.DataFrame":
        """Return one row a picture: id, x, y (in 0..1), class, split, alike; with a run predicted and probability."""
        import pandas as pd

        names = np.asarray(self.images.classes)
        x, y = self.layout.places.astype(np.float64).round(4).T
        columns: dict[str, Any] = {"id": self.ids, "x": x, "y": y, "class": names[self.labels], "split": self.splits}
        columns["alike"] = self.alike.astype(np.float64).round(3)
        if self.predicted is not None and self.probability is not None:
            judged = self.predicted != NOT_JUDGED
            predicted = zip(names[self.predicted].tolist(), judged.tolist(), strict=True)
            columns["predicted"] = [name if there else None for name, there in predicted]
            columns["probability"] = np.where(judged, self.probability.astype(np.float64).round(4), np.nan)
        return pd.DataFrame(columns)

    def __repr__(self) -> str:
        return f"<DataMap {self.name}: {len(self.positions):,} pictures by {self.origin}>"


def make_map(
    data: str,
    overrides: Mapping[str, Value],
    progress: Progress,
    run: RunRecord | None = None,
    features: str = AUTO,
    most: int = MOST,
    seed: int = 0,
    folded: tuple[str, Predictions] | None = None,
) -> DataMap:
    """Load the images of `data`, compute their features and lay them out. overrides: settings, variables of a backbone.

    run: a finished run on these images, whose right and wrong answers are on the map. features: one of
    `review.features.READS`. folded: the name of an arm and what its folds say of all images, `run` being one of them.
    most: with more images, a sample is drawn by `seed`, which decides the layout too. Raises
    UsageError for a wrong word or number, SadariError where `run` is not finished or was trained on other images.
    """
    if not LEAST <= most <= HIGHEST:
        raise UsageError(f"--most is a number from {LEAST} to {HIGHEST:,}, not {most}")
    if run is not None:
        if not run.finished:
            raise SadariError(f"the run {run.path} is not finished; finish it with: sadari resume {run.path}")
        settings = run.job.settings
        overrides = {**{name: getattr(settings, name) for name in OF_SOURCE}, **overrides}
    reader = reader_for(data, overrides, features, progress)
    images = reader.load(data, progress)
    if run is not None and run.fingerprint != images.fingerprint:
        raise SadariError(f"the run {run.path} was trained on other images than those of '{data}'; name its own images")
    by, predictions = folded or (run.path.name, run.predictions) if run is not None else ("", None)
    judged = None if predictions is None else positions_of(images, predictions.ids)
    positions = drawn_for_map(images.labels, most, seed, judged)
    rows = reader.features(images, positions, progress)
    layout = lay_out(rows, seed, progress)
    split = None if folded else run.split_of(images) if run else _split(images, reader.settings, progress)
    predicted, probability = (None, None) if predictions is None else answers_at(images, positions, predictions)
    return DataMap(
        name=images.name,
        images=images,
        positions=positions,
        splits=splits_at(images, split, positions),
        layout=layout,
        origin=reader.origin,
        seed=seed,
        total=len(images),
        alike=agreement(layout.near, images.labels[positions]),
        run=by,
        predicted=predicted,
        probability=probability,
        notes=(*images.notes, *([reader.job.note] if reader.job and reader.job.note else [])),
    )


def answers_at(
    images: ImageSet, positions: Positions, predictions: Predictions
) -> tuple[Positions, NDArray[np.float32]]:
    """Return the predicted class of the images at `positions`, NOT_JUDGED where there is none, and its probability."""
    predicted = np.full(len(images), NOT_JUDGED, dtype=np.int64)
    probability = np.zeros(len(images), dtype=np.float32)
    judged = positions_of(images, predictions.ids)
    predicted[judged] = predictions.predicted
    probability[judged] = predictions.probabilities.max(axis=1)
    return predicted[positions], probability[positions]


def splits_at(images: ImageSet, split: Split | None, positions: Positions) -> tuple[str, ...]:
    """Return the split of the images at `positions`; as the source gives it where none could be drawn."""
    if split is None:
        return tuple(images.source_split[positions].tolist())
    of = np.full(len(images), "", dtype="<U5")
    for name in SPLITS:
        of[split.positions(name)] = name
    return tuple(of[positions].tolist())


def _split(images: ImageSet, settings: Settings, progress: Progress) -> Split | None:
    try:
        return draw_split(images, settings, progress)
    except SadariError:  # too few images of a class: they can be looked at all the same
        return None
