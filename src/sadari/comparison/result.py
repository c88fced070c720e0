"""What came of a comparison? Rows, verdicts and histories, read from the run folders; as JSON and as frames."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sadari.comparison.analysis.diagnosis import Diagnosis, diagnose_runs
from sadari.comparison.analysis.learning_curve import learning_curves
from sadari.comparison.analysis.robustness import Robustness, read_robustness
from sadari.comparison.claims.verdict import ClaimVerdict
from sadari.comparison.correct import correctness as correctness
from sadari.comparison.request import Comparison
from sadari.comparison.variants import Arm
from sadari.evaluation.metrics import METRICS, score
from sadari.evaluation.statistics import Bools, interval, verdicts
from sadari.notebook import card, fact, table
from sadari.run import RunRecord
from sadari.settings import JobRecord, Value
from sadari.values import ImageSet, Interval, Split, Verdict

if TYPE_CHECKING:
    import pandas as pd

DONE, FAILED = "done", "failed"


@dataclass(frozen=True, eq=False)
class DataFacts:
    """On which images was compared? Counts of each part, (height, width, channels), classes, where the parts are from.

    leaks: images of val and test that an earlier part holds too; None where nobody could look. sentences: what else
    should be known about the images, such as leaks and contradictory labels, the gravest first.
    """

    name: str
    counts: Mapping[str, int]
    shape: tuple[int, int, int]
    classes: tuple[str, ...]
    origin: str
    judged_on: str
    leaks: int | None
    sentences: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class ArmResult:
    """What came of one arm? Means over its finished seeds; None where no seed has finished.

    status: "done", or "failed" with its reason; a failed arm keeps the figures of the seeds that finished.
    settings: everything that differs from the defaults, and the model's variables. accuracy, macro_f1, loss: on
    the judging split. gap: train accuracy minus accuracy. seconds: of training, over all epochs. runs: folders of the
    finished seeds. scores: every metric that all of these have, on the judging split. best_epoch: the one of the least
    validation loss, None without validation.
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


@dataclass(frozen=True, eq=False)
class ComparisonResult:
    """What came of a comparison? `arms` from the best accuracy down, failed ones last; `verdicts` over all pairs.

    records: the finished runs of each arm, in the order of its seeds. arms_asked: the arms of the request. images,
    split: what the first of them works on; images is None where a comparison is read back and its data has gone or
    changed since. notes: what the reader of the result should know. command: what makes the same again.
    margin: within which arms may be found equal, None where nothing was asked.
    """

    out: Path
    title: str
    data: DataFacts
    arms: tuple[ArmResult, ...]
    verdicts: tuple[Verdict, ...]
    records: Mapping[str, tuple[RunRecord, ...]]
    arms_asked: tuple[Arm, ...]
    images: ImageSet | None
    split: Split
    notes: tuple[str, ...] = ()
    command: str = ""
    claims: tuple[ClaimVerdict, ...] = ()
    robustness: Robustness | None = None
    margin: float | None = None

    @property
    def best(self) -> ArmResult | None:
        """The arm with the highest accuracy among those that are done."""
        return next((arm for arm in self.arms if arm.status == DONE), None)

    def document(self, report: Path | None = None) -> dict[str, Any]:
        """The document of `compare --json`; report: where the page about it was written."""
        return {
            "out": str(self.out),
            "report": str(report) if report is not None else None,
            "title": self.title,
            "data": self.data.name,
            "images": {**self.data.counts, "shape": list(self.data.shape), "classes": list(self.data.classes)},
            "split": self.data.origin,
            "judged_on": self.data.judged_on,
            "leaks": self.data.leaks,
            "arms": [_plain(arm) for arm in self.arms],
            "margin": self.margin,
            "verdicts": [asdict(each) for each in self.verdicts],
            "claims": [asdict(each) for each in self.claims],
            "learning_curves": [each.document() for each in learning_curves(self)],
            "robustness": self.robustness.document() if self.robustness else None,
        }

    def to_frame(self) -> "pd.DataFrame":
        """One row per arm, best first; accuracy in the columns accuracy, sd, low and high, each score in its own."""
        import pandas as pd

        rows = []
        for arm in self.arms:
            row = _plain(arm)
            nested = row.pop("accuracy") or dict.fromkeys(("mean", "sd", "low", "high"))
            row["accuracy"] = nested.pop("mean")
            row["diagnosis"] = " ".join(arm.diagnosis.sentences) if arm.diagnosis else ""
            rows.append({**row.pop("scores"), **row, **nested})
        first = ["name", "model", "status", "accuracy", "low", "high", "sd"]
        frame = pd.DataFrame(rows)
        return frame[[*first, *(name for name in frame.columns if name not in first)]]

    def histories(self) -> "pd.DataFrame":
        """One row per arm, seed and epoch, with the columns of `history.csv`."""
        import pandas as pd

        rows = [
            {"arm": arm, "seed": record.job.seed, **row}
            for arm, records in self.records.items()
            for record in records
            for row in record.history
        ]
        return pd.DataFrame(rows)

    def __repr__(self) -> str:
        arms = (f"{arm.name} {arm.accuracy.mean:.3f}" if arm.accuracy else f"{arm.name} failed" for arm in self.arms)
        return f"<ComparisonResult {self.data.name}: {', '.join(arms)}>"

    def _repr_html_(self) -> str:
        """What a notebook shows: the images, a row per arm, best first, and how surely the best one is better."""
        height, width, _ = self.data.shape
        counts = " · ".join(f"{count:,} {split_name}" for split_name, count in self.data.counts.items() if count)
        best = self.best.name if self.best else ""
        return card(
            self.title or f"{self.data.name}: {len(self.arms)} models compared",
            (f"{self.data.name} · {counts} · {width}x{height} · judged on {self.data.judged_on}",),
            table(("model", "accuracy", "95 % interval", "gap", "params", "seconds", "seeds"), map(_shown, self.arms)),
            *(fact(f"{arm.name} failed: {arm.reason}") for arm in self.arms if arm.reason),
            *(fact(each.sentence) for each in self.verdicts if best in (each.a, each.b)),
        )


