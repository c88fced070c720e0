"""Comparisons of models that need no training."""

from pathlib import Path

from sadari.comparison.compare import compare
from sadari.comparison.executor import SerialExecutor
from sadari.comparison.request import Comparison
from sadari.comparison.result import ComparisonResult
from sadari.settings import Value
from support.fake_training import FakeTrainer
from support.jobs import named_arms


def request(*models: str, seeds: int = 2, **overrides: Value) -> Comparison:
    arms, _ = named_arms(models or ("softmax", "mlp"), {}, overrides)
    return Comparison("digits", arms, tuple(range(seeds)))


def run(asked: Comparison, tmp_path: Path, trainer: FakeTrainer, out: Path | None = None) -> ComparisonResult:
    return compare(asked, out=out, runs=tmp_path / "runs", executor=SerialExecutor(trainer))
