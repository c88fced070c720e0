"""What stands on the report page, as plain values? `gather` fills them, tests assert them, the page only draws them.

Everything here becomes one JSON document inside the page: strings, numbers, tuples and mappings, nothing else. Shares
and probabilities lie in [0, 1]. A picture is named by its place in `Pictures.ids`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

Number = int | float


@dataclass(frozen=True)
class Facts:
    """On which images was compared? `sentences`: what `data check` found and what the split means, gravest first.

    leaks: None where the images could not be found again, so that nobody could look for leaks.
    """

    name: str
    counts: Mapping[str, int]
    classes: tuple[str, ...]
    shape: tuple[int, int, int]
    origin: str
    judged_on: str
    leaks: int | None
    sentences: tuple[str, ...]
    balance: Mapping[str, tuple[int, ...]]  # images of each class in train, val and test


@dataclass(frozen=True)
class Pictures:
    """The pictures that the page can show, as one sheet: `sheet` is a data URI of `columns` x rows squares of `side`.

    ids, labels (places in `Facts.classes`): one per picture, in the order of the sheet. sheet is "" (and side 0) where
    the images could not be found again; ids and labels are there then, too.
    """

    sheet: str
    side: int
    columns: int
    ids: tuple[str, ...]
    labels: tuple[int, ...]


@dataclass(frozen=True)
class Example:
    """A picture as one arm sees it: `predicted` class, and how many of its seeds predict that class.

    probability: the mean over all seeds of the arm, also over those that predict another class.
    """

    picture: int
    predicted: int
    probability: float
    seeds: int


@dataclass(frozen=True)
class Curve:
    """One figure of one seed over the epochs; `value` has one entry per epoch."""

    seed: int
    split: str  # train or val
    figure: str  # loss or accuracy
    value: tuple[float, ...]


@dataclass(frozen=True)
class ClassRow:
    """How good is an arm on one class, or on an average of classes? Means over seeds; `name` says which average."""

    name: str
    precision: float | None
    recall: float | None
    f1: float | None
    support: int


@dataclass(frozen=True)
class Bin:
    """Images whose highest probability lies in [low, high): how sure was the arm, and how often was it right?"""

    low: float
    high: float
    confidence: float
    accuracy: float
    images: float


@dataclass(frozen=True)
class LayerRow:
    """One layer as it was written, what it is called, its output, and one phrase on how that shape came about."""

    text: str
    name: str
    output: str
    params: int
    trainable: int
    how: str


@dataclass(frozen=True)
class ArmPage:
    """Everything about one arm. `scores`: metric name -> mean over seeds. `cells`: "true,predicted" -> pictures.

    confusion: () where there are too many classes for a matrix (cells are then those that hold the most images), and
    for arms of a long sweep that are not among the best; these have no cells, mistakes, classes, calibration and layers
    either.
    cell_images: images that at least one seed puts into the cell, for every cell in `cells`; the most telling of them
    are shown. published: what somebody else reports for the arm, by metric. layers: the images first, the class layer
    last; () for what is no network, or has no weights any more.
    """

    name: str
    model: str
    status: str
    reason: str
    settings: Mapping[str, str]
    seeds: tuple[int, ...]
    accuracy: tuple[float, float, float, float] | None  # mean, sd over seeds, low, high
    train_accuracy: float | None
    val_accuracy: float | None
    gap: float | None
    scores: Mapping[str, float]
    params: int | None
    seconds: float | None
    seconds_per_epoch: float | None
    images_per_second: float | None
    best_epoch: float | None
    diagnosis: str
    curves: tuple[Curve, ...]
    confusion: tuple[tuple[float, ...], ...]  # mean over seeds; rows are the truth
    cells: Mapping[str, tuple[Example, ...]]
    mistakes: tuple[Example, ...]  # the worst ones: wrong and sure
    per_class: tuple[ClassRow, ...]
    calibration: tuple[Bin, ...]
    calibration_error: float | None
    runs: tuple[str, ...]
    cell_images: Mapping[str, int] = field(default_factory=dict)
    published: Mapping[str, float] = field(default_factory=dict)
    layers: tuple[LayerRow, ...] = ()


@dataclass(frozen=True)
class Pair:
    """Does a beat b? As `values.Verdict`."""

    a: str
    b: str
    difference: float
    low: float
    high: float
    p: float
    verdict: str
    sentence: str


@dataclass(frozen=True)
class SweepPoint:
    """One value of the varied setting: accuracy and loss, each with mean, low and high."""

    value: float
    arm: str
    accuracy: tuple[float, float, float]
    loss: tuple[float, float, float]


@dataclass(frozen=True)
class SweepPage:
    """How do accuracy and loss move with one setting? `best`: the arm that is shown to be best, or "".

    fit: points (value, accuracy, low, high) of a fitted curve for each line, where there is one. sentence: what it
    says, such as what twice the data would bring. Where train_fraction was varied, the key is "training images" and the
    values are their numbers.
    """

    key: str
    lines: Mapping[str, tuple[SweepPoint, ...]]
    best: str
    fit: Mapping[str, tuple[tuple[float, float, float, float], ...]]
    sentence: str


@dataclass(frozen=True)
class Robustness:
    """How does accuracy fall under a corruption? rows: arm -> accuracy at each level, uncorrupted first."""

    corruption: str
    levels: tuple[str, ...]
    rows: Mapping[str, tuple[float, ...]]


@dataclass(frozen=True)
class ClaimRow:
    """What came of a claim? verdict: "supported", "refuted" or "not shown"; words: as its author says it, or ""."""

    claim: str
    words: str
    verdict: str
    sentence: str


@dataclass(frozen=True)
class Report:
    """The whole page. `verdict`: the one sentence of the first screen. arms: best first, failed ones last.

    samples: the sample grid. hardest: pictures that every seed of every arm gets wrong, and what most of them say
    instead; `seeds` counts the runs that say it, over all arms. hardest_images: how many such images there are; the
    first of them are shown.
    command: what reproduces all of it. environment: what it ran on, as label -> text.
    """

    title: str
    made: str
    verdict: str
    conclusions: tuple[str, ...]
    notes: tuple[str, ...]
    facts: Facts
    arms: tuple[ArmPage, ...]
    pairs: tuple[Pair, ...]
    sweeps: tuple[SweepPage, ...]
    robustness: tuple[Robustness, ...]
    pictures: Pictures
    samples: tuple[int, ...]
    hardest: tuple[Example, ...]
    command: str
    environment: Mapping[str, str]
    version: str
    hardest_images: int = 0
    claims: tuple[ClaimRow, ...] = ()
