"""What can be claimed of the arms of a comparison? Typed values; `parse.py` reads them, `judging.py` tests them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sadari.comparison.variants import line_name, name_values
from sadari.evaluation.influence import Scale
from sadari.evaluation.metrics import METRICS
from sadari.registry import unknown_name
from sadari.settings import Value

# What can be claimed of an arm, with its name in sentences. drop: accuracy lost from validation to the judging images.
FIGURES: Mapping[str, str] = {
    "accuracy": "accuracy",
    "loss": "loss",
    "top_5": "top-5 accuracy",
    "macro_f1": "macro F1",
    "macro_precision": "macro precision",
    "macro_recall": "macro recall",
    "balanced_accuracy": "balanced accuracy",
    "weighted_f1": "weighted F1",
    "calibration_error": "calibration error",
    "mcc": "Matthews's correlation",
    "kappa": "Cohen's kappa",
    "auc": "area under the ROC curve",
    "average_precision": "average precision",
    "val_accuracy": "validation accuracy",
    "train_accuracy": "train accuracy",
    "gap": "gap between train and test accuracy",
    "drop": "drop from validation to test accuracy",
    "seconds": "seconds of training",
    "turn": "epoch of the least validation loss",
    "rise": "rise of the validation loss after its least value",
}
_NO_SHARES = ("loss", "mcc", "kappa", "gap", "drop", "seconds", "turn", "rise")
SHARES = tuple(name for name in FIGURES if name not in _NO_SHARES)  # in [0, 1], beside those of plug-ins
ARMS = "arms"  # argmax(accuracy over arms)


def known_figure(name: str) -> str:
    """Return the figure of this name: a key of FIGURES, or a metric of a plug-in. Raises UsageError for any other."""
    if name in FIGURES or name in METRICS.plugins():
        return name
    raise unknown_name("figure", name, [*FIGURES, *METRICS.plugins()])


def is_here(figure: str) -> bool:
    """Return whether a figure can be measured: not that of a plug-in which is gone since a comparison was judged."""
    return figure in FIGURES or figure in METRICS


def words_of(figure: str) -> str:
    """Return the name of a figure in sentences; that of a plug-in is its own."""
    return FIGURES.get(figure, figure)


def is_share(figure: str) -> bool:
    """Return whether a figure is in [0, 1]."""
    if figure in FIGURES or figure not in METRICS:
        return figure in SHARES
    return METRICS.get(figure).scale is Scale.SHARE


@dataclass(frozen=True)
class Quantity:
    """A figure of an arm. figure: a key of FIGURES, or a metric of a plug-in."""

    figure: str
    arm: str


@dataclass(frozen=True)
class Relation:
    """An order of `left` and `right`, another quantity or a number. sign: >, >=, <, <= or =.

    margin: the largest difference that counts as none, None where none is given; `=` always has one. So `left > right`
    claims a difference above the margin, `left >= right` one above -margin, `left = right` one between the two.
    """

    left: Quantity
    sign: str
    right: Quantity | float
    margin: float | None = None


@dataclass(frozen=True)
class Extremum:
    """The value of `key` with the highest (or lowest) `figure`. arms: the arm of each value; value: the claimed one."""

    highest: bool
    figure: str
    key: str
    arms: Mapping[str, str]
    value: str


@dataclass(frozen=True)
class Reaches:
    """A best validation accuracy of the first `epochs` epochs of at least `level`."""

    arm: str
    level: float
    epochs: int


@dataclass(frozen=True)
class Fails:
    """Training that breaks off in every seed."""

    arm: str


Test = Relation | Extremum | Reaches | Fails


@dataclass(frozen=True)
class Claim:
    """A claim. text: as it was written. words: as its author says it. test: what is tested."""

    text: str
    words: str
    test: Test


def claimed_to_fail(claims: Sequence[Claim]) -> set[str]:
    """Return the arms that are claimed to fail, whose failure is no failure of the study."""
    return {claim.test.arm for claim in claims if isinstance(claim.test, Fails)}


def lines_of(key: str, arms: Mapping[str, Mapping[str, Value]]) -> dict[str, dict[str, str]]:
    """Return the arms in which `key` is varied: line -> value -> arm. A line is an arm's name without its KEY=VALUE.

    arms: the settings and variables of each arm, by name.
    """
    lines: dict[str, dict[str, str]] = {}
    for arm, overrides in arms.items():
        value = name_values(arm, overrides).get(key)
        if value is not None:
            lines.setdefault(line_name(arm, key, overrides), {})[value] = arm
    return lines
