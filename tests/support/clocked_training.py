"""A stand-in for `train` with its own clock: it learns nothing, and takes the time that the made-up model says."""

import math
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

from sadari.comparison.best.cost_model import CostModel, Counts
from sadari.files import read_json, write_json
from sadari.job import Job
from sadari.progress import Progress
from sadari.run import RunRecord
from sadari.values import ImageSet, Split
from support.fake_training import SKILLS, FakeTrainer


@dataclass(frozen=True)
class Made:
    """A made-up model. skill: its accuracy in the end. half: passes over all of digits after which it has half of that.

    cost: how long it takes. stops: passes after which it gains nothing, so that patience ends it; 0 never.
    """

    skill: float
    half: float
    cost: CostModel
    stops: int = 0


@dataclass
class ClockedTrainer(FakeTrainer):
    """As `FakeTrainer`, on the clock `now`. stop_at: the call, from 1, in which somebody presses Ctrl-C; 0 for none."""

    made: dict[str, Made] = field(default_factory=dict)
    now: float = 0.0
    stop_at: int = 0

    def clock(self) -> float:
        return self.now

    def __call__(
        self, job: Job, out: Path, *, images: ImageSet, split: Split, progress: Progress | None = None
    ) -> RunRecord:
        if (out / "settings.toml").is_file():
            assert RunRecord(out).job == job.record, "the folder holds a run with other settings"
        if job.model.name in self.fails:
            self.now += 1.0
        if len(self.calls) + 1 == self.stop_at:
            self.stop_at = 0
            raise KeyboardInterrupt
        return super().__call__(job, out, images=images, split=split, progress=progress)

    def _leave(self, record: RunRecord, job: Job, images: ImageSet, split: Split) -> RunRecord:
        made, counts = self.made[job.model.name], Counts.of(split)
        passes = job.settings.epochs
        if made.stops and job.settings.patience:
            passes = min(passes, made.stops + job.settings.patience)
        gained = 1 - math.exp2(-passes * counts.train / (made.half * 1150))
        with patch.dict(SKILLS, {job.model.name: made.skill * gained}):
            super()._leave(record, job, images, split)
        seconds = made.cost.seconds(passes, counts)
        self.now += seconds
        summary = read_json(record.path / "scores.json")
        learning = made.cost.image * passes * counts.per_pass
        summary |= {"epochs": passes, "seconds": {"train": learning, "total": seconds}}
        write_json(record.path / "scores.json", summary)
        text = (record.path / "history.csv").read_text(encoding="utf-8").splitlines()
        rows = [",".join([*row.split(",")[:-1], str(learning / passes)]) for row in text[1:]]
        (record.path / "history.csv").write_text("\n".join([text[0], *rows]) + "\n", encoding="utf-8")
        return record
