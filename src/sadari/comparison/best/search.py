"""Which model is the best? Rounds of short trainings, judged on validation images alone; see `halving.py`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from sadari.comparison.best.budget import in_words
from sadari.comparison.best.cost_model import Counts, Pace, features_in, keeps_features, length_setting
from sadari.comparison.best.halving import SEARCHED, Plan, best_first, rounds_for, share_out, stay, time_of_round
from sadari.comparison.best.shortlist import Field
from sadari.comparison.best.state import Diary, Trial
from sadari.comparison.inputs import ComparisonInputs
from sadari.comparison.jobs import Outcome, Task, Train, run_task
from sadari.comparison.request import Comparison
from sadari.comparison.variants import Arm, folder_name
from sadari.data.split import draw_split
from sadari.errors import SadariError
from sadari.job import Job, make_job
from sadari.models.spec import FittedBy
from sadari.progress import Progress
from sadari.settings import Value
from sadari.values import Split

# Passes without a better validation loss before a run ends: a tenth of those planned, and no fewer than LEAST_PATIENCE.
# Both assumed: a run that has long stopped gaining leaves its time to others, one that pauses is not cut off.
PATIENCE, LEAST_PATIENCE = 0.1, 10
ROUNDS = "rounds"  # the folder of their runs


@dataclass(eq=False)
class Search:
    """The rounds of one search. request: its arms are those that are tried. counts: of the images of every arm.

    clock: seconds, as time.perf_counter. told: what should be known of each round, in sentences, as it goes on.
    """

    request: Comparison
    inputs: ComparisonInputs
    counts: Counts
    diary: Diary
    progress: Progress
    train: Train
    clock: Callable[[], float]
    told: list[str] = field(default_factory=list)

    def run(self, tried: Field) -> None:
        """Hold all rounds among those who are `tried` first, none for a single one; the diary has what came of them.

        Raises SadariError where nothing could be trained, KeyboardInterrupt after Ctrl-C; what is done is in the diary.
        """
        self.tell(tried.in_words(len(self.diary.paces)))
        paces, number = {name: self.diary.paces[name] for name in tried.first}, 0
        while len(paces) > 1:
            number += 1
            paces = self._next_paces(self._round(number, paces), paces)

    def _round(self, number: int, paces: Mapping[str, Pace]) -> list[Trial]:
        """The trials of one round that came to an end, the best first; none where the rounds end before it."""
        rounds_left = rounds_for(len(paces))
        left = SEARCHED * self.diary.budget - self.diary.spent(before=number)
        of_rounds = replace(self.counts, test=0)
        plans, share = share_out(paces, of_rounds, max(time_of_round(left, len(paces)), 0.0))
        label = f"round {number} of {number + rounds_left - 1}"
        if not plans:
            lacking = f"no time is left for {label} of a budget of {in_words(self.diary.budget)}"
            return self._end(
                number, f"{lacking}: training was slower than measured at the start; a larger budget leaves some"
            )
        slow = [name for name in paces if name not in plans]
        if slow:
            self.tell(f"{label}: too slow for {in_words(share)}: {', '.join(slow)}")
        self.tell(f"{label}: {_count(len(plans))}, {in_words(share)} for each")
        trials = [self._trial(number, label, name, each) for name, each in plans.items()]
        done = {each.arm: each for each in trials if each.accuracy is not None}
        if not done:
            first = f"{trials[0].arm} failed: {trials[0].reason}"
            return self._end(number, f"no model could be trained in {label}: {first}; delete the folder to try again")
        scores = {name: (each.accuracy or 0.0, each.loss or 0.0) for name, each in done.items()}
        ranking = [done[name] for name in best_first(scores)]
        self.tell(f"{label}: {_standings(ranking)}")
        return ranking

    def _end(self, number: int, why: str) -> list[Trial]:
        """No trial, which ends the rounds with what the ones before have found; an error where there is none before."""
        if number == 1:
            raise SadariError(why)
        self.tell(why)
        return []

    def _next_paces(self, ranking: Sequence[Trial], paces: Mapping[str, Pace]) -> dict[str, Pace]:
        """Who goes on, each with the pace that its last run had."""
        going_on = ranking[: stay(len(ranking))]
        return {each.arm: self.pace_after(each, paces[each.arm]) for each in going_on}

    def pace_after(self, trial: Trial, before: Pace) -> Pace:
        """How fast is a model, now that `trial` has shown it?

        Where features are kept, its first trial computed them and no later run does, so that their time is taken off;
        anything else is there in every run.
        """
        found = trial.pace(replace(self.counts, test=0)) or before
        arm = next(each for each in self.request.arms if each.name == trial.arm)
        if not keeps_features(self.request.job(arm, self.request.seeds[0])):
            return found
        measured = self.diary.paces[trial.arm]
        features = features_in(measured, self.counts)
        return replace(found, start=min(found.start, max(found.start, measured.start) - features))

    def _trial(self, number: int, label: str, name: str, plan: Plan) -> Trial:
        """What comes of `plan`? Looked up in the diary where it is done already."""
        trial = self.diary.trial(number, name) or self._made(number, label, name, plan)
        if trial.reason:
            self.tell(f"{label}: {name} drops out, it failed: {trial.reason}")
        return trial

    def _made(self, number: int, label: str, name: str, plan: Plan) -> Trial:
        """Train `plan`, and keep what comes of it."""
        arm = next(each for each in self.request.arms if each.name == name)
        job = planned_job(self.request, arm, self.request.seeds[0], plan, tensorboard="off")
        task = Task(
            job=job,
            out=self.diary.path.parent / ROUNDS / str(number) / folder_name(name, job.seed),
            images=self.inputs.images_for(job.settings),
            split=self._closed(job),
            label=f"{label}: {name}",
        )
        started, run = self.clock(), f"{number}/{task.out.name}"
        before = self.diary.cut_off.get(run, 0.0)
        try:
            outcome = run_task(task, self.progress, self.train)
        except KeyboardInterrupt:
            self.diary.cut_off[run] = before + self.clock() - started
            self.diary.write()
            raise
        trial = _judged(Trial(number, name, plan.passes, plan.fraction, before + self.clock() - started), outcome)
        self.diary.trials.append(trial)
        self.diary.write()
        return trial

    def _closed(self, job: Job) -> Split:
        """The split of `job` without the test split, which nobody opens in a round."""
        split = draw_split(self.inputs.images_for(job.settings), job.settings)
        return replace(split, test=np.empty(0, dtype=np.int64), origin=f"{split.origin}; test left closed")

    def tell(self, sentence: str) -> None:
        """Say a sentence, and keep it for the reader of the comparison."""
        self.told.append(sentence)
        self.progress.say(sentence)


def planned_job(request: Comparison, arm: Arm, seed: int, plan: Plan, **more: Value) -> Job:
    """The job of `arm` that does what is planned."""
    return make_job(request.data, arm.model, seed, {**planned_overrides(request, arm, plan), **more})


def planned_overrides(request: Comparison, arm: Arm, plan: Plan) -> dict[str, Value]:
    """The overrides of `arm` with so many passes, and with an end where no pass gains any more.

    Patience is that of the model or of the user, if they have one; a learning rate that moves by a schedule is not cut
    off before its end.
    """
    overrides: dict[str, Value] = {**arm.overrides, length_setting(arm.model): plan.passes}
    if plan.fraction < 1:
        overrides["train_fraction"] = plan.fraction
    settings = request.job(arm, request.seeds[0]).settings
    patience = max(LEAST_PATIENCE, round(PATIENCE * plan.passes))
    free = not settings.patience and settings.schedule == "constant" and "patience" not in arm.overrides
    if free and arm.model.fitted_by is FittedBy.GRADIENT and plan.passes > patience:
        overrides["patience"] = patience
    return overrides


def _judged(trial: Trial, outcome: Outcome) -> Trial:
    """The trial with what its run says."""
    if outcome.record is None:
        return replace(trial, reason=outcome.reason)
    summary = outcome.record.summary
    return replace(
        trial,
        seconds=max(trial.seconds, summary["seconds"]["total"]),  # an earlier process may have begun it
        done=summary["epochs"],
        learning=summary["seconds"]["train"],
        accuracy=summary["scores"]["val"]["accuracy"],
        loss=summary["scores"]["val"]["loss"],
    )


def _count(models: int) -> str:
    return f"{models} {'model' if models == 1 else 'models'}"


def _standings(ranking: Sequence[Trial]) -> str:
    """Who goes on and who drops out, with validation accuracies."""
    count = stay(len(ranking))
    staying = ", ".join(f"{each.arm} {each.accuracy:.3f}" for each in ranking[:count])
    out = ranking[count:]
    if not out:
        return f"{staying} on validation"
    shown = ", ".join(f"{each.arm} {each.accuracy:.3f}" for each in out)
    return f"{staying} on validation; out: {shown}"
