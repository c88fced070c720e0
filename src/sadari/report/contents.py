"""What stands on the report page, as plain values? `build_report` makes them, tests assert them, the page draws them.

Where another room has a value for it (an arm, a verdict, the facts about the images), the page holds that very value.
Everything becomes one JSON document inside the page: strings, numbers, tuples and mappings, nothing else. Shares and
probabilities are in [0, 1]. A picture is named by its position in `Pictures.ids`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sadari.comparison.analysis.data_facts import DataFacts
from sadari.comparison.analysis.robustness import CorruptionAccuracy
from sadari.comparison.arm_result import ArmResult
from sadari.comparison.claims.verdict import ClaimVerdict
from sadari.evaluation.per_class import ClassScore
from sadari.evaluation.probabilities.calibration import ReliabilityBin
from sadari.report.figures import Sweep
from sadari.report.maps.copies import CopiesView
from sadari.report.maps.view import MapView
from sadari.report.thresholds import ThresholdCurve
from sadari.values import Verdict


@dataclass(frozen=True)
class Pictures:
    """The pictures that the page can show, as one sheet: `sheet` is a data URI of `columns` x rows squares of `side`.

    ids, labels (positions in `DataFacts.classes`): one per picture, in the order of the sheet. sheet is "" (and side 0)
    where the images could not be found again; ids and labels are there then, too.
    """

    sheet: str
    side: int
    columns: int
    ids: tuple[str, ...]
    labels: tuple[int, ...]


@dataclass(frozen=True)
class Example:
    """A picture as one arm sees it: the `predicted` class, and how many of the arm's seeds predict that class.

    probability: the mean over all seeds of the arm, also over those that predict another class.
    """

    picture: int
    predicted: int
    probability: float
    seeds: int


@dataclass(frozen=True)
class Cell:
    """The images behind one cell of a confusion matrix. shown: the most informative ones, first. images: how many.

    An image counts where at least one seed puts it into the cell.
    """

    shown: tuple[Example, ...]
    images: int


@dataclass(frozen=True)
class SeedCurve:
    """One figure of one seed over the epochs; `value` has one entry per epoch."""

    seed: int
    split: str  # train or val
    figure: str  # loss or accuracy
    value: tuple[float, ...]


@dataclass(frozen=True)
class LayerRow:
    """One layer as it was written, its name, its output, its parameters, and how shape and parameters came about."""

    text: str
    name: str
    output: str
    params: int
    trainable: int
    how: str
    params_how: str = ""


@dataclass(frozen=True)
class Detail:
    """What the page shows of one of the best arms beyond its row, its curves and its diagnosis.

    confusion: the mean over the seeds, rows are the truth; () where there are too many classes for a matrix. cells:
    "true,predicted" -> images; where there is no matrix, only the cells that hold the most images. mistakes: the most
    confident wrong predictions. layers: the images first, the class layer last; () for what is no network, or has no
    weights any more. caution: a sentence where the probabilities are not to be trusted, else "". thresholds: the curves
    of each class, by the first of the arm's networks. uncalibrated: as `calibration`, without the temperature; () where
    there is none. about_calibration: sentences on it.
    """

    confusion: tuple[tuple[float, ...], ...] = ()
    cells: Mapping[str, Cell] = field(default_factory=dict)
    mistakes: tuple[Example, ...] = ()
    per_class: tuple[ClassScore, ...] = ()
    calibration: tuple[ReliabilityBin, ...] = ()
    calibration_error: float | None = None
    layers: tuple[LayerRow, ...] = ()
    caution: str = ""
    uncalibrated: tuple[ReliabilityBin, ...] = ()
    about_calibration: tuple[str, ...] = ()
    thresholds: tuple[ThresholdCurve, ...] = ()


@dataclass(frozen=True)
class ArmPage:
    """One arm: its figures, what its curves say in sentences, its curves, and its detail.

    result: as the comparison has it, but settings as texts, runs named from the folder of the comparison, and without
    its `Diagnosis`. detail: empty for arms of a long sweep that are not among the best. networks: how many
    of its networks judged each image of the detail, one for each of its `networks_are`: seeds, or repeats of folds.
    about_seeds: how many of several networks have learnt nothing, as a sentence; "" for a single network.
    """

    result: ArmResult
    diagnosis: str
    curves: tuple[SeedCurve, ...]
    detail: Detail
    networks: int = 1
    networks_are: str = "seeds"
    about_seeds: str = ""


@dataclass(frozen=True)
class Report:
    """The whole page. `verdict`: the one sentence of the first screen. arms: best first, failed ones last.

    balance: the number of images of each class in each split. samples: the sample grid. hardest: pictures that every
    seed of every arm gets wrong, and what most of them predict instead; `seeds` counts the runs that predict it, over
    all arms. hardest_images: how many such images there are; the first of them are shown. command: what reproduces all
    of it. environment: what it ran on, as label -> text. borrowing: what the
    seeds of all arms show together, with its assumption; None where nothing is borrowed. map: of the images that judge.
    copies: those that an earlier split has, side by side; None without any.
    """

    title: str
    made: str
    verdict: str
    conclusions: tuple[str, ...]
    notes: tuple[str, ...]
    facts: DataFacts
    balance: Mapping[str, tuple[int, ...]]
    arms: tuple[ArmPage, ...]
    pairs: tuple[Verdict, ...]
    sweeps: tuple[Sweep, ...]
    robustness: tuple[CorruptionAccuracy, ...]
    pictures: Pictures
    samples: tuple[int, ...]
    hardest: tuple[Example, ...]
    command: str
    environment: Mapping[str, str]
    version: str
    hardest_images: int = 0
    claims: tuple[ClaimVerdict, ...] = ()
    borrowing: Mapping[str, Any] | None = None
    map: MapView | None = None
    copies: CopiesView | None = None
