"""How are the finalists trained? The winner in the time that the rounds leave, then others while time is left.

winner, as many passes as fit -> the next best, for at least as long -> further seeds of all of them
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sadari.comparison.best.budget import in_words
from sadari.comparison.best.cost_model import CostModel, Counts
from sadari.comparison.best.halving import TrainingPlan, plan_training
from sadari.comparison.best.search import planned_overrides
from sadari.comparison.best.state import FinalPlan, SearchState
from sadari.comparison.compare import compare
from sadari.comparison.executor import SerialExecutor, Train, reason_of
from sadari.comparison.request import Comparison
from sadari.comparison.result import ComparisonResult, DataFacts
from sadari.errors import SadariError
from sadari.job import Job
from sadari.progress import Progress
from sadari.run import RunRecord
from sadari.run_lookup import FINAL

FINALISTS = 6  # at most (assumed: a table to read at a glance, and few enough pairs to correct p for)
PLANNED_SHARE = 0.95  # of the time left, since a cost is known to a few per cent (assumed)


@dataclass(eq=False)
class Finals:
    """The end of a search. ranking: names of the models to train, the best first; costs: of the same models.

    notes: sentences about the rounds for the reader of the result.
    """

    request: Comparison
    counts: Counts
    state: SearchState
    ranking: Sequence[str]
    costs: Mapping[str, CostModel]
    notes: Sequence[str]
    progress: Progress
    train: Train
    clock: Callable[[], float]
    _facts: DataFacts | None = None

    def run(self, *, robustness: bool = False, margin: float | None = None) -> ComparisonResult:
        """Train as many finalists as the time allows, and compare them on the test images.

        Raises KeyboardInterrupt after Ctrl-C; the decisions so far are stored in the state.
        """
        final_plan = self.state.final_plan or self._first()
        result = self._compare(final_plan, margin=margin)
        while wider := self._wider(final_plan, result):
            final_plan = wider
            result = self._compare(final_plan, margin=margin)
        return self._compare(final_plan, robustness=True, margin=margin) if robustness else result

    def _first(self) -> FinalPlan:
        """Plan the winner alone, with all the time that is left."""
        winner, seconds = self.ranking[0], self.state.left()
        chosen = self._plan(winner, seconds) or self._as_before(winner)
        self.progress.say(f"final: {winner}, {chosen} at most, within {in_words(max(seconds, 0.0))}")
        return FinalPlan({winner: chosen}, 1)

    def _as_before(self, arm: str) -> TrainingPlan:
        """Return the plan of the last round of `arm`, for when the rounds have left no time."""
        done = [TrainingPlan(trial.passes, trial.fraction) for trial in self.state.trials if trial.arm == arm]
        return done[-1] if done else TrainingPlan(1)

    def _wider(self, final_plan: FinalPlan, result: ComparisonResult) -> FinalPlan | None:
        """Add what can be trained in the time that is left, None where nothing can; no seed where a run failed."""
        taken, left = self.state.final_seconds, self.state.left()
        failed = any(arm.reason for arm in result.arms)
        no_model = not any(result.records.values())  # the next one has everything that is left
        longest, places = 0.0 if no_model else max(taken.values()), FINALISTS - len(final_plan.plans)
        others = [name for name in self.ranking if name not in final_plan.plans]
        for arm in others if places and left >= longest else []:
            chosen = self._plan(arm, left if no_model else max(longest, left / min(len(others), places)))
            if chosen is not None:
                self.progress.say(f"final: {arm}, {chosen} at most, as {in_words(left)} are left")
                return FinalPlan({**final_plan.plans, arm: chosen}, final_plan.seeds)
        of_seed = sum(taken.values()) / final_plan.seeds
        if final_plan.seeds < len(self.request.seeds) and left >= of_seed and not failed:
            self.progress.say(f"final: seed {self.request.seeds[final_plan.seeds]}, as {in_words(left)} are left")
            return FinalPlan(final_plan.plans, final_plan.seeds + 1)
        return None

    def _plan(self, arm: str, seconds: float) -> TrainingPlan | None:
        return plan_training(self.costs[arm], self.counts, PLANNED_SHARE * seconds)

    def _compare(
        self, final_plan: FinalPlan, *, robustness: bool = False, margin: float | None = None
    ) -> ComparisonResult:
        self.state.final_plan = final_plan
        self.state.write()
        result = compare(
            self._request(final_plan),
            out=self.state.path.parent / FINAL,
            robustness=robustness,
            margin=margin,
            facts=self._facts,
            progress=self.progress,
            executor=SerialExecutor(self._timed),
        )
        self._facts = result.data
        return result

    def _request(self, final_plan: FinalPlan) -> Comparison:
        arms = {arm.name: arm for arm in self.request.arms}
        return replace(
            self.request,
            arms=tuple(
                replace(arms[name], overrides=planned_overrides(self.request, arms[name], chosen))
                for name, chosen in final_plan.plans.items()
            ),
            seeds=self.request.seeds[: final_plan.seeds],
            title=f"{self._title()} within {in_words(self.state.budget)}",
            notes=(*self.notes, "Models were dropped by time: a faster or less busy machine may keep others."),
        )

    def _title(self) -> str:
        tried = {trial.arm for trial in self.state.trials}
        return f"the best of {len(tried)} models" if tried else f"the most promising of {len(self.request.arms)} models"

    def _timed(self, job: Job, out: Path, **given: object) -> RunRecord:
        """Train, and store the time that it took, also after Ctrl-C; a run that failed before fails at once."""
        if out.name in self.state.final_reasons:
            raise SadariError(self.state.final_reasons[out.name])
        taken, started = self.state.final_seconds, self.clock()
        before = taken.get(out.name, 0.0)
        try:
            record = self.train(job, out, **given)
        except BaseException as error:
            taken[out.name] = before + self.clock() - started
            if isinstance(error, Exception):
                self.state.final_reasons[out.name] = reason_of(error)
            self.state.write()
            raise
        taken[out.name] = max(before + self.clock() - started, record.summary["seconds"]["total"])
        self.state.write()
        return record
