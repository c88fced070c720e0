"""What does a further process of a training do? It reads what the first one has written, and takes the same steps."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from sadari.data.prepare import Preprocess
from sadari.files import read_json
from sadari.inference.device import use_machine
from sadari.job import Job, find_job
from sadari.models.own.model import let_worker_run
from sadari.progress import Silent
from sadari.run import PREPROCESS, SPLIT, RunRecord
from sadari.run_files import read_split
from sadari.training.devices.check import device_of
from sadari.training.devices.group import joined
from sadari.training.devices.handed import received
from sadari.training.devices.share import Share
from sadari.training.fit_loop import FitLoop
from sadari.training.frozen import split_inputs
from sadari.training.log import Log
from sadari.training.run_folder import require_same_data
from sadari.training.setup import Setup, begun_network, checked_augmentation, with_enough_steps
from sadari.training.teacher.teaching import Teaching
from sadari.training.train import make_engine
from sadari.values import ImageSet


class Unwritten(Log):
    """A log of a process that says nothing: the first one says it."""

    def __init__(self, out: Path) -> None:
        super().__init__(out, Silent())

    def say(self, sentence: str) -> None: ...

    def note(self, *sentences: str) -> None: ...


def take_part(order: dict[str, Any], ready: Callable[[], None]) -> None:
    """Train with the others until the run has all its epochs. order: see `crew.py`. ready: called before joining them.

    Raises SadariError where something of the run is not as it was, and RuntimeError where another process has ended.
    """
    out, share = Path(order["out"]), Share(order["rank"], order["count"])
    run = RunRecord(out)
    let_worker_run(order)
    job = find_job(run.job, run.layers, run.plugins)
    images = received(job, order["images"])
    require_same_data(out, images)
    job = replace(job, settings=replace(job.settings, device=device_of(job.settings, share.rank)))
    with use_machine(job.settings, order["threads"]) as device:
        setup = _follow(job, images, out, device)
        loop = FitLoop(setup.network, setup.checkpoint, setup.job.settings, setup.stored, writes=False)
        ready()
        with joined(share, device, Path(order["meeting"])) as team:
            make_engine(setup, loop, team).fit()


def _follow(job: Job, images: ImageSet, out: Path, device: torch.device) -> Setup:
    """Set up the job as the first process has done it, from what that has written; nothing is written here."""
    log, split = Unwritten(out), read_split(out / SPLIT, len(images))
    architecture, network, stored, _ = begun_network(job, images, out, device)
    augmentation = checked_augmentation(job, images, architecture)
    preprocess = Preprocess.from_json(read_json(out / PREPROCESS))
    job = with_enough_steps(job, len(split.train), log)
    fit_inputs = split_inputs(network, preprocess, images, split.train, augmentation, job.settings, log)
    if fit_inputs.views:
        augmentation = None
    teaching = Teaching.of(job, images, split, out, log)
    answers = teaching.answers(job, images, split.train, device, log) if teaching else None
    return Setup(
        job, images, split, preprocess, architecture, network, fit_inputs, augmentation, answers, out, log, stored
    )
