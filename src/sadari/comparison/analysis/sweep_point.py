"""What does one value of a varied setting give? The point of every sweep and of every learning curve."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sadari.run import RunRecord
from sadari.values import Interval


@dataclass(frozen=True)
class SweepPoint:
    """One value of a varied setting and its arm: accuracy with its interval, loss with its lowest and highest seed.

    value: of the setting; of train_fraction, the number of training images that the runs counted.
    """

    arm: str
    value: float
    accuracy: Interval
    loss: float
    loss_low: float
    loss_high: float

    @classmethod
    def of(cls, arm: str, value: float, accuracy: Interval, records: Sequence[RunRecord]) -> "SweepPoint":
        """Return the point of `arm`, whose finished runs are `records` (at least one)."""
        summaries = [record.summary for record in records]
        losses = [summary["scores"][summary["judged_on"]]["loss"] for summary in summaries]
        return cls(arm, value, accuracy, float(np.mean(losses)), min(losses), max(losses))
