"""Which values do the packages hand to each other? Frozen, checked when made, free of torch."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from sadari.notebook import GALLERY, card, fact, gallery

if TYPE_CHECKING:
    import pandas as pd

SPLITS = ("train", "val", "test")
NOTHING_KNOWN = 0.005  # an accuracy's interval that ends nearer than this to 0 and to 1 excludes nothing (assumed)
SAMPLES = 5  # images of each class that a notebook shows


class RowAccess(Protocol):
    """Something of each image, such as its pixels, (N, ...): an array, or rows that are made when they are read."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype[Any]: ...

    @property
    def ndim(self) -> int: ...

    def __len__(self) -> int: ...

    def __getitem__(self, which: Any, /) -> NDArray[Any]:
        """Return the rows at `which`, as NumPy reads it: a position, a slice, or an array of positions."""
        ...

    def __iter__(self) -> Iterator[Any]: ...

    def __array__(self, dtype: None = None, /, *, copy: bool | None = None) -> NDArray[Any]: ...


@runtime_checkable
class Prefetching(Protocol):
    """Rows that take time to make, and are made in advance where it is known which come next."""

    def prefetch(self, order: NDArray[np.int64]) -> None:
        """Expect reads of the rows at the positions in `order`, in this order, in pieces of any size."""


def prefetch(rows: RowAccess, order: NDArray[np.int64]) -> None:
    """Announce to `rows` the positions that are read next, where they can be made in advance; an array has them all."""
    if isinstance(rows, Prefetching):
        rows.prefetch(order)


@dataclass(frozen=True, eq=False)
class ImageSet:
    """A set of images with their labels, classes and ids.

    images: uint8 (N, H, W, C) with C = 1 (grey) or 3 (RGB), usually a read-only memory map; rows that are decoded when
    they are read where a set is streamed.
    labels: int64 (N,), positions in `classes`.
    ids: unicode (N,), unique: a path inside the source, or a name such as "test/00042".
    source_split: unicode (N,), the split that the source itself gives ("train", "val", "test"), or "".
    fingerprint: hexadecimal digest of the content (pixels' source bytes, labels, ids, classes, source split).
    notes: sentences that the user should see, such as what was resized.
    evidence: optional bool (N, H, W), true at the pixels that show the class (drawn sets only).
    white_level: the 16-bit value that became 255 in all images; 0 where no image had 16 bits.
    groups: optional int64 (N,), positions in `group_names`: images of one group, such as those of one patient, belong
    together; None where each is by itself.
    pixels_of: the fingerprint of the set with the same images in the same order, where decisions or groups gave this
    one another; "" where its own is that.

    Raises ValueError where shapes, dtypes or labels contradict each other.
    """

    name: str
    images: RowAccess
    labels: NDArray[np.int64]
    ids: NDArray[np.str_]
    classes: tuple[str, ...]
    source_split: NDArray[np.str_]
    fingerprint: str
    notes: tuple[str, ...] = ()
    evidence: NDArray[np.bool_] | None = None
    white_level: int = 0
    groups: NDArray[np.int64] | None = None
    group_names: tuple[str, ...] = ()
    pixels_of: str = ""

    def __post_init__(self) -> None:
        if self.images.dtype != np.uint8 or self.images.ndim != 4 or self.images.shape[3] not in (1, 3):
            raise ValueError(f"images must be uint8 (N, H, W, 1 or 3), not {self.images.dtype} {self.images.shape}")
        count = len(self.images)
        if not len(self.labels) == len(self.ids) == len(self.source_split) == count:
            raise ValueError(
                f"{count} images with {len(self.labels)} labels, {len(self.ids)} ids, {len(self.source_split)} splits"
            )
        if count and not 0 <= int(self.labels.min()) <= int(self.labels.max()) < len(self.classes):
            raise ValueError(f"labels must lie in 0..{len(self.classes) - 1}")
        if self.groups is not None and len(self.groups) != count:
            raise ValueError(f"{count} images with {len(self.groups)} groups")

    def __len__(self) -> int:
        return len(self.images)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Return (height, width, channels) of every image."""
        _, height, width, channels = self.images.shape
        return height, width, channels

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per image, in their order: id, label (the name of its class) and source_split ("" if none).

        Where there are groups, a column `group` has the name of that of each image.
        """
        import pandas as pd

        label = np.asarray(self.classes)[self.labels]
        frame = pd.DataFrame({"id": self.ids, "label": label, "source_split": self.source_split})
        return frame if self.groups is None else frame.assign(group=np.asarray(self.group_names)[self.groups])

    def __repr__(self) -> str:
        return f"<ImageSet {self.name}: {self._about}>"

    @property
    def _about(self) -> str:
        height, width, channels = self.shape
        kind = "grey" if channels == 1 else "colour"
        return f"{len(self):,} images · {width}x{height} {kind} · {len(self.classes):,} classes"

    def _repr_html_(self) -> str:
        """Return what a notebook shows: how many images of which size, and some of each class; less than 100 kB."""
        counts = {split_name: np.count_nonzero(self.source_split == split_name) for split_name in SPLITS}
        source_split = " · ".join(f"{count:,} {split_name}" for split_name, count in counts.items() if count)
        more = len(self.classes) - GALLERY
        return card(
            self.name,
            (self._about, f"given as {source_split}" if source_split else "", *self.notes),
            gallery([self._some(label) for label in range(len(self.classes))[:GALLERY]]),
            fact(f"... and {more:,} more classes" if more > 0 else ""),
            fact(f"fingerprint {self.fingerprint}"),
        )

    def _some(self, label: int) -> tuple[str, int, NDArray[np.uint8]]:
        """Return the name of a class, how many images it has, and some of them, spread over the set."""
        places = np.flatnonzero(self.labels == label)
        spread = np.linspace(0, len(places) - 1, min(SAMPLES, len(places))).astype(np.int64)
        return self.classes[label], len(places), self.images[places[spread]]


