"""How did one arm of a comparison do? Its figures, computed from the folders of its runs."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from sadari.comparison.analysis.diagnosis import Diagnosis, diagnose_runs
from sadari.comparison.analysis.measuring import intervals
from sadari.comparison.seeds.networks import Collapsed, collapsed
from sadari.comparison.variants import Arm
from sadari.evaluation.figures import Measured
from sadari.evaluation.figures import interval as interval_of
from sadari.evaluation.metrics import METRICS, score
from sadari.evaluation.statistics import LEVEL, Bools, Numbers, interval
from sadari.inference.members import Ensemble, mixture
from sadari.job_record import JobRecord
from sadari.run import RunRecord
from sadari.settings import Value
from sadari.values import Interval

DONE, FAILED = "done", "failed"


@dataclass(frozen=True)
class ArmResult:
    """The figures of one arm: means over its finished seeds; None where no seed has finished.

    status: "done", or "failed" with its reason; a failed arm has the figures of the seeds that finished.
    settings: everything that differs from the defaults, and the model's variables. accuracy, macro_f1, loss: on
    the judging split. gap: train accuracy minus accuracy. seconds: of training, over all epochs. runs: folders of the
    finished seeds. scores: every metric that all of these have, on the judging split. intervals: of the figures other
    than accuracy, by name: mean, standard deviation over seeds and 95 % interval; none where training images judge.
    best_epoch: the one of the least validation loss, None without validation. members: of an ensemble, the mean weight
    of each arm over the seeds, the heaviest first; of a soup, that of each seed; empty for every other arm. The seconds
    of both are those of all runs from which they were chosen. alike: several seeds that are one network, since
    all give the same probabilities, or a single one of a model that is known to be the same with every seed. collapsed:
    which of several networks have learnt nothing; None for one network, and for a model that learns nothing.
    without_copies: the accuracy on the judging images of which no earlier split has a copy; None where that is all of
    them, or none. letters: arms that share one are not shown apart; "" where the arms are few.
    """

    name: str
    model: str
    settings: Mapping[str, Value]
    status: str
    reason: str
    params: int | None
    seeds: tuple[int, ...]
    accuracy: Interval | None
    val_accuracy: float | None
    train_accuracy: float | None
    gap: float | None
    macro_f1: float | None
    loss: float | None
    seconds: float | None
    images_per_second: float | None
    runs: tuple[str, ...]
    published: Mapping[str, float] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)
    seconds_per_epoch: float | None = None
    best_epoch: float | None = None
    diagnosis: Diagnosis | None = None
    members: Mapping[str, float] = field(default_factory=dict)
    alike: bool = False
    intervals: Mapping[str, Interval] = field(default_factory=dict)
    letters: str = ""
    collapsed: Collapsed | None = None
    without_copies: Interval | None = None

    @property
    def mixture(self) -> str:
        """A sentence that says what an ensemble or a soup averages; "" for every other arm."""
        if not self.members:
            return ""
        of = f", mean weights of {len(self.seeds)} seeds" if len(self.seeds) > 1 else ""
        return f"{self.name} = {mixture(self.members)} (chosen by log loss on validation images{of})"

    def document(self) -> dict[str, Any]:
        """Return the arm as plain values, for JSON."""
        document = asdict(self)
        if self.diagnosis is not None:
            found = self.diagnosis
            helps = {"more_epochs": found.more_epochs, "more_data": found.more_data}
            document["diagnosis"] |= {"verdict": found.verdict, **helps, "sentences": list(found.sentences)}
        document["collapsed"] = self.collapsed.document() if self.collapsed else None
        return {**document, "seeds": list(self.seeds), "runs": list(self.runs)}

    def cells(self) -> tuple[str, ...]:
        """Return the cells of the arm's row in a notebook; "-" for what is not known."""
        seeds = f"{len(self.seeds)} alike" if self.alike and len(self.seeds) > 1 else str(len(self.seeds))
        figures = ((self.gap, ".3f"), (self.params, ","), (self.seconds, ".1f"), (seeds, ""))
        mean, between = "-", "-"
        if self.accuracy is not None:
            mean, between = f"{self.accuracy.mean:.3f}", self.accuracy.span
        return (self.name, mean, between, *("-" if value is None else format(value, style) for value, style in figures))


