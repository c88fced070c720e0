"""What are the finalists trained with? The winner with what the rounds have left, others as long as time is left then.

winner, as many passes as fit -> the next best, for as long at least -> further seeds of all of them
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sadari.comparison.best.budget import in_words
from sadari.comparison.best.cost_model import Counts, Pace
from sadari.comparison.best.halving import Plan, plan
from sadari.comparison.best.search import planned_overrides
from sadari.comparison.best.state import Diary, Step
from sadari.comparison.compare import compare
from sadari.comparison.jobs import SerialExecutor, Train, reason_of
from sadari.comparison.request import Comparison
from sadari.comparison.result import ComparisonResult, DataFacts
from sadari.errors import SadariError
from sadari.job import Job
from sadari.progress import Progress
from sadari.run import RunRecord

FINAL = "final"  # the folder of their comparison
FINALISTS = 6  # at most (assumed: a table to read at a glance, and few enough pairs to correct p for)
FILLED = 0.95  # part of the time that is planned for, since a pace is known to a few per cent (assumed)


@dataclass(eq=False)
class Finals:
    """The end of a search. ranking: whom to train, the best first; paces: of the same models.

    told: what a reader of the comparison should know about the rounds.
    """

    request: Comparison
    counts: Counts
    diary: Diary
    ranking: Sequence[str]
    paces: Mapping[str, Pace]
    told: Sequence[str]
    progress: Progress
    train: Train
    clock: Callable[[], float]
    _facts: DataFacts | None = None

    def run(self, *, robustness: bool = False, margin: float | None = None) -> ComparisonResult:
        """Train the finalists as far as time goes, and compare them on the test images.

        Raises KeyboardInterrupt after Ctrl-C; what was decided is in the diary.
        """
        step = self.diary.step or self._first()
        result = self._compare(step, margin=margin)
        while wider := self._wider(step, result):
            step = wider
            result = self._compare(step, margin=margin)
        return self._compare(step, robustness=True, margin=margin) if robustness else result

    def _first(self) -> Step:
        """The winner alone, with everything that is left."""
        winner, seconds = self.ranking[0], self.diary.left()
        chosen = self._plan(winner, seconds) or self._as_before(winner)
        self.progress.say(f"final: {winner}, {chosen} at most, within {in_words(max(seconds, 0.0))}")
        return Step({winner: chosen}, 1)

    def _as_before(self, arm: str) -> Plan:
        """What `arm` did in its last round, where the rounds have left no time."""
        done = [Plan(trial.passes, trial.fraction) for trial in self.diary.trials if trial.arm == arm]
        return done[-1] if done else Plan(1)

    def _wider(self, step: Step, result: ComparisonResult) -> Step | None:
        """What else can be trained in the time that is left? None where nothing can; no seed more where one failed."""
        taken, left = self.diary.final_seconds, self.diary.left()
        failed = any(arm.reason for arm in result.arms)
        nobody = not any(result.records.values())  # has a model yet: the next one has everything that is left
        longest, places = 0.0 if nobody else max(taken.values()), FINALISTS - len(step.plans)
        others = [name for name in self.ranking if name not in step.plans]
        for arm in others if places and left >= longest else []:
            chosen = self._plan(arm, left if nobody else max(longest, left / min(len(others), places)))
            if chosen is not None:
                self.progress.say(f"final: {arm}, {chosen} at most, as {in_words(left)} are left")
                return Step({**step.plans, arm: chosen}, step.seeds)
        of_seed = sum(taken.values()) / step.seeds
        if step.seeds < len(self.request.seeds) and left >= of_seed and not failed:
            self.progress.say(f"final: seed {self.request.seeds[step.seeds]}, as {in_words(left)} are left")
            return Step(step.plans, step.seeds + 1)
        return None

    def _plan(self, arm: str, seconds: float) -> Plan | None:
        return plan(self.paces[arm], self.counts, FILLED * seconds)

    def _compare(self, step: Step, *, robustness: bool = False, margin: float | None = None) -> ComparisonResult:
        self.diary.step = step
        self.diary.write()
        result = compare(
            self._request(step),
            out=self.diary.path.parent / FINAL,
            robustness=robustness,
            margin=margin,
            facts=self._facts,
            progress=self.progress,
            executor=SerialExecutor(self._timed),
        )
        self._facts = result.data
        return result

    def _request(self, step: Step) -> Comparison:
        arms = {arm.name: arm for arm in self.request.arms}
        return replace(
            self.request,
            arms=tuple(
                replace(arms[name], overrides=planned_overrides(self.request, arms[name], chosen))
                for name, chosen in step.plans.items()
            ),
            seeds=self.request.seeds[: step.seeds],
            title=f"{self._what()} within {in_words(self.diary.budget)}",
            notes=(*self.told, "Models were dropped by time: a faster or less busy machine may keep others."),
        )

    def _what(self) -> str:
        tried = {trial.arm for trial in self.diary.trials}
        return f"the best of {len(tried)} models" if tried else f"the most promising of {len(self.request.arms)} models"

    def _timed(self, job: Job, out: Path, **given: object) -> RunRecord:
        """Train, and note in the diary how long it took, Ctrl-C or not; a run that fails does it once."""
        if out.name in self.diary.final_reasons:
            raise SadariError(self.diary.final_reasons[out.name])
        taken, started = self.diary.final_seconds, self.clock()
        before = taken.get(out.name, 0.0)
        try:
            record = self.train(job, out, **given)
        except BaseException as error:
            taken[out.name] = before + self.clock() - started
            if isinstance(error, Exception):
                self.diary.final_reasons[out.name] = reason_of(error)
            self.diary.write()
            raise
        taken[out.name] = max(before + self.clock() - started, record.summary["seconds"]["total"])
        self.diary.write()
        return record
