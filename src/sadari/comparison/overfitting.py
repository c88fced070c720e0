"""When did a model stop learning what holds for other images? One sentence from its histories."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

# By how much the mean validation loss must rise above its least value to be called over-fitting (assumed: wiggles
# of a flat curve stay below it).
RISE = 1.05

History = Sequence[Mapping[str, float]]


def overfitting(name: str, histories: Sequence[History], by_gradient: bool) -> str:
    """Does `name` stop gaining on validation, and what is worth trying? "" where there is no validation.

    histories: one per seed; judged is the mean of the validation loss over the seeds, on the epochs that all have.
    """
    validation, training = mean_curve(histories, "val_loss"), mean_curve(histories, "train_loss")
    if len(validation) < 2:
        return ""
    best = int(np.argmin(validation))
    unit = "epoch" if by_gradient else "pass"
    if best == len(validation) - 1:
        advice = "; more epochs are worth trying" if by_gradient else ""
        return f"{name} still gains on validation at its last {unit} ({best + 1}){advice}."
    risen = validation[-1] >= RISE * validation[best]
    still_learning = len(training) == len(validation) and training[-1] < training[best]
    if risen and still_learning:
        advice = "; augmentation is the next thing to try" if by_gradient else ""
        return f"{name} stops gaining on validation after {unit} {best + 1} and over-fits from there{advice}."
    return f"{name} gains nothing more on validation after {unit} {best + 1} of {len(validation)}."


def still_gains(histories: Sequence[History]) -> bool:
    """Is the last epoch the best one on validation, so that more may help? True where there is no validation."""
    validation = mean_curve(histories, "val_loss")
    return not len(validation) or int(np.argmin(validation)) == len(validation) - 1


def mean_curve(histories: Sequence[History], column: str) -> NDArray[np.float64]:
    """The mean of `column` over the seeds, for the epochs that all seeds have; empty where one has none."""
    curves = [[row[column] for row in history if column in row] for history in histories]
    length = min((len(curve) for curve in curves), default=0)
    shared = np.array([curve[:length] for curve in curves], dtype=np.float64).reshape(len(curves), length)
    return np.asarray(shared.sum(axis=0) / max(len(curves), 1), dtype=np.float64)