def _shown(arm: ArmResult) -> tuple[str, ...]:
    """The cells of one row; "-" for what is not known."""
    figures = ((arm.gap, ".3f"), (arm.params, ","), (arm.seconds, ".1f"), (len(arm.seeds), ""))
    mean, between = "-", "-"
    if arm.accuracy is not None:
        mean, between = f"{arm.accuracy.mean:.3f}", f"{arm.accuracy.low:.3f} - {arm.accuracy.high:.3f}"
    return (arm.name, mean, between, *("-" if value is None else format(value, style) for value, style in figures))


def make_result(
    request: Comparison,
    jobs: Mapping[str, JobRecord],
    records: Mapping[str, Sequence[RunRecord]],
    reasons: Mapping[str, Sequence[str]],
    *,
    out: Path,
    data: DataFacts,
    images: ImageSet | None,
    split: Split,
    margin: float | None = None,
) -> ComparisonResult:
    """Rows, ranking and verdicts, from the finished runs and the reasons of the failed ones, by the names of the arms.

    jobs: one of each arm, for its settings. margin: within which arms may be found equal. Claims and the command are
    for the caller to add.
    """
    correct = {name: correctness(finished) for name, finished in records.items() if finished}
    results = ranked(
        [
            arm_result(arm, jobs[arm.name], records[arm.name], reasons[arm.name], correct.get(arm.name))
            for arm in request.arms
        ]
    )
    return ComparisonResult(
        out=out,
        title=request.title,
        data=data,
        arms=results,
        verdicts=pair_verdicts(results, correct, margin),
        records={arm.name: tuple(records[arm.name]) for arm in results},
        arms_asked=request.arms,
        images=images,
        split=split,
        notes=request.notes,
        robustness=read_robustness({arm.name: records[arm.name] for arm in request.arms}),
        margin=margin,
    )


def arm_result(
    arm: Arm, job: JobRecord, records: Sequence[RunRecord], reasons: Sequence[str], correct: Bools | None
) -> ArmResult:
    """What came of `arm`, from its finished runs and the reasons of those that failed?

    job: one of its jobs, for the settings. correct: the `correctness` of the finished runs; None where there are none.
    """
    summaries = [record.summary for record in records]
    scores = judging_scores(records)
    train = _mean([(each["scores"]["train"] or {}).get("accuracy") for each in summaries])
    accuracy = interval(correct) if correct is not None else None
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
        diagnosis=diagnose_runs(arm.name, records) if records else None,
    )


def judging_scores(records: Sequence[RunRecord]) -> dict[str, float]:
    """How good are the runs on the images that judge them, by every metric that all of them have? Means over them.

    What a run of an older version did not score is taken from its predictions.
    """
    found = [_every_score(record) for record in records]
    names = [name for name in METRICS.names() if found and all(name in each for each in found)]
    return {name: float(np.mean([each[name] for each in found])) for name in names}


def _every_score(record: RunRecord) -> Mapping[str, float]:
    stored = record.scores(record.summary["judged_on"])
    if all(name in stored for name in METRICS.names()):
        return stored  # a file of predictions takes a while to read
    return {**score(record.predictions).values, **stored}


def ranked(results: Sequence[ArmResult]) -> tuple[ArmResult, ...]:
    """From the best accuracy down, failed ones behind; equal ones keep their order."""
    return tuple(sorted(results, key=lambda arm: (arm.status != DONE, -(arm.accuracy.mean if arm.accuracy else -1.0))))


def pair_verdicts(
    results: Sequence[ArmResult], correct: Mapping[str, Bools], margin: float | None = None
) -> tuple[Verdict, ...]:
    """Which of the arms that are done beats which? Failed arms are left out: the seeds that survived are a choice.

    correct: the `correctness` of the runs of each arm.
    """
    done = [(arm.name, correct[arm.name]) for arm in results if arm.status == DONE]
    return tuple(verdicts(done, margin))


def _plain(arm: ArmResult) -> dict[str, Any]:
    document = asdict(arm)
    if arm.diagnosis is not None:
        found = arm.diagnosis
        helps = {"more_epochs": found.more_epochs, "more_data": found.more_data}
        document["diagnosis"] |= {"verdict": found.verdict, **helps, "sentences": list(found.sentences)}
    return {**document, "seeds": list(arm.seeds), "runs": list(arm.runs)}


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
