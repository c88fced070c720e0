"""Comparisons as large as the report must bear, made in memory: what the runs of many arms and seeds would say."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sadari.comparison.analysis.data_facts import DataFacts
from sadari.comparison.arm_result import ArmResult, ranked
from sadari.comparison.correct import correctness
from sadari.comparison.result import ComparisonResult
from sadari.evaluation.statistics import interval, verdicts
from sadari.job_record import JobRecord
from sadari.run import RunRecord
from sadari.settings import Settings
from sadari.values import Answers, ImageSet, Predictions, Split
from support.jobs import named_arm


@dataclass(frozen=True)
class HeldRun(RunRecord):
    """A run that is only in memory."""

    held: Any = field(default=None, compare=False)
    of_job: Any = None

    @property
    def predictions(self) -> Predictions:
        return self.held  # type: ignore[no-any-return]

    @property
    def answers(self) -> Answers:
        return Answers(self.held.ids, self.held.labels, self.held.predicted, self.held.classes)

    @property
    def job(self) -> JobRecord:
        return self.of_job  # type: ignore[no-any-return]

    @property
    def summary(self) -> dict[str, Any]:
        scores = {"test": {"loss": 1.0}}
        return {"judged_on": "test", "scores": scores, "images": {"train": len(self.held)}, "seed": self.of_job.seed}

    @property
    def history(self) -> list[dict[str, float]]:
        columns = ("train_loss", "train_accuracy", "val_loss", "val_accuracy")
        return [{"epoch": epoch, **dict.fromkeys(columns, 1 / epoch + 0.123456)} for epoch in range(1, 31)]


def photographs(count: int, side: int, channels: int, classes: int, seed: int = 0) -> ImageSet:
    """Pictures with more grain than photographs have: a smooth colour, and noise over it; each has a training twin."""
    generator = np.random.default_rng(seed)
    smooth = generator.integers(40, 216, (2 * count, 1, 1, channels))
    pixels = smooth + generator.normal(0, 25, (2 * count, side, side, channels))
    return ImageSet(
        name="photographs",
        images=np.clip(pixels, 0, 255).astype(np.uint8),
        labels=np.arange(2 * count, dtype=np.int64) % classes,
        ids=np.array([f"{split}/{number:05d}" for split in ("train", "test") for number in range(count)]),
        classes=tuple(f"class {number}" for number in range(classes)),
        source_split=np.array(["train"] * count + ["test"] * count),
        fingerprint="photographs",
    )


def large_result(images: ImageSet, arms: int, seeds: int) -> ComparisonResult:
    """Arms that are right in 60 to 90 % of the images and sure of anything; the second half of `images` judges."""
    generator = np.random.default_rng(1)
    half = len(images) // 2
    split = Split(np.arange(half), np.arange(0), np.arange(half, 2 * half), "drawn for a test")
    records = {
        f"arm {arm}": tuple(_run(images, split, arm, seed, 0.9 - 0.3 * arm / arms, generator) for seed in range(seeds))
        for arm in range(arms)
    }
    results = ranked([_row(name, of_arm) for name, of_arm in records.items()])
    facts = DataFacts(
        name=images.name,
        counts={"train": half, "val": 0, "test": half},
        shape=images.shape,
        classes=images.classes,
        origin=split.origin,
        judged_on="test",
        leaks=0,
    )
    return ComparisonResult(
        out=Path("/nowhere"),
        title="",
        data=facts,
        arms=results,
        verdicts=tuple(verdicts([(arm.name, correctness(records[arm.name])) for arm in results])),
        records=records,
        arms_asked=tuple(named_arm(name, "cnn") for name in records),
        images=images,
        split=split,
    )


def _run(images: ImageSet, split: Split, arm: int, seed: int, skill: float, generator: np.random.Generator) -> HeldRun:
    labels = images.labels[split.test]
    classes = len(images.classes)
    predicted: NDArray[np.int64] = np.where(
        generator.random(len(labels)) < skill, labels, generator.integers(0, classes, len(labels))
    )
    sure = generator.uniform(0.5, 1.0, len(labels)).astype(np.float32)
    probabilities = np.repeat(((1 - sure) / (classes - 1))[:, None], classes, axis=1).astype(np.float32)
    probabilities[np.arange(len(labels)), predicted] = sure
    predictions = Predictions(images.ids[split.test], labels, probabilities, images.classes, 0.0)
    return HeldRun(Path(f"/nowhere/{arm}-{seed}"), predictions, JobRecord("photographs", "cnn", seed, Settings()))


def _row(name: str, records: tuple[HeldRun, ...]) -> ArmResult:
    return ArmResult(
        name=name,
        model="cnn",
        settings={},
        status="done",
        reason="",
        params=1,
        seeds=tuple(record.job.seed for record in records),
        accuracy=interval(correctness(records)),
        val_accuracy=None,
        train_accuracy=None,
        gap=None,
        macro_f1=0.5,
        loss=1.0,
        seconds=1.0,
        images_per_second=1.0,
        runs=tuple(str(record.path) for record in records),
    )
