"""What do the plots of a search show, as plain data? `plots/tuning.py` and the page draw what is returned here."""

from collections.abc import Sequence
from dataclasses import dataclass

from sadari.settings import Value
from sadari.tuning.finals import DEFAULT
from sadari.tuning.request import SPEED
from sadari.tuning.result import TuneResult
from sadari.tuning.space import Range, shown
from sadari.tuning.trials import DONE, Trial

MOST_AXES = 8  # of the parallel coordinates, the most important settings first (assumed: more are a thicket)


@dataclass(frozen=True)
class Axis:
    """One setting that was searched. values: the choices as text, in their order; none of numbers.

    low, high: of numbers. log: whether they are on a logarithmic axis. importance: in [0, 1]; None where not known.
    """

    key: str
    low: float
    high: float
    log: bool
    values: tuple[str, ...] = ()
    importance: float | None = None

    def place(self, value: Value) -> float:
        """Return where a value is on the axis: a number as it is, of choices the position."""
        return float(self.values.index(shown(value))) if self.values else float(value)


@dataclass(frozen=True)
class Point:
    """One trial. params: its settings as text, places: where they are on the axes, both in the order of these.

    accuracy, loss: on validation images; None where there are none. best: the highest accuracy of the trials that were
    done by then. finalist: whether it was judged on test images.
    """

    number: int
    state: str
    accuracy: float | None
    loss: float | None
    params: tuple[str, ...]
    places: tuple[float, ...]
    best: float | None
    images_per_second: float | None
    seconds: float
    epochs: int
    reason: str
    default: bool = False
    finalist: bool = False
    front: bool = False


@dataclass(frozen=True)
class TrialsPlot:
    """All trials of a search: what every one of its plots shows. Axes: the most important setting first."""

    title: str
    axes: tuple[Axis, ...]
    points: tuple[Point, ...]
    speed: bool = False

    @property
    def done(self) -> tuple[Point, ...]:
        """The trials that are done, in their order."""
        return tuple(point for point in self.points if point.state == DONE and point.accuracy is not None)


def trials_plot(result: TuneResult) -> TrialsPlot:
    """Return the trials of `result` as the plots show them."""
    axes = _axes(result)
    judged = set(result.final.records) if result.final is not None else set()
    front = {trial.number for trial in result.front}
    points, best = [], None
    for trial in result.trials:
        if trial.state == DONE and trial.accuracy is not None:
            best = trial.accuracy if best is None else max(best, trial.accuracy)
        points.append(_point(trial, axes, best, trial.number in front, judged))
    name = result.request.model.name
    return TrialsPlot(f"{name} tuned: {result.counts}", axes, tuple(points), SPEED in result.request.objectives)


def _axes(result: TuneResult) -> tuple[Axis, ...]:
    found = []
    for key, searched in result.request.space.items():
        importance = result.importances.get(key)
        if isinstance(searched, Range):
            found.append(Axis(key, searched.low, searched.high, searched.log, importance=importance))
        else:
            values = tuple(shown(each) for each in searched.values)
            found.append(Axis(key, 0.0, len(values) - 1.0, log=False, values=values, importance=importance))
    return tuple(sorted(found, key=lambda axis: -(axis.importance or 0.0)))


def _point(trial: Trial, axes: Sequence[Axis], best: float | None, front: bool, judged: set[str]) -> Point:
    return Point(
        number=trial.number,
        state=trial.state,
        accuracy=trial.accuracy,
        loss=trial.loss,
        params=tuple(shown(trial.params[axis.key]) for axis in axes),
        places=tuple(axis.place(trial.params[axis.key]) for axis in axes),
        best=best,
        images_per_second=trial.images_per_second,
        seconds=trial.seconds,
        epochs=trial.epochs,
        reason=trial.reason,
        default=trial.default,
        finalist=trial.name in judged or (trial.default and DEFAULT in judged),
        front=front,
    )
