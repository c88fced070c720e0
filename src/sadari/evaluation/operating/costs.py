"""What do wrong decisions cost, and what is saved by deciding for the least expected cost, not the likeliest class?

Of a class with probability p[k], deciding j costs sum(p[k] cost[k, j]) on average; the least of these is decided
(Elkan, The Foundations of Cost-Sensitive Learning, IJCAI 2001). That is as good as the probabilities are. For two
classes a threshold chosen on validation, whatever they mean, stands beside it.
"""

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sadari.errors import SadariError, UsageError
from sadari.evaluation import figures
from sadari.evaluation.figures import Difference
from sadari.evaluation.influence import PerImage, Scale
from sadari.evaluation.operating.curves import curve_of
from sadari.evaluation.operating.points import SHOWN, Judges
from sadari.values import Interval, Predictions

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]
ARROW = "->"
MOST = 1e12  # of a cost: squares of larger ones overflow in the end (assumed)
HOW = "name a CSV with the classes as header and first column (rows: the truth), or TRUE->SAID=COST,TRUE->SAID=COST"
LIKELIEST, EXPECTED, CHOSEN = "most probable class", "least expected cost", "threshold of least cost on validation"


@dataclass(frozen=True, eq=False)
class Costs:
    """What each decision costs: float64 (K, K), rows the true class, columns the class that is said."""

    classes: tuple[str, ...]
    matrix: Floats

    @classmethod
    def of(cls, given: "str | Path | Mapping[tuple[str, str], float]", classes: Sequence[str]) -> "Costs":
        """Return the costs in a CSV file, in pairs such as "ants->bees=5,bees->ants=1", or in a mapping of such pairs.

        Of pairs that are not named, a wrong class costs 1 and the right one 0. Raises UsageError for another shape, for
        other classes, a file that is not there, and costs that are negative or no numbers; SadariError for a file that
        cannot be read.
        """
        if isinstance(given, Mapping):
            return cls._of_pairs(given, tuple(classes))
        if isinstance(given, str) and ARROW in given:
            return cls._of_pairs(_pairs(given), tuple(classes))
        try:
            text = Path(given).read_text(encoding="utf-8-sig")
        except FileNotFoundError:
            raise UsageError(f"the costs '{given}' are neither a file nor pairs; {HOW}") from None
        except (OSError, ValueError) as error:  # ValueError: no UTF-8, or a name that no file has
            raise SadariError(f"cannot read the costs in '{given}': {error}; {HOW}") from None
        return cls._of_table(text, str(given), tuple(classes))

    @classmethod
    def _of_pairs(cls, pairs: Mapping[tuple[str, str], float], classes: tuple[str, ...]) -> "Costs":
        matrix = 1.0 - np.eye(len(classes))
        for (true, said), cost in pairs.items():
            for name in (true, said):
                if name not in classes:
                    known = ", ".join(classes[:SHOWN]) + (", ..." if len(classes) > SHOWN else "")
                    raise UsageError(f"the costs name the class '{name}', which the model does not know: {known}")
            matrix[classes.index(true), classes.index(said)] = _cost(cost, f"{true}{ARROW}{said}")
        return cls(classes, matrix)

    @classmethod
    def _of_table(cls, text: str, name: str, classes: tuple[str, ...]) -> "Costs":
        try:
            read = [[cell.strip() for cell in row] for row in csv.reader(StringIO(text))]
        except csv.Error as error:
            raise UsageError(f"the costs in '{name}' are no table: {error}; {HOW}") from None
        rows = [row for row in read if any(row)]
        said, true = rows[0][1:] if rows else [], [row[0] for row in rows[1:]]
        for there in (said, true):
            if sorted(there) != sorted(classes):
                have, need = ", ".join(there) or "none", ", ".join(classes)
                raise UsageError(f"the costs in '{name}' are of the classes {have}, not {need}; {HOW}")
        if any(len(row) != len(classes) + 1 for row in rows):
            raise UsageError(f"the costs in '{name}' are no square table of {len(classes)} classes; {HOW}")
        matrix = np.empty((len(classes), len(classes)))
        for row in rows[1:]:
            for column, cell in zip(said, row[1:], strict=True):
                matrix[classes.index(row[0]), classes.index(column)] = _cost(cell, f"{row[0]}{ARROW}{column}")
        return cls(classes, matrix)

    def decisions(self, predictions: Predictions) -> Numbers:
        """Return the class of the least expected cost for each image, int64 (N,); the first of equal ones."""
        expected = predictions.probabilities.astype(np.float64) @ self.matrix
        return np.asarray(expected.argmin(axis=1), dtype=np.int64)

    def paid(self, labels: Numbers, said: Numbers) -> Floats:
        """Return the cost of each image, float64 (N,)."""
        return np.asarray(self.matrix[labels, said])

    @property
    def unit(self) -> float:
        """Return what one more wrong image costs: the root mean square of the costs of wrong classes."""
        wrong = self.matrix[~np.eye(len(self.classes), dtype=np.bool_)]
        return float(np.sqrt((wrong**2).mean())) if len(wrong) else 0.0


