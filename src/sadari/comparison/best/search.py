"""Which model is the best? Rounds of short trainings, judged on validation images alone; see `halving.py`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from sadari.comparison.best.budget import in_words
from sadari.comparison.best.cost_model import CostModel, Counts, caches_features, feature_seconds, length_setting
from sadari.comparison.best.halving import (
    SEARCH_SHARE,
    TrainingPlan,
    best_first,
    rounds_for,
    share_out,
    survivors,
    time_of_round,
)
from sadari.comparison.best.shortlist import Shortlist
from sadari.comparison.best.state import SearchState, Trial
from sadari.comparison.executor import Outcome, Task, Train, run_task
from sadari.comparison.inputs import ComparisonInputs
from sadari.comparison.request import Comparison, job_of
from sadari.comparison.variants import Arm, folder_name
from sadari.data.split import draw_split
from sadari.errors import SadariError
from sadari.job import Job
from sadari.models.spec import FittedBy
from sadari.progress import Progress
from sadari.settings import Value
from sadari.values import Split

# Passes without a better validation loss before a run ends: a tenth of the planned ones, at least LEAST_PATIENCE. Both
# assumed: a run that has long stopped gaining leaves its time to others, and a pause does not end a run.
PATIENCE, LEAST_PATIENCE = 0.1, 10
ROUNDS = "rounds"  # the folder of their runs


@dataclass(eq=False)
class Search:
    """The rounds of one search. request: its arms are those to try. counts: of the images of every arm.

    clock: seconds, as time.perf_counter. notes: sentences about the rounds for the reader of the result.
    """

    request: Comparison
    inputs: ComparisonInputs
    counts: Counts
    state: SearchState
    progress: Progress
    train: Train
    clock: Callable[[], float]
    notes: list[str] = field(default_factory=list)

    def run(self, shortlist: Shortlist) -> None:
        """Run all rounds of the `shortlist`, none for a single model; the results are stored in the state.

        Raises SadariError where nothing could be trained, KeyboardInterrupt after Ctrl-C; finished runs stay stored.
        """
        self.note(shortlist.sentence(len(self.state.costs)))
        costs, number = {name: self.state.costs[name] for name in shortlist.first}, 0
        while len(costs) > 1:
            number += 1
            costs = self._next_costs(self._round(number, costs), costs)

    def _round(self, number: int, costs: Mapping[str, CostModel]) -> list[Trial]:
        """Return the finished trials of one round, the best first; none where the rounds end before it."""
        rounds_left = rounds_for(len(costs))
        left = SEARCH_SHARE * self.state.budget - self.state.spent(before=number)
        of_rounds = replace(self.counts, test=0)
        plans, share = share_out(costs, of_rounds, max(time_of_round(left, len(costs)), 0.0))
        label = f"round {number} of {number + rounds_left - 1}"
        if not plans:
            lacking = f"no time is left for {label} of a budget of {in_words(self.state.budget)}"
            return self._end(
                number, f"{lacking}: training was slower than measured at the start; a larger budget leaves some"
            )
        slow = [name for name in costs if name not in plans]
        if slow:
            self.note(f"{label}: too slow for {in_words(share)}: {', '.join(slow)}")
        self.note(f"{label}: {_count(len(plans))}, {in_words(share)} for each")
        trials = [self._trial(number, label, name, each) for name, each in plans.items()]
        done = {each.arm: each for each in trials if each.accuracy is not None}
        if not done:
            first = f"{trials[0].arm} failed: {trials[0].reason}"
            return self._end(number, f"no model could be trained in {label}: {first}; delete the folder to try again")
        scores = {name: (each.accuracy or 0.0, each.loss or 0.0) for name, each in done.items()}
        ranking = [done[name] for name in best_first(scores)]
        self.note(f"{label}: {_standings(ranking)}")
        return ranking

    def _end(self, number: int, why: str) -> list[Trial]:
        """End the rounds with the result of those before, by returning no trial; raise where this is the first one."""
        if number == 1:
            raise SadariError(why)
        self.note(why)
        return []

    def _next_costs(self, ranking: Sequence[Trial], costs: Mapping[str, CostModel]) -> dict[str, CostModel]:
        """Return the models that go on, each with the cost of its last run."""
        going_on = ranking[: survivors(len(ranking))]
        return {each.arm: self.cost_after(each, costs[each.arm]) for each in going_on}

    def cost_after(self, trial: Trial, before: CostModel) -> CostModel:
        """Return the cost of a model, corrected by its `trial`.

        Where features are cached, its first trial computed them and no later run does, so their time is subtracted;
        every other part of the start is in every run.
        """
        found = trial.cost(replace(self.counts, test=0)) or before
        arm = next(each for each in self.request.arms if each.name == trial.arm)
        if not caches_features(self.request.job(arm, self.request.seeds[0])):
            return found
        measured = self.state.costs[trial.arm]
        features = feature_seconds(measured, self.counts)
        return replace(found, start=min(found.start, max(found.start, measured.start) - features))

    def _trial(self, number: int, label: str, name: str, plan: TrainingPlan) -> Trial:
        """Return the trial of `plan`, from the state where it is done already."""
        trial = self.state.trial(number, name) or self._train(number, label, name, plan)
        if trial.reason:
            self.note(f"{label}: {name} drops out, it failed: {trial.reason}")
        return trial

    def _train(self, number: int, label: str, name: str, plan: TrainingPlan) -> Trial:
        """Train by `plan`, and store the trial."""
        arm = next(each for each in self.request.arms if each.name == name)
        job = planned_job(self.request, arm, self.request.seeds[0], plan, tensorboard="off")
        task = Task(
            job=job,
            out=self.state.path.parent / ROUNDS / str(number) / folder_name(name, job.seed),
            images=self.inputs.images_for(job.settings),
            split=self._without_test(job),
            label=f"{label}: {name}",
        )
        started, run = self.clock(), f"{number}/{task.out.name}"
        before = self.state.cut_off.get(run, 0.0)
        try:
            outcome = run_task(task, self.progress, self.train)
        except KeyboardInterrupt:
            self.state.cut_off[run] = before + self.clock() - started
            self.state.write()
            raise
        trial = _judged(Trial(number, name, plan.passes, plan.fraction, before + self.clock() - started), outcome)
        self.state.trials.append(trial)
        self.state.write()
        return trial

    def _without_test(self, job: Job) -> Split:
        """Return the split of `job` without its test images, which no round may see."""
        split = draw_split(self.inputs.images_for(job.settings), job.settings)
        return replace(split, test=np.empty(0, dtype=np.int64), origin=f"{split.origin}; test left closed")

    def note(self, sentence: str) -> None:
        """Say a sentence, and add it to the notes for the reader of the result."""
        self.notes.append(sentence)
        self.progress.say(sentence)


def planned_job(request: Comparison, arm: Arm, seed: int, plan: TrainingPlan, **more: Value) -> Job:
    """Make the job of `arm` that follows `plan`."""
    return job_of(request.data, arm, seed, {**planned_overrides(request, arm, plan), **more})


def planned_overrides(request: Comparison, arm: Arm, plan: TrainingPlan) -> dict[str, Value]:
    """Return the overrides of `arm` with the planned passes, and with patience that ends a run which gains no more.

    Patience of the model or of the user stays as it is; a run with a schedule of the learning rate gets none, so that
    the schedule comes to its end.
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
    """Return the trial with the result of its run."""
    if outcome.record is None:
        return replace(trial, reason=outcome.reason)
    summary = outcome.record.summary
    return replace(
        trial,
        seconds=max(trial.seconds, summary["seconds"]["total"]),  # an earlier process may have begun it
        done=summary["epochs"],
        learning=summary["seconds"]["train"],
        accuracy=summary["scores"]["val"]["accuracy"],
        loss=outcome.record.val_loss_of_logits,  # each with a temperature of its own would hide what it has learnt
    )


def _count(models: int) -> str:
    return f"{models} {'model' if models == 1 else 'models'}"


def _standings(ranking: Sequence[Trial]) -> str:
    """Return who goes on and who drops out, with validation accuracies."""
    count = survivors(len(ranking))
    staying = ", ".join(f"{each.arm} {each.accuracy:.3f}" for each in ranking[:count])
    out = ranking[count:]
    if not out:
        return f"{staying} on validation"
    shown = ", ".join(f"{each.arm} {each.accuracy:.3f}" for each in out)
    return f"{staying} on validation; out: {shown}"