def arm_result(
    arm: Arm,
    job: JobRecord,
    records: Sequence[RunRecord],
    reasons: Sequence[str],
    correct: Bools | None,
    figures: Mapping[str, Measured],
    copied: Collection[str] = (),
    redrawn: bool = False,
    alike: bool = False,
    level: float = LEVEL,
    groups: Numbers | None = None,
) -> ArmResult:
    """Compute the figures of `arm` from its finished runs and the reasons of those that failed.

    job: one of its jobs, for the settings. correct: the `correctness` of the finished runs; None where there are none.
    figures: what `measure_all` returns for them. copied: ids of judging images of which an earlier split has a copy.
    redrawn: whether each run was judged on a split of its own: `figures` has accuracy and scores then, and is empty
    where too few runs have finished. alike: whether its seeds are one network. level: that of the intervals, at the
    look after which it has no more seeds. groups: of the images that judge.
    """
    summaries = [record.summary for record in records]
    scores = _scores_of(figures) if redrawn else judging_scores(records)
    averages = any(record.is_average for record in records)
    train = _mean([(each["scores"]["train"] or {}).get("accuracy") for each in summaries])
    on_train = any(each["judged_on"] == "train" for each in summaries)
    accuracy = _accuracy(correct, on_train, level, groups) if correct is not None and not redrawn else None
    if redrawn and "accuracy" in figures:
        accuracy = interval_of(figures["accuracy"])
    return ArmResult(
        name=arm.name,
        model=arm.model.reference,
        settings=job.chosen,
        status=FAILED if reasons else DONE,
        reason="; ".join(reasons),
        params=summaries[0]["params"]["total"] if summaries else None,
        seeds=tuple(each["seed"] for each in summaries),
        accuracy=accuracy,
        val_accuracy=_mean([(each["scores"]["val"] or {}).get("accuracy") for each in summaries]),
        train_accuracy=train,
        gap=train - accuracy.mean if train is not None and accuracy is not None else None,
        macro_f1=scores.get("macro_f1"),
        loss=scores.get("loss"),
        seconds=_mean([each["seconds"]["train"] for each in summaries]),
        images_per_second=_mean([each["images_per_second"] for each in summaries]),
        runs=tuple(str(record.path) for record in records),
        published=arm.published,
        scores=scores,
        seconds_per_epoch=_mean([each["seconds"]["train"] / each["epochs"] for each in summaries if each["epochs"]]),
        best_epoch=_mean([each.get("best_epoch") for each in summaries]),
        diagnosis=diagnose_runs(arm.name, records) if records and not averages else None,
        members=_mean_weights(records) if averages else {},
        alike=alike,
        intervals={} if on_train else intervals(figures, level),
        collapsed=None if alike or redrawn or correct is None or not arm.model.layers else collapsed(records, correct),
        without_copies=_without(copied, correct, records, level, groups) if copied and correct is not None else None,
    )


def _without(
    copied: Collection[str], correct: Bools, records: Sequence[RunRecord], level: float, groups: Numbers | None
) -> Interval | None:
    """Return the accuracy on the images whose ids are not in `copied`; None where they are all images, or none."""
    kept = ~np.isin(records[0].answers.ids, list(copied))
    if not kept.any() or kept.all():
        return None
    return interval(correct[:, kept], level, None if groups is None else groups[kept])


def _accuracy(correct: Bools, on_train: bool, level: float, groups: Numbers | None) -> Interval:
    """Return the accuracy; without its interval where the training images judge, which says nothing about others."""
    found = interval(correct, level, groups)
    return replace(found, low=found.mean, high=found.mean) if on_train else found


def _scores_of(figures: Mapping[str, Measured]) -> dict[str, float]:
    return {metric.name: figures[metric.name].mean for metric in METRICS if metric.name in figures}


def _mean_weights(records: Sequence[RunRecord]) -> dict[str, float]:
    """Return the mean weight of each arm over the ensembles of all seeds, the heaviest first."""
    weights = [Ensemble.read(record).weights for record in records]
    names = dict.fromkeys(name for each in weights for name in each)
    means = {name: sum(each.get(name, 0.0) for each in weights) / len(weights) for name in names}
    return dict(sorted(means.items(), key=lambda item: -item[1]))


def judging_scores(records: Sequence[RunRecord]) -> dict[str, float]:
    """Return the means over the runs of every metric that all of them have, on the images that judge them.

    A metric that a run of an older version did not store is computed from its predictions.
    """
    found = [_every_score(record) for record in records]
    names = [metric.name for metric in METRICS if found and all(metric.name in each for each in found)]
    return {name: float(np.mean([each[name] for each in found])) for name in names}


def _every_score(record: RunRecord) -> Mapping[str, float]:
    stored = record.scores(record.summary["judged_on"])
    if all(metric.name in stored for metric in METRICS):
        return stored  # a file of predictions takes a while to read
    return {**score(record.predictions).values, **stored}


def ranked(results: Sequence[ArmResult]) -> tuple[ArmResult, ...]:
    """Sort from the best accuracy down, failed arms last; equal ones stay in their order."""
    return tuple(sorted(results, key=lambda arm: (arm.status != DONE, -(arm.accuracy.mean if arm.accuracy else -1.0))))


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
