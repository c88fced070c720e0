"""What came out of a trial? Its settings, its figures on validation images, and its run folder, as a plain value."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from sadari.run import RunRecord
from sadari.run_lookup import TRIALS
from sadari.settings import Value
from sadari.tuning.space import in_words

DONE, STOPPED, FAILED, UNDER_WAY = "done", "stopped early", "failed", "under way"


@dataclass(frozen=True)
class Trial:
    """One setting that was tried. accuracy, loss, images_per_second: on the validation images; None where unknown.

    state: done; stopped early, as it promised little or its loss was no longer a number; failed; under way. value: what
    Optuna ranks it by. curve: that value after each epoch. seconds: of work on it, by all processes that had it.
    """

    number: int
    params: Mapping[str, Value]
    state: str
    accuracy: float | None = None
    loss: float | None = None
    value: float | None = None
    images_per_second: float | None = None
    seconds: float = 0.0
    epochs: int = 0
    reason: str = ""
    default: bool = False
    curve: Mapping[int, float] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Return its name in sentences and tables."""
        return f"trial {self.number}"

    @property
    def settings(self) -> str:
        """Return its settings in words."""
        return f"{in_words(self.params)}{' (the default)' if self.default else ''}"

    @property
    def sentence(self) -> str:
        """Return what came out of it."""
        figure = f"{self.accuracy:.4f} on validation" if self.accuracy is not None else "no figure"
        how = "" if self.state == DONE else f", {self.state}{f': {self.reason}' if self.reason else ''}"
        return f"{figure}{how}; {self.settings}"

    def run(self, folder: Path) -> RunRecord:
        """Return its run in the search of `folder`."""
        return RunRecord(trial_folder(folder, self.number))

    def document(self) -> dict[str, Any]:
        """Return it as plain values, for JSON."""
        return {**asdict(self), "params": dict(self.params), "curve": {str(k): v for k, v in self.curve.items()}}


def trial_folder(folder: Path, number: int) -> Path:
    """Return the folder of the run of a trial in the search of `folder`."""
    return folder / TRIALS / f"{number:04d}"


def objective_value(accuracy: float, loss: float, images: int) -> float:
    """Return the accuracy less at most half an image, the more the higher the log loss is.

    So trials are ranked by accuracy, equal ones by log loss, and the value stays the accuracy to half an image. images:
    how many are validated. A loss that is not finite counts as the highest.
    """
    share = loss / (1 + loss) if loss < float("inf") else 1.0
    return accuracy - 0.5 * share / images


def finished(trials: Sequence[Trial]) -> list[Trial]:
    """Return the trials that are done, the best first; of equal values the earlier one."""
    done = [trial for trial in trials if trial.state == DONE and trial.value is not None]
    return sorted(done, key=lambda trial: (-(trial.value or 0.0), trial.number))


def front(trials: Sequence[Trial]) -> list[Trial]:
    """Return the trials that no other one beats both in accuracy and in speed, the most accurate first."""
    best: list[Trial] = []
    for trial in sorted(finished(trials), key=lambda each: (-(each.value or 0.0), -(each.images_per_second or 0.0))):
        if not best or (trial.images_per_second or 0.0) > (best[-1].images_per_second or 0.0):
            best.append(trial)
    return best


def typical_seconds(trials: Sequence[Trial]) -> float:
    """Return how long a trial takes that is not stopped early; 0 before the first is done."""
    done = [trial.seconds for trial in trials if trial.state == DONE and trial.seconds]
    return median(done) if done else 0.0
