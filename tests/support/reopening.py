"""Comparisons and single runs of a machine and a day, for the tests of reading them back."""

from pathlib import Path

from sadari.comparison.compare import compare
from sadari.comparison.executor import SerialExecutor
from sadari.comparison.request import Comparison
from sadari.comparison.result import ComparisonResult
from sadari.comparison.variants import parse_vary
from sadari.data.load import load
from sadari.data.split import draw_split
from sadari.settings import Value
from support.jobs import named_arms, named_job
from support.stamped_training import StampedTrainer, train_run


def request(*models: str, seeds: int = 2, vary: tuple[str, ...] = (), **overrides: Value) -> Comparison:
    arms, _ = named_arms(models or ("softmax", "mlp"), parse_vary(vary), {"epochs": 2, **overrides})
    return Comparison("digits", arms, tuple(range(seeds)))


def run(asked: Comparison, out: Path, trainer: StampedTrainer | None = None) -> ComparisonResult:
    return compare(asked, out=out, executor=SerialExecutor(trainer or StampedTrainer()))


def single(out: Path, model: str = "mlp", seed: int = 0, device: str = "cpu", **overrides: Value) -> Path:
    """Make a single run, as `sadari train digits --model MODEL` does."""
    job = named_job("digits", model, seed, {"epochs": 2, **overrides})
    images = load("digits", job.settings)
    return train_run(StampedTrainer(device=device), job, out, images, draw_split(images, job.settings))
