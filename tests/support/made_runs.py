"""Made-up runs of two classes, and the verdicts on claims about them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sadari.comparison.arm_result import DONE, FAILED, ArmResult
from sadari.comparison.claims.judging import judge_claims
from sadari.comparison.claims.parse import parse_claim
from sadari.comparison.claims.verdict import ClaimVerdict
from sadari.run import RunRecord
from sadari.values import Answers, Predictions, Split

IMAGES = 2000
SEEDS = 5


@dataclass(frozen=True)
class MadeRun(RunRecord):
    """A run whose files are values. correct: which images it classified correctly."""

    correct: NDArray[np.bool_] = field(default_factory=lambda: np.ones(IMAGES, dtype=bool))
    correct_val: NDArray[np.bool_] | None = None
    loss: float = 0.3
    seconds: float = 10.0
    train: float = 0.95
    val: float | None = 0.9
    had: int = 1  # threads
    changed: Mapping[str, Any] = field(default_factory=dict)  # of the summary
    curve: tuple[tuple[float, float], ...] = ((0.5, 0.8), (0.4, 0.9))  # val_loss, val_accuracy

    @property
    def answers(self) -> Answers:
        count = len(self.correct)
        said = np.where(self.correct, 0, 1)
        return Answers(np.arange(count).astype(str), np.zeros(count, dtype=np.int64), said, ("a", "b"))

    @property
    def predictions(self) -> Predictions:
        """Return probabilities whose log loss is about `loss`, a little more or less by image."""
        own = np.exp(-self.loss * (1 + 0.1 * np.cos(np.arange(len(self.correct)))))
        answers = self.answers
        probabilities = np.column_stack([own, 1 - own]).astype(np.float32)
        return Predictions(answers.ids, answers.labels, probabilities, answers.classes, 1.0)

    @property
    def split(self) -> Split:
        return Split(np.arange(5000), np.arange(5000, 6000), np.arange(6000, 8000), "made for a test")

    def correct_on(self, split_name: str) -> NDArray[np.bool_] | None:
        return self.correct_val if split_name == "val" else None

    @property
    def summary(self) -> dict[str, Any]:
        judged = {"accuracy": float(self.correct.mean()), "loss": self.loss, "macro_f1": 0.5}
        val = None if self.val is None else {"accuracy": self.val}
        scores = {"train": {"accuracy": self.train}, "val": val, "test": judged}
        return {
            "judged_on": "test",
            "scores": scores,
            "seconds": {"train": self.seconds},
            "images": {"train": 5000, "val": 1000},
            **self.changed,
        }

    @property
    def threads(self) -> int:
        return self.had

    @property
    def history(self) -> list[dict[str, float]]:
        return [
            {"epoch": epoch, "val_loss": loss, "val_accuracy": accuracy}
            for epoch, (loss, accuracy) in enumerate(self.curve, start=1)
        ]


def runs(name: str, accuracy: float, seeds: int = SEEDS, **figures: Any) -> list[MadeRun]:
    """Make runs of about `accuracy`, a little more or less by seed, correct on mostly the same images."""
    made = []
    for seed in range(seeds):
        right = round((accuracy + 0.002 * (seed - (seeds - 1) / 2)) * IMAGES)
        correct = np.roll(np.arange(IMAGES) < right, 3 * seed)
        of_seed = {key: value[seed] if isinstance(value, list) else value for key, value in figures.items()}
        made.append(MadeRun(Path(f"{name}-{seed}"), correct=correct, **of_seed))
    return made


def arm(name: str, records: Sequence[RunRecord], reason: str = "") -> ArmResult:
    return ArmResult(
        name=name, model=name, settings={}, status=FAILED if reason else DONE, reason=reason, params=1,
        seeds=tuple(range(len(records))), accuracy=None, val_accuracy=None, train_accuracy=None, gap=None,
        macro_f1=None, loss=None, seconds=None, images_per_second=None, runs=(), alike=_are_alike(records),
    )  # fmt: skip


def _are_alike(records: Sequence[RunRecord]) -> bool:
    """Return whether these made-up runs, which have no probabilities, stand for one network."""
    return len(records) > 1 and bool(np.all([each.answers.correct == records[0].answers.correct for each in records]))


def judged(
    texts: str | Sequence[str], records: Mapping[str, Sequence[RunRecord]], failed: Mapping[str, str] | None = None
) -> tuple[ClaimVerdict, ...]:
    listed = [texts] if isinstance(texts, str) else texts
    claims = [parse_claim(text, list(records)) for text in listed]
    arms = [arm(name, found, (failed or {}).get(name, "")) for name, found in records.items()]
    return judge_claims(claims, arms, records)


THREE = {"low": runs("low", 0.80), "high": runs("high", 0.90), "twin": runs("twin", 0.8999)}


def without_chance(name: str, wrong: Sequence[int], count: int, val: Sequence[int] = ()) -> list[MadeRun]:
    """Make three seeds of a model that leaves nothing to chance; wrong, val: which test and val images it has wrong."""
    correct, correct_val = ~np.isin(np.arange(count), wrong), ~np.isin(np.arange(1000), val)
    run = MadeRun(Path(name), correct=correct, correct_val=correct_val, val=float(correct_val.mean()))
    return [run] * 3
