"""How fast is each model here? The most promising models are measured first, in a small part of the budget."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from sadari.comparison.best.cost_model import CostModel, Counts, measure
from sadari.comparison.best.halving import SEARCH_SHARE
from sadari.comparison.best.shortlist import Shortlist, choose_shortlist, most_promising_first
from sadari.comparison.best.state import SearchState
from sadari.comparison.executor import Train, reason_of
from sadari.comparison.request import Comparison
from sadari.comparison.variants import Arm
from sadari.progress import Progress
from sadari.values import ImageSet

# Share of the budget for measuring, once a model begins well (assumed: an epoch of the winner, where it has twenty).
MEASURING_SHARE = 0.05
MOST_MEASURING = SEARCH_SHARE / 2  # share of the budget where none does: the rest is better spent on training (assumed)
LEAST_MEASURED = 2  # models that are measured in any case: where the winner leaves time, another can use it
TOO_LATE = "measuring those that are more promising took the time for it"


@dataclass(frozen=True, eq=False)
class Profiler:
    """Measures the arms of `request` on noise of the shape of `images`.

    counts: of the images of every arm. clock: seconds, as time.perf_counter.
    """

    request: Comparison
    images: ImageSet
    counts: Counts
    progress: Progress
    train: Train
    clock: Callable[[], float]

    def measure_all(self, state: SearchState) -> None:
        """Add the cost of each arm to `state`, or the reason why it has none: a run on the sample may fail.

        Once two are measured, measuring ends with its share of the budget: MEASURING_SHARE where a model begins well.
        """
        started, arms = self.clock(), {arm.name: arm for arm in self.request.arms}
        order = [arms[name] for name in most_promising_first(arms, self.images.shape)]
        loaded: set[str] = set()
        begins_well = False
        with self.progress.task("measuring", len(order), "models") as task:
            for arm in order:
                kind = arm.model.fitted_by
                share = MEASURING_SHARE if begins_well else MOST_MEASURING
                if len(state.costs) >= LEAST_MEASURED and state.measuring >= share * state.budget:
                    state.untried[arm.name] = TOO_LATE
                else:
                    try:
                        if kind not in loaded:
                            self._load_libraries(kind, order)
                        state.costs[arm.name] = self._cost(arm)
                    except Exception as error:  # the others can be searched
                        state.untried[arm.name] = reason_of(error)
                    loaded.add(kind)
                    state.measuring = self.clock() - started
                    begins_well = begins_well or self.shortlist(state).begins_well
                task.advance(1, arm.name)

    def measure_another(self, state: SearchState) -> str | None:
        """Measure the most promising of the models for which there was no time at first, and return its name.

        Its cost is added to `state`, or the reason why it has none; None where no model is left.
        """
        late = [name for name, reason in state.untried.items() if reason == TOO_LATE and name not in state.late_costs]
        for name in most_promising_first(late, self.images.shape):
            arm = next(each for each in self.request.arms if each.name == name)
            started = self.clock()
            try:
                state.late_costs[name] = self._cost(arm)
            except Exception as error:  # the next one can be tried
                state.untried[name] = reason_of(error)
            state.late_measuring += self.clock() - started
            if name in state.late_costs:
                return name
        return None

    def shortlist(self, state: SearchState) -> Shortlist:
        """Choose the models to try, by the costs in `state`."""
        return choose_shortlist(self.request, state, self.counts, self.images.shape)

    def _load_libraries(self, kind: str, order: Sequence[Arm]) -> None:
        """Train one model of this kind for nothing, since the first run loads libraries, which is no cost of a model.

        It is the least promising one, which is done soon; if it fails, that is reported when it is measured.
        """
        last = next(arm for arm in reversed(order) if arm.model.fitted_by == kind)
        with suppress(Exception):
            self._cost(last)

    def _cost(self, arm: Arm) -> CostModel:
        return measure(self.request.data, arm, self.request.seeds[0], self.images, self.counts, self.train)
