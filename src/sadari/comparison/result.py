"""What came of a comparison? Rows, verdicts and histories, read from the run folders; as JSON and as frames."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sadari.comparison.variants import Arm
from sadari.errors import SadariError
from sadari.evaluation.statistics import Bools, interval, verdicts
from sadari.run import RunRecord
from sadari.settings import Job, Settings, Value
from sadari.values import ImageSet, Interval, Split, Verdict

if TYPE_CHECKING:
    import pandas as pd

DONE, FAILED = "done", "failed"


@dataclass(frozen=True, eq=False)
class DataFacts:
    """On which images was compared? Counts of each part, (height, width, channels), classes, where the parts are from.

    leaks: images of val and test that an earlier part holds too. sentences: what else should be known about the
    images, such as leaks and contradictory labels, the gravest first.
    """

    name: str
    counts: Mapping[str, int]
    shape: tuple[int, int, int]
    classes: tuple[str, ...]
    origin: str
    judged_on: str
    leaks: int
    sentences: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class ArmResult:
    """What came of one arm? Means over its finished seeds; None where no seed has finished.

    status: "done", or "failed" with its reason; a failed arm keeps the figures of the seeds that finished.
    settings: everything that differs from the defaults, and the model's variables. accuracy, macro_f1, loss: on
    the judging part. gap: train accuracy minus accuracy. seconds: of training. runs: folders of the finished seeds.
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


@dataclass(frozen=True, eq=False)
class ComparisonResult:
    """What came of a comparison? `arms` from the best accuracy down, failed ones last; `verdicts` over all pairs.

    records: the finished runs of each arm, in the order of its seeds. arms_asked: the arms of the request. images,
    split: what the first of them works on.
    """

    out: Path
    title: str
    data: DataFacts
    arms: tuple[ArmResult, ...]
    verdicts: tuple[Verdict, ...]
    records: Mapping[str, tuple[RunRecord, ...]]
    arms_asked: tuple[Arm, ...]
    images: ImageSet
    split: Split

    @property
    def best(self) -> ArmResult | None:
        """The arm with the highest accuracy among those that are done."""
        return next((arm for arm in self.arms if arm.status == DONE), None)

    def document(self) -> dict[str, Any]:
        """The document of `compare --json`."""
        return {
            "out": str(self.out),
            "report": None,
            "title": self.title,
            "data": self.data.name,
            "images": {**self.data.counts, "shape": list(self.data.shape), "classes": list(self.data.classes)},
            "split": self.data.origin,
            "judged_on": self.data.judged_on,
            "leaks": self.data.leaks,
            "arms": [_plain(arm) for arm in self.arms],
            "verdicts": [asdict(each) for each in self.verdicts],
        }

    def to_frame(self) -> "pd.DataFrame":
        """One row per arm, best first; accuracy in the columns accuracy, sd, low and high."""
        import pandas as pd

        rows = []
        for arm in self.arms:
            row = _plain(arm)
            nested = row.pop("accuracy") or dict.fromkeys(("mean", "sd", "low", "high"))
            row["accuracy"] = nested.pop("mean")
            rows.append({**row, **nested})
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


def arm_result(arm: Arm, job: Job, records: Sequence[RunRecord], reasons: Sequence[str]) -> ArmResult:
    """What came of `arm`, from its finished runs and the reasons of those that failed?

    job: one of its jobs, for the settings.
    """
    summaries = [record.summary for record in records]
    correct = correctness(records) if records else None
    train = _mean([(each["scores"]["train"] or {}).get("accuracy") for each in summaries])
    accuracy = interval(correct) if correct is not None else None
    return ArmResult(
        name=arm.name,
        model=arm.model,
        settings=chosen_settings(job),
        status=FAILED if reasons else DONE,
        reason="; ".join(reasons),
        params=summaries[0]["params"]["total"] if summaries else None,
        seeds=tuple(each["seed"] for each in summaries),
        accuracy=accuracy,
        val_accuracy=_mean([(each["scores"]["val"] or {}).get("accuracy") for each in summaries]),
        train_accuracy=train,
        gap=train - accuracy.mean if train is not None and accuracy is not None else None,
        macro_f1=_mean([each["scores"][each["judged_on"]]["macro_f1"] for each in summaries]),
        loss=_mean([each["scores"][each["judged_on"]]["loss"] for each in summaries]),
        seconds=_mean([each["seconds"]["train"] for each in summaries]),
        images_per_second=_mean([each["images_per_second"] for each in summaries]),
        runs=tuple(str(record.path) for record in records),
        published=arm.published,
    )


def ranked(results: Sequence[ArmResult]) -> tuple[ArmResult, ...]:
    """From the best accuracy down, failed ones behind; equal ones keep their order."""
    return tuple(sorted(results, key=lambda arm: (arm.status != DONE, -(arm.accuracy.mean if arm.accuracy else -1.0))))


def pair_verdicts(results: Sequence[ArmResult], records: Mapping[str, Sequence[RunRecord]]) -> tuple[Verdict, ...]:
    """Which of the arms that are done beats which? Failed arms are left out: the seeds that survived are a choice."""
    return tuple(verdicts([(arm.name, correctness(records[arm.name])) for arm in results if arm.status == DONE]))


def correctness(records: Sequence[RunRecord]) -> Bools:
    """Which images did each run get right? bool (runs, images).

    Raises SadariError where the runs were judged on different images.
    """
    predictions = [record.predictions for record in records]
    for record, each in zip(records, predictions, strict=True):
        if not np.array_equal(each.ids, predictions[0].ids):
            raise SadariError(f"{records[0].path} and {record.path} were judged on different images; compare them anew")
    return np.stack([each.predicted == each.labels for each in predictions])


def chosen_settings(job: Job) -> dict[str, Value]:
    """The settings of `job` that differ from the defaults, and its variables."""
    usual = Settings()
    changed = {
        each.name: getattr(job.settings, each.name)
        for each in fields(Settings)
        if getattr(job.settings, each.name) != getattr(usual, each.name)
    }
    return {**changed, **job.variables}


def _plain(arm: ArmResult) -> dict[str, Any]:
    document = asdict(arm)
    return {**document, "seeds": list(arm.seeds), "runs": list(arm.runs)}


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
