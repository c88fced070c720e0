"""How fast is each model here? The most promising are measured first, for a small part of the budget."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from sadari.comparison.best.cost_model import Counts, Pace, measure
from sadari.comparison.best.shortlist import Field, by_promise, choose_field
from sadari.comparison.best.state import Diary
from sadari.comparison.jobs import Train, reason_of
from sadari.comparison.request import Comparison
from sadari.comparison.variants import Arm
from sadari.progress import Progress
from sadari.values import ImageSet

# Part of the budget for measuring, where somebody begins well (assumed: an epoch of the winner, where it has twenty).
MEASURED = 0.05
LEAST = 2  # models that are measured in any case: where the winner leaves time, another can have it
TOO_LATE = "measuring those that are more promising took the time for it"


@dataclass(frozen=True, eq=False)
class Measuring:
    """What is there to measure? The arms of `asked`, on noise of the shape of `images`.

    counts: of the images of every arm. clock: seconds, as time.perf_counter.
    """

    asked: Comparison
    images: ImageSet
    counts: Counts
    progress: Progress
    train: Train
    clock: Callable[[], float]

    def fill(self, diary: Diary) -> None:
        """Add the paces of the arms to `diary`, or why there is none: one may fail on a sample.

        Once two are measured and somebody begins well, measuring ends with its part of the budget.
        """
        started, arms = self.clock(), {arm.name: arm for arm in self.asked.arms}
        order = [arms[name] for name in by_promise(arms, self.images.shape)]
        met: set[str] = set()
        well = False
        with self.progress.task("measuring", len(order), "models") as task:
            for arm in order:
                kind = arm.model.fitted_by
                if well and len(diary.paces) >= LEAST and diary.measuring >= MEASURED * diary.budget:
                    diary.untried[arm.name] = TOO_LATE
                else:
                    try:
                        if kind not in met:
                            self._load_libraries(kind, order)
                        diary.paces[arm.name] = self._pace(arm)
                    except Exception as error:  # the others can be searched
                        diary.untried[arm.name] = reason_of(error)
                    met.add(kind)
                    diary.measuring = self.clock() - started
                    well = well or self.field(diary).well
                task.advance(1, arm.name)

    def field(self, diary: Diary) -> Field:
        """Who is tried, at the paces that `diary` has?"""
        return choose_field(self.asked, diary, self.counts, self.images.shape)

    def _load_libraries(self, kind: str, order: Sequence[Arm]) -> None:
        """Train one of this kind for nothing, since the first run loads libraries, which is no part of a pace.

        It is the least promising one, which is soon done; where it fails, that is told when its own turn comes.
        """
        last = next(arm for arm in reversed(order) if arm.model.fitted_by == kind)
        with suppress(Exception):
            self._pace(last)

    def _pace(self, arm: Arm) -> Pace:
        return measure(self.asked.data, arm, self.asked.seeds[0], self.images, self.counts, self.train)
