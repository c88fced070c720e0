"""How fast is each rung here? The most promising are measured first, for a small part of the budget."""

from collections.abc import Callable, Sequence
from contextlib import suppress

from sadari.comparison.best.diary import Diary
from sadari.comparison.best.pace import Counts, measure
from sadari.comparison.best.promise import by_promise, choose_field
from sadari.comparison.jobs import reason_of
from sadari.comparison.request import Comparison
from sadari.comparison.variants import Arm
from sadari.models.ladder import find_rung
from sadari.progress import Progress
from sadari.run import RunRecord
from sadari.values import ImageSet

# Part of the budget for measuring, where somebody begins well (assumed: an epoch of the winner, where it has twenty).
MEASURED = 0.05
LEAST = 2  # rungs that are measured in any case: where the winner leaves time, another can have it
TOO_LATE = "measuring those that are more promising took the time for it"


def measure_rungs(
    diary: Diary,
    asked: Comparison,
    images: ImageSet,
    counts: Counts,
    progress: Progress,
    trainer: Callable[..., RunRecord],
    clock: Callable[[], float],
) -> None:
    """Add the paces of the arms of `asked` to `diary`, or why there is none: one may fail on a sample.

    Once two are measured and somebody begins well, measuring ends with its part of the budget.
    """
    started, arms = clock(), {arm.name: arm for arm in asked.arms}
    order = [arms[name] for name in by_promise(arms, images.shape)]
    met: set[str] = set()
    well = False
    with progress.task("measuring", len(order), "rungs") as task:
        for arm in order:
            kind = find_rung(arm.model).fitted_by
            if well and len(diary.paces) >= LEAST and diary.measuring >= MEASURED * diary.budget:
                diary.untried[arm.name] = TOO_LATE
            else:
                try:
                    if kind not in met:
                        _load_libraries(kind, order, asked, images, counts, trainer)
                    diary.paces[arm.name] = measure(asked.data, arm, asked.seeds[0], images, counts, trainer)
                except Exception as error:  # the others can be searched
                    diary.untried[arm.name] = reason_of(error)
                met.add(kind)
                diary.measuring = clock() - started
                well = well or choose_field(asked, diary, counts, images.shape).well
            task.advance(1, arm.name)


def _load_libraries(
    kind: str,
    order: Sequence[Arm],
    asked: Comparison,
    images: ImageSet,
    counts: Counts,
    trainer: Callable[..., RunRecord],
) -> None:
    """Train one of this kind for nothing, since the first run loads libraries, which is no part of a pace.

    It is the least promising one, which is soon done; where it fails, that is told when its own turn comes.
    """
    last = next(arm for arm in reversed(order) if find_rung(arm.model).fitted_by == kind)
    with suppress(Exception):
        measure(asked.data, last, asked.seeds[0], images, counts, trainer)
