"""Small sets that can be learnt, small networks, and jobs of a second, for the tests of training."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from sadari.comparison.variants import Arm, expand
from sadari.job import Job, make_job
from sadari.models.catalog import find_model
from sadari.progress import Silent, Task
from sadari.run import RunRecord
from sadari.run_files import HISTORY_COLUMNS
from sadari.settings import Value, resolve
from sadari.values import SPLITS, ImageSet, Split

PLAIN = "flatten, dense 12"
DROPPED = "conv 4 same, dropout 0.25, maxpool, dropout 0.4, flatten, dense 8, dropout 0.5"
NORMED = "conv 4 same, batchnorm, maxpool, flatten, dense 8"
ROWS = "conv 4 same, batchnorm, dropout 0.25, rows, lstm 6 sequence, layernorm, lstm 5, dropout 0.5"

QUIET: dict[str, Value] = {
    "threads": 1, "device": "cpu", "precision": "float32", "tensorboard": "off", "epochs": 3, "batch_size": 16,
    "checkpoint_seconds": 1000.0,
}  # fmt: skip


def patterns(count: int = 90, classes: int = 3, side: int = 8, channels: int = 3, seed: int = 0) -> ImageSet:
    """Return noisy versions of one random picture per class."""
    generator = np.random.default_rng(seed)
    ideal = generator.integers(0, 256, (classes, side, side, channels))
    labels = np.arange(count) % classes
    noisy = ideal[labels] + generator.normal(0, 90, (count, side, side, channels))
    return ImageSet(
        name="patterns",
        images=np.clip(noisy, 0, 255).astype(np.uint8),
        labels=labels.astype(np.int64),
        ids=np.array([f"{number:05d}" for number in range(count)]),
        classes=tuple("abcdefghij"[:classes]),
        source_split=np.full(count, ""),
        fingerprint=f"patterns {count} {classes} {side} {channels} {seed}",
    )


def parts(images: ImageSet, val: int = 20, test: int = 20) -> Split:
    """Return a split: the last images are the test split, those before them the val split."""
    positions = np.arange(len(images), dtype=np.int64)
    first = len(images) - val - test
    return Split(positions[:first], positions[first : first + val], positions[first + val :], "drawn for a test")


def arrays_file(folder: Path, images: ImageSet, file_name: str = "set.npz") -> str:
    """Write the images as arrays into a file: the first 50 are the train split, 20 val, 20 test."""
    split = parts(images)
    arrays: dict[str, Any] = {f"X_{name}": images.images[split.positions(name)] for name in SPLITS}
    arrays |= {f"y_{name}": images.labels[split.positions(name)] for name in SPLITS}
    path = folder / file_name
    with path.open("wb") as file:
        np.savez(file, classes=np.array(images.classes), **arrays)
    return str(path)


def network_file(folder: Path, layers: str) -> str:
    """Write a TOML file with these layers, as a user does, and return its path."""
    path = folder / "own-net.toml"
    path.write_text(f'layers = "{layers}"\n', encoding="utf-8")
    return str(path)


def job_for(model: str, data: str = "patterns", seed: int = 0, **overrides: Value) -> Job:
    """Return the job that `sadari train DATA --model MODEL --set ...` makes, quick and quiet."""
    spec = find_model(model)
    settings, variables = resolve(spec.settings, spec.variables, {**QUIET, **overrides})
    return Job(data, spec, seed, settings, variables)


def named_job(data: str | Path, model: str | Path, seed: int, overrides: Mapping[str, Value]) -> Job:
    """Return the job of the model with this name, as the command line makes it."""
    return make_job(data, find_model(model), seed, overrides)


def named_arm(
    name: str,
    model: str,
    overrides: Mapping[str, Value] | None = None,
    published: Mapping[str, float] | None = None,
) -> Arm:
    """Return an arm of the model with this name."""
    return Arm(name, find_model(model), overrides or {}, published or {})


def named_arms(
    models: Sequence[str | Path], varied: Mapping[str, Sequence[Value]], overrides: Mapping[str, Value]
) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
    """Return what `expand` returns for the models with these names."""
    return expand([find_model(model) for model in models], varied, overrides)


def model_bytes(out: Path | RunRecord) -> bytes:
    folder = out.path if isinstance(out, RunRecord) else out
    return (folder / "model.safetensors").read_bytes()


def figures(run: RunRecord) -> list[dict[str, float]]:
    """Return the history without the seconds, which differ from run to run."""
    return [{key: row[key] for key in HISTORY_COLUMNS if key in row and key != "seconds"} for row in run.history]


class Listener(Silent):
    """A Progress that remembers its sentences and tasks."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.tasks: list[tuple[str, int, str]] = []

    def say(self, sentence: str) -> None:
        self.said.append(sentence)

    def task(self, label: str, total: int, unit: str) -> AbstractContextManager[Task]:
        self.tasks.append((label, total, unit))
        return nullcontext(_Ignored())


class _Ignored:
    def advance(self, count: int, note: str = "") -> None: ...
