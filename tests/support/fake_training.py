"""A stand-in for `train` that learns nothing: it writes the files of a run, as accurate as the model's skill says."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sadari.data.prepare import Preprocess
from sadari.evaluation.metrics import score
from sadari.files import write_json, write_text
from sadari.job import Job
from sadari.progress import Progress
from sadari.run import PREPROCESS, RunRecord
from sadari.run_files import write_history, write_predictions, write_split
from sadari.values import SPLITS, ImageSet, Predictions, Split

SKILLS = {"majority": 0.1, "softmax": 0.7, "mlp": 0.8, "cnn": 0.9}


def drawn_predictions(images: ImageSet, positions: np.ndarray[Any, Any], skill: float, seed: int) -> Predictions:
    """Draw predictions: the correct class with probability `skill`, otherwise the next class."""
    generator = np.random.default_rng(seed)
    labels, classes = images.labels[positions], len(images.classes)
    said = np.where(generator.random(len(labels)) < skill, labels, (labels + 1) % classes)
    probabilities = np.full((len(labels), classes), 0.2 / (classes - 1), dtype=np.float32)
    probabilities[np.arange(len(labels)), said] = 0.8
    return Predictions(images.ids[positions], labels, probabilities, images.classes, seconds=0.01)


@dataclass
class FakeTrainer:
    """A stand-in for `train`. fails: what each model raises, by name. calls: the trained jobs. splits: their splits."""

    fails: dict[str, BaseException] = field(default_factory=dict)
    calls: list[Job] = field(default_factory=list)
    splits: list[Split] = field(default_factory=list)

    def __call__(
        self, job: Job, out: Path, *, images: ImageSet, split: Split, progress: Progress | None = None
    ) -> RunRecord:
        del progress
        record = RunRecord(out)
        if (out / "settings.toml").is_file() and record.finished and record.job == job.record:
            return record
        self.calls.append(job)
        self.splits.append(split)
        if job.model.name in self.fails:
            raise self.fails[job.model.name]
        return self._leave(record, job, images, split)

    def _leave(self, record: RunRecord, job: Job, images: ImageSet, split: Split) -> RunRecord:
        out, skill = record.path, SKILLS[job.model.name]
        write_text(out / "settings.toml", job.record.to_toml())
        write_split(out / "split.npz", split)
        write_json(
            out / PREPROCESS, Preprocess.fitted(images, split.train, job.settings.scaling, job.settings.fit).to_json()
        )
        epochs = range(1, job.settings.epochs + 1)
        write_history(
            out / "history.csv",
            [
                {
                    "epoch": epoch,
                    "train_loss": 1.0 / epoch,
                    "train_accuracy": skill,
                    "val_loss": 0.5 + 0.1 * abs(epoch - 4),
                    "val_accuracy": skill - 0.01 * abs(epoch - 4),
                    "seconds": 0.5,
                }
                for epoch in epochs
            ],
        )
        predictions = {
            name: drawn_predictions(images, split.positions(name), skill, 100 * job.seed + len(job.model.reference))
            for name in SPLITS
            if len(split.positions(name))
        }
        judged_on = next(name for name in ("test", "val", "train") if name in predictions)
        write_predictions(out / "predictions.csv", predictions[judged_on])
        summary = {
            "run": str(out),
            "model": job.model.reference,
            "data": job.data,
            "seed": job.seed,
            "params": {"total": 1000, "trainable": 900},
            "epochs": len(epochs),
            "best_epoch": 4,
            "seconds": {"train": float(len(job.model.reference)), "total": 10.0},
            "images_per_second": 1234.0,
            "judged_on": judged_on,
            "images": {name: len(split.positions(name)) for name in SPLITS},
            "scores": {name: dict(score(predictions[name]).values) if name in predictions else None for name in SPLITS},
        }
        origin = {"name": images.name, "fingerprint": images.fingerprint, "notes": images.notes}
        write_json(out / "environment.json", {"data": origin, "layers": job.model.layers})
        write_json(out / "scores.json", summary)
        return record