@dataclass(frozen=True, eq=False)
class Split:
    """The images of train, val and test.

    train, val, test: sorted int64 positions in the ImageSet, disjoint; val may be empty, test may be empty.
    origin: one phrase that says where the split comes from, printed beside every table.
    """

    train: NDArray[np.int64]
    val: NDArray[np.int64]
    test: NDArray[np.int64]
    origin: str

    def positions(self, name: str) -> NDArray[np.int64]:
        """Return the positions of the split `name` ("train", "val" or "test")."""
        return {"train": self.train, "val": self.val, "test": self.test}[name]


@dataclass(frozen=True, eq=False)
class Predictions:
    """The probabilities that one model gives for some images.

    ids: unicode (N,); labels: int64 (N,); probabilities: float32 (N, K), rows sum to 1.
    seconds: wall time of the forward passes, preparation included; decoding too where images are streamed.
    """

    ids: NDArray[np.str_]
    labels: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    classes: tuple[str, ...]
    seconds: float

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def predicted(self) -> NDArray[np.int64]:
        """Return the most probable class of each image, int64 (N,)."""
        return np.asarray(np.argmax(self.probabilities, axis=1), dtype=np.int64)

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per image with the columns of `predictions.csv`: id, label, prediction, probabilities."""
        import pandas as pd

        names = np.asarray(self.classes)
        about = pd.DataFrame({"id": self.ids, "label": names[self.labels], "prediction": names[self.predicted]})
        return pd.concat([about, pd.DataFrame(self.probabilities, columns=list(self.classes))], axis=1)


@dataclass(frozen=True, eq=False)
class Answers:
    """The class that one model predicts for each image: `Predictions` without the probabilities.

    ids: unicode (N,); labels, predicted: int64 (N,), positions in `classes`.
    """

    ids: NDArray[np.str_]
    labels: NDArray[np.int64]
    predicted: NDArray[np.int64]
    classes: tuple[str, ...]

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Return which images are classified correctly, bool (N,)."""
        return np.asarray(self.predicted == self.labels)


@dataclass(frozen=True, eq=False)
class Judged:
    """What a model answers for some images. probabilities: float32 (N, K).

    scores: float32 (N,), how known each is; None where that was not decided. threshold: from which score on it is.
    """

    probabilities: NDArray[np.float32]
    scores: NDArray[np.float32] | None = None
    threshold: float = 0.0

    def __len__(self) -> int:
        return len(self.probabilities)

    def __getitem__(self, which: slice) -> "Judged":
        """Return the same for some of the images."""
        return Judged(self.probabilities[which], None if self.scores is None else self.scores[which], self.threshold)


@dataclass(frozen=True)
class Score:
    """The metrics of some predictions. `values` maps a metric's registered name to its value, in registry order."""

    values: Mapping[str, float]
    images: int

    def __getitem__(self, metric: str) -> float:
        return self.values[metric]


@dataclass(frozen=True)
class Interval:
    """An estimate: `mean` with its 95 % interval, and the standard deviation `sd` over seeds (0 for one seed).

    low = high where there is no interval: that of a score on the training images would say nothing about others.
    """

    mean: float
    sd: float
    low: float
    high: float

    @property
    def exists(self) -> bool:
        """Whether there is an interval."""
        return self.low < self.high

    @property
    def span(self) -> str:
        """The interval for a table: "-" where there is none, "unknown" where it excludes no accuracy."""
        if not self.exists:
            return "-"
        unknown = self.low < NOTHING_KNOWN and self.high > 1 - NOTHING_KNOWN
        return "unknown" if unknown else f"{self.low:.3f} - {self.high:.3f}"


@dataclass(frozen=True)
class Verdict:
    """The comparison of arm `a` with arm `b`. difference = accuracy of a minus b, on the same images, in [-1, 1].

    low, high: its 95 % interval. p: the p-value of no difference. margin, equal_p: where a margin is given, the
    p-value of a difference at least as large as that.
    verdict: "better", "worse", "no difference shown" or "equal within M" (of `margin`). estimand: what it speaks of,
    such as "these models, this training set"; "" where that was not stored.
    """

    a: str
    b: str
    difference: float
    low: float
    high: float
    p: float
    verdict: str
    sentence: str = field(default="")
    margin: float | None = None
    equal_p: float | None = None
    estimand: str = ""

    @property
    def shown(self) -> bool:
        """Whether it is shown that one of the two is better."""
        return self.verdict in ("better", "worse")
