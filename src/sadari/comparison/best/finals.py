"""How are the finalists trained? The winner in the time that the rounds leave, then others while time is left.

winner, as many passes as fit -> the next best -> models not measured yet -> further seeds
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sadari.comparison.analysis.data_facts import DataFacts
from sadari.comparison.best.budget import in_words
from sadari.comparison.best.candidates import draws, untried
from sadari.comparison.best.cost_model import CostModel, Counts, caches_features, without_features
from sadari.comparison.best.halving import TrainingPlan, plan_training
from sadari.comparison.best.profiler import Profiler
from sadari.comparison.best.search import planned_overrides
from sadari.comparison.best.shortlist import BEGINNINGS, passes_to_begin
from sadari.comparison.best.state import FinalPlan, SearchState
from sadari.comparison.compare import compare
from sadari.comparison.executor import SerialExecutor, Train, reason_of
from sadari.comparison.request import Comparison
from sadari.comparison.result import ComparisonResult
from sadari.comparison.variants import folder_name
from sadari.errors import SadariError
from sadari.job import Job
from sadari.progress import Progress
from sadari.run import RunRecord
from sadari.run_lookup import FINAL

FINALISTS = 6  # at most (assumed: a table to read at a glance, and few enough pairs to correct p for)
# Share of the budget that is worth using: less is what planning leaves, and says little of a model (assumed).
WORTH_USING = 0.1
PLANNED_SHARE = 0.95  # of the time left, since a cost is known to a few per cent (assumed)


@dataclass(eq=False)
class Finals:
    """The end of a search. ranking: names of the models to train, the best first; costs: of the same models.

    profiler: measures further models. notes: sentences about the rounds for the reader of the result.
    """

    request: Comparison
    profiler: Profiler
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
        self._report_rest()
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
        no_model = not any(result.records.values())  # the next one has everything that is left
        added = self._another(final_plan, no_model) or self._unmeasured(final_plan)
        left = self.state.left()
        if added is not None:
            arm, chosen = added
            self.progress.say(f"final: {arm}, {chosen} at most, as {in_words(left)} are left")
            return FinalPlan({**final_plan.plans, arm: chosen}, final_plan.seeds)
        failed = any(arm.reason for arm in result.arms)
        if final_plan.seeds < len(self.request.seeds) and 0 < self._seconds_of_seed(final_plan) <= left and not failed:
            self.progress.say(f"final: seed {self.request.seeds[final_plan.seeds]}, as {in_words(left)} are left")
            return FinalPlan(final_plan.plans, final_plan.seeds + 1)
        return None

    def _another(self, final_plan: FinalPlan, no_model: bool) -> tuple[str, TrainingPlan] | None:
        """Return the next model with its plan: for at least as long as the others, else one that still begins well."""
        places, left = FINALISTS - len(final_plan.plans), self.state.left()
        known = dict.fromkeys([*self.ranking, *self.state.late_costs])
        others = [name for name in known if name not in final_plan.plans] if places else []
        longest = 0.0 if no_model else max(self.state.final_seconds.values())
        share = left if no_model else max(longest, left / max(min(len(others), places), 1))
        begins = passes_to_begin(self.request, self.counts)
        well = {name: BEGINNINGS * passes for name, passes in begins.items()}
        hurried = all(plan.passes < well[name] for name, plan in final_plan.plans.items())  # then another may be, too
        for seconds, worth in ((share, share <= left), (left, self._worth_using())):
            for name in others if worth else []:
                chosen = self._plan(name, seconds)
                if chosen is not None and (chosen.passes >= well[name] or (hurried and seconds == share)):
                    return name, chosen
        return None

    def _unmeasured(self, final_plan: FinalPlan) -> tuple[str, TrainingPlan] | None:
        """Measure models for which there was no time at first, until one can be trained; return it with its plan."""
        while self._worth_using() and len(final_plan.plans) < FINALISTS:
            if self.profiler.measure_another(self.state) is None:
                break
            added = self._another(final_plan, no_model=False)
            if added is not None:
                return added
        return None

    def _worth_using(self) -> bool:
        """Return whether what is left is more than planning a run leaves."""
        return self.state.left() >= WORTH_USING * self.state.budget

    def _seconds_of_seed(self, final_plan: FinalPlan) -> float:
        """Return how long one more seed takes; 0 where every finalist learns the same with every seed."""
        once = {folder_name(name, self.request.seeds[0]) for name in final_plan.plans if not self._draws(name)}
        return sum(taken for run, taken in self.state.final_seconds.items() if run not in once) / final_plan.seeds

    def _draws(self, name: str) -> bool:
        return draws(self._job(name))

    def _job(self, name: str) -> Job:
        arm = next(each for each in self.request.arms if each.name == name)
        return self.request.job(arm, self.request.seeds[0])

    def _report_rest(self) -> None:
        """Say why time is left, where it is more than what planning leaves."""
        if not self._worth_using():
            return
        rest = f"{in_words(self.state.left())} of {in_words(self.state.budget)} are left"
        self.progress.say(f"{rest}: no further model or seed fits into them; a smaller budget is enough here")

    def _plan(self, arm: str, seconds: float) -> TrainingPlan | None:
        cost = self.costs.get(arm) or self.state.late_costs[arm]
        if arm not in self._tried() and self._features(arm) in map(self._features, self._tried()):
            cost = without_features(cost, self.counts)
        return plan_training(cost, self.counts, PLANNED_SHARE * seconds)

    def _tried(self) -> set[str]:
        """Return the names of the models that have trained on the images themselves."""
        planned = self.state.final_plan.plans if self.state.final_plan else {}
        return {trial.arm for trial in self.state.trials if trial.accuracy is not None} | set(planned)

    def _features(self, name: str) -> object:
        """Return what decides the cached features of a model; the name itself where it caches none."""
        job = self._job(name)
        return (job.backbone, job.settings.image_size) if caches_features(job) else name

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
            seen=False,
        )
        self._facts = result.data
        return result

    def _request(self, final_plan: FinalPlan) -> Comparison:
        arms = {arm.name: arm for arm in self.request.arms}
        return replace(
            self.request,
            arms=tuple(
                replace(
                    arms[name],
                    overrides=planned_overrides(self.request, arms[name], chosen),
                    once=not self._draws(name),
                )
                for name, chosen in final_plan.plans.items()
            ),
            seeds=self.request.seeds[: final_plan.seeds],
            title=f"{self._title()} within {in_words(self.state.budget)}",
            notes=(
                *self.notes,
                *untried(self._never_tried()),
                "Models were dropped by time: a faster or less busy machine may keep others.",
            ),
        )

    def _never_tried(self) -> dict[str, str]:
        return {name: why for name, why in self.state.untried.items() if name not in self.state.late_costs}

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
