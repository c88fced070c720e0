"""A trainer that learns nothing and leaves everything that a report is made of: environment, preprocessing, weights."""

from dataclasses import dataclass, replace
from pathlib import Path

from sadari.data.prepare import Preprocess
from sadari.files import read_json, write_json, write_text
from sadari.inference.architecture import Architecture
from sadari.inference.model import write_model
from sadari.job import Job
from sadari.run import RunRecord
from sadari.values import SPLITS, ImageSet, Split
from support.fake_training import FakeTrainer


@dataclass
class StampedTrainer(FakeTrainer):
    """A `FakeTrainer` that also writes the machine to `environment.json`, `preprocess.json` and untrained weights.

    The machine's choices are in `settings.toml`.
    """

    device: str = "cpu"

    def _leave(self, record: RunRecord, job: Job, images: ImageSet, split: Split) -> RunRecord:
        super()._leave(record, job, images, split)
        settings = replace(job.settings, device=self.device, precision="float32")
        write_text(record.path / "settings.toml", replace(job, settings=settings).record.to_toml())
        preprocess = Preprocess.fitted(images, split.train, "unit", "crop")
        write_json(record.path / "preprocess.json", preprocess.to_json())
        architecture = Architecture.of(job.model, job.variables, images.shape, images.classes)
        write_model(record.path / "model.safetensors", architecture.build(job.seed), architecture)
        stamp = {
            **read_json(record.path / "environment.json"),
            "python": "3.12.1",
            "packages": {"torch": "2.9.0"},
            "system": "Linux x86_64",
            "processor": "a processor",
            "cores": 2,
            "threads": 2,
        }
        write_json(record.path / "environment.json", stamp)
        counts = {name: len(split.positions(name)) for name in SPLITS}
        write_json(record.path / "scores.json", {**read_json(record.path / "scores.json"), "images": counts})
        return record


def train_run(trainer: FakeTrainer, job: Job, out: Path, images: ImageSet, split: Split) -> Path:
    """Return the folder of a run of `job`, as `sadari train` leaves it."""
    trainer(job, out, images=images, split=split)
    return out