@dataclass(frozen=True)
class Decided:
    """The mean cost of one way to decide on the images that judge, with its 95 % interval.

    otherwise: how many images are decided otherwise than by the most probable class; saved: its mean cost minus this
    one, paired by image, None of that way itself. threshold: of the second class, where there is one.
    """

    by: str
    cost: Interval
    otherwise: int = 0
    saved: Difference | None = None
    threshold: float | None = None


def cost_table(costs: Costs, test: Judges, val: Judges | None = None) -> tuple[Decided, ...]:
    """Return the mean cost of the most probable class, of the least expected cost, and by a threshold.

    The last is for two classes where `val` is given, on which it is chosen.
    """
    said = test.predictions
    ways: list[tuple[str, Numbers, float | None]] = [(EXPECTED, costs.decisions(said), None)]
    if val is not None and len(costs.classes) == 2:
        threshold = cheapest_threshold(costs, val.predictions)
        chosen = (said.probabilities[:, 1].astype(np.float64) >= threshold).astype(np.int64)
        ways.append((CHOSEN, chosen, threshold))
    likeliest = _measured(costs, said, said.predicted, test.groups)
    rows = [Decided(LIKELIEST, figures.interval(likeliest))]
    for by, decided, at in ways:
        found = _measured(costs, said, decided, test.groups)
        saved = figures.difference(likeliest, found)
        rows.append(Decided(by, figures.interval(found), int((decided != said.predicted).sum()), saved, at))
    return tuple(rows)


def cheapest_threshold(costs: Costs, predictions: Predictions) -> float:
    """Return the threshold of the second of two classes with the least mean cost; the highest of equal ones."""
    curve = curve_of(predictions, costs.classes[1])
    (right_first, alarm), (miss, hit) = costs.matrix.tolist()
    total = (
        curve.hits * hit
        + (curve.images - curve.hits) * miss
        + curve.alarms * alarm
        + (curve.others - curve.alarms) * right_first
    )
    return float(curve.thresholds[int(np.argmin(total))])


def _measured(costs: Costs, predictions: Predictions, said: Numbers, groups: Numbers | None) -> figures.Measured:
    paid = PerImage(costs.paid(predictions.labels, said), costs.unit)
    return figures.measured([paid], Scale.POSITIVE, groups=groups)


def _pairs(text: str) -> dict[tuple[str, str], float]:
    pairs = {}
    for each in text.split(","):
        names, equals, cost = each.rpartition("=")
        true, arrow, said = names.partition(ARROW)
        if not equals or not arrow:
            raise UsageError(f"'{each}' is no cost of a pair; {HOW}")
        pairs[true.strip(), said.strip()] = _cost(cost, names)
    return pairs


def _cost(given: str | float, pair: str) -> float:
    try:
        cost = float(given)
    except (TypeError, ValueError):
        cost = math.nan
    if not 0 <= cost <= MOST:
        raise UsageError(f"the cost of {pair} is a number from 0 to {MOST:g}, not '{given}'")
    return cost
