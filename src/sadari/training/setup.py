"""What does training one job need? The network, what it learns from, and the files that say what the run is."""

from dataclasses import dataclass
from pathlib import Path

import torch

from sadari.data.augment.pipeline import Augmentation, parse_augmentation
from sadari.data.prepare import Preprocess
from sadari.errors import SadariError
from sadari.files import write_json, write_text
from sadari.inference.device import threads_for
from sadari.inference.model import Architecture
from sadari.job import Job
from sadari.models.backbone.pretrained import Pretrained
from sadari.models.classical.registry import check_variables
from sadari.models.network import Network
from sadari.models.weights import load_pretrained, tensors_file
from sadari.progress import Progress
from sadari.run import CHECKPOINT, ENVIRONMENT, LOG, PREPROCESS, SETTINGS, SPLIT, RunRecord, environment
from sadari.run_files import write_split
from sadari.training.checkpoint import Checkpoint, Stored
from sadari.training.frozen import FitInputs, check_views, split_inputs
from sadari.training.log import Log
from sadari.training.randomness import seed_for
from sadari.training.run_folder import require_same_data
from sadari.values import ImageSet, Split


@dataclass(frozen=True, eq=False)
class Setup:
    """Everything that training one job needs.

    augmentation: how images are drawn anew in each epoch; None where they are not, or were drawn already. stored: what
    the run's checkpoint holds, read once.
    """

    job: Job
    images: ImageSet
    split: Split
    preprocess: Preprocess
    architecture: Architecture
    network: Network
    learning: FitInputs
    augmentation: Augmentation | None
    out: Path
    log: Log
    stored: Stored

    @property
    def checkpoint(self) -> Checkpoint:
        return checkpoint_of(self.out)


def checkpoint_of(out: Path) -> Checkpoint:
    return Checkpoint(out / CHECKPOINT)


def set_up(
    job: Job, images: ImageSet, split: Split, out: Path, progress: Progress, device: torch.device, threads: int
) -> Setup:
    """Lay out the job, and the files that say what it is. A network that does not fit leaves nothing behind.

    device, threads: what the process computes with (`use_machine`).
    """
    require_same_data(out, images)  # what else is kept in `out` may not fit other images
    settings = job.settings
    run = RunRecord(out)
    architecture = architecture_of(job, images, out)
    network = architecture.build(seed_for(job.seed, "weights"))
    stored = checkpoint_of(out).read()
    if stored.groups:
        network.load_state_dict(dict(stored.group("network")))
    digest = "" if stored.groups else start_weights(network, architecture, out)
    if not architecture.classical:  # classical models stay on the processor
        network.to(device)
    augmentation = parse_augmentation(settings.augment, *images.shape[:2])
    check_views(settings, augmentation)
    check_variables(job.variables if architecture.classical else {})
    preprocess = Preprocess.fitted(
        images, split.train, settings.scaling, settings.fit, architecture.scaling, settings.interpolation
    )
    write_text(out / SETTINGS, job.record.to_toml())
    if not run.begun:
        data = {"name": images.name, "fingerprint": images.fingerprint, "notes": images.notes}
        document = {**environment(), "threads": threads, "data": data, "layers": job.model.layers}
        if architecture.pretrained:
            document |= {"pretrained": architecture.pretrained.to_json(), "weights_sha256": digest}
        write_json(out / ENVIRONMENT, document)
    write_json(out / PREPROCESS, preprocess.to_json())
    write_split(out / SPLIT, split)
    log = Log(out / LOG, progress)
    log.note(f"{job.model.name} on {images.name}, seed {job.seed}: {split.origin}")
    # Not the precision, which "auto" has become on this machine.
    unused = [key for key in job.record.chosen if key != "precision" and not job.model.uses(key)]
    if unused:
        have = "has" if len(unused) == 1 else "have"
        log.say(f"{job.model.name} is not fitted by gradient steps: {', '.join(unused)} {have} no effect")
    if architecture.classical:
        augmentation = None
    if settings.views and not settings.augment:
        log.say(f"views={settings.views} has no effect without augment")
    learning = split_inputs(network, preprocess, images, split.train, augmentation, settings, log)
    if learning.views:
        augmentation = None
    return Setup(job, images, split, preprocess, architecture, network, learning, augmentation, out, log, stored)


def threads_of(job: Job, images: ImageSet, out: Path, threads: int) -> int:
    """Return how many threads the run in `out` computes with.

    As many as it began with, since another number would add up in another order; for a run that begins: those of its
    settings, else `threads`, else (0) as `threads_for` says.
    """
    return int(RunRecord(out).threads or job.settings.threads or threads or threads_for(job.settings, images.shape))


def bring_weights(job: Job, out: Path) -> None:
    """Have the file of a backbone's weights here before minutes are spent on images.

    Raises UsageError or SadariError saying which file to put where. Of a run that has begun nothing is asked here.
    """
    backbone = job.backbone
    if backbone and not RunRecord(out).begun:
        pretrained = backbone.pretrained()
        if not pretrained.random:
            tensors_file(pretrained)


def architecture_of(job: Job, images: ImageSet, out: Path) -> Architecture:
    """The architecture of the job; the run in `out`, if it has begun, keeps the backbone with which it did."""
    run = RunRecord(out)
    began = run.environment.get("pretrained") if run.begun else None
    pretrained = Pretrained.from_json(began) if began else None
    return Architecture.of(job.model, job.variables, images.shape, images.classes, pretrained)


def start_weights(network: Network, architecture: Architecture, out: Path) -> str:
    """Give the backbone of `network` its weights, if there is one; returns the digest of their file.

    Raises SadariError where there are no such weights, and for other ones than those that the run in `out` began with.
    """
    if architecture.pretrained is None:
        return ""
    digest = load_pretrained(network, architecture.pretrained, architecture.shape[:2])
    run = RunRecord(out)
    if run.begun and run.environment.get("weights_sha256", digest) != digest:
        raise SadariError(
            f"the weights {architecture.pretrained.origin} have changed since the run began; train in another --out"
        )
    return digest
