"""What does training one job need? The network, what it learns from, and the files that describe the run."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from sadari.data.augment.pipeline import Augmentation, parse_augmentation
from sadari.data.prepare import Preprocess
from sadari.errors import SadariError, UsageError
from sadari.evaluation.metrics import METRICS
from sadari.files import write_json, write_text
from sadari.inference.architecture import Architecture
from sadari.inference.device import threads_for
from sadari.inference.embedded import embedded_tensors
from sadari.job import Job
from sadari.models.backbone.module import Backbone
from sadari.models.backbone.pretrained import Pretrained
from sadari.models.backbone.tensors import tensors_file
from sadari.models.classical.registry import check_variables
from sadari.models.network import Network
from sadari.models.spec import FittedBy
from sadari.models.weights import load_pretrained
from sadari.plugins.used import records_of
from sadari.progress import Progress
from sadari.run import CHECKPOINT, ENVIRONMENT, PREPROCESS, SETTINGS, SPLIT, RunRecord, environment, memory_bytes
from sadari.run_files import write_split
from sadari.training.checkpoint import Checkpoint, Stored
from sadari.training.devices.check import threads_of_each
from sadari.training.frozen import FitInputs, check_views, split_inputs
from sadari.training.log import Log, begun_log, report_what_has_no_effect
from sadari.training.randomness import seed_for
from sadari.training.teacher.answers import Logits
from sadari.training.teacher.teaching import Teaching
from sadari.values import ImageSet, Split

FLOAT_BYTES = 4


@dataclass(frozen=True, eq=False)
class Setup:
    """Everything that training one job needs.

    augmentation: how images are drawn anew in each epoch; None where they are not, or were drawn already. answers: a
    teacher's logits for the training images, float32 (N, K); None where there is no teacher. stored: the content of the
    run's checkpoint, read once.
    """

    job: Job
    images: ImageSet
    split: Split
    preprocess: Preprocess
    architecture: Architecture
    network: Network
    fit_inputs: FitInputs
    augmentation: Augmentation | None
    answers: Logits | None
    out: Path
    log: Log
    stored: Stored

    @property
    def checkpoint(self) -> Checkpoint:
        """Return the checkpoint of the run."""
        return checkpoint_of(self.out)


def checkpoint_of(out: Path) -> Checkpoint:
    """Return the checkpoint of the run in `out`."""
    return Checkpoint(out / CHECKPOINT)


def set_up(
    job: Job,
    images: ImageSet,
    split: Split,
    out: Path,
    progress: Progress,
    device: torch.device,
    threads: int,
    judged_by: Mapping[str, Any] | None = None,
) -> Setup:
    """Set up the job in `out`, and write the files that describe the run.

    device, threads: what the process computes with (`use_machine`). judged_by: as in `train`. Raises SadariError or
    UsageError before the first file is written where other weights or layers than the run began with are found, where
    the network does not fit the images, and where settings contradict each other.
    """
    architecture, network, stored, weights_sha256 = begun_network(job, images, out, device)
    augmentation = checked_augmentation(job, images, architecture)
    preprocess = _fitted_preprocess(job, images, split, architecture)
    teaching = Teaching.of(job, images, split, out, progress)
    taught = teaching.document(job, images, split, progress) if teaching and not RunRecord(out).begun else {}
    _check_train_size(network, preprocess, job.settings.train_size)
    # Nothing is written before here: a network that does not fit leaves nothing behind.
    _write_settings_and_environment(
        job, images, out, architecture, weights_sha256, threads, {"teacher": taught, "judged_by": judged_by}
    )
    write_json(out / PREPROCESS, preprocess.to_json())
    write_split(out / SPLIT, split, images.groups)
    log = begun_log(job, images, split, architecture.pretrained, out, progress)
    report_what_has_no_effect(job, len(split.val), log)

    job = with_enough_steps(job, len(split.train), log)
    fit_inputs = split_inputs(network, preprocess, images, split.train, augmentation, job.settings, log)
    if fit_inputs.views:
        augmentation = None
    answers = teaching.answers(job, images, split.train, device, log) if teaching else None
    return Setup(
        job, images, split, preprocess, architecture, network, fit_inputs, augmentation, answers, out, log, stored
    )


def begun_network(
    job: Job, images: ImageSet, out: Path, device: torch.device
) -> tuple[Architecture, Network, Stored, str]:
    """Return the network of the job on `device`, as it begins or goes on in `out`; nothing is written.

    It comes with its architecture, the content of the checkpoint, and the digest of the backbone's file, "" where none
    was read. Raises SadariError where memory does not hold it, and where the run in `out` began with other weights.
    """
    architecture = architecture_of(job, images, out)
    _require_memory(job, architecture)
    network = architecture.build(seed_for(job.seed, "weights"))
    stored = checkpoint_of(out).read()
    weights_sha256 = _load_weights(network, architecture, stored, out)
    _keep_norms_still(network, job)
    _move(network, architecture, device)
    return architecture, network, stored, weights_sha256


def _load_weights(network: Network, architecture: Architecture, stored: Stored, out: Path) -> str:
    """Give `network` the weights of the checkpoint, or a run that begins those of its backbone.

    Returns the digest of the backbone's file, "" where none was read.
    """
    if not stored.groups:
        return start_weights(network, architecture, out)
    network.load_state_dict(dict(stored.group("network")))
    return ""


def _keep_norms_still(network: Network, job: Job) -> None:
    """Keep the batch norms of the backbone as they are, where the job wants it."""
    if job.settings.backbone_norms == "still":
        for each in network.modules():
            if isinstance(each, Backbone):
                each.keep_norms_still()


def _move(network: Network, architecture: Architecture, device: torch.device) -> None:
    """Move `network` to `device`, unless it is a classical model: those stay on the processor."""
    if not architecture.classical:
        network.to(device)


def checked_augmentation(job: Job, images: ImageSet, architecture: Architecture) -> Augmentation | None:
    """Return the augmentation of the job, None for a classical model.

    Raises UsageError for settings of augmentation or variables of a classical model that are wrong.
    """
    augmentation = parse_augmentation(job.settings.augment, *images.shape[:2])
    check_views(job.settings, augmentation)
    check_variables(job.variables if architecture.classical else {})
    return None if architecture.classical else augmentation


def _fitted_preprocess(job: Job, images: ImageSet, split: Split, architecture: Architecture) -> Preprocess:
    """Fit the preprocessing to the training split."""
    settings = job.settings
    return Preprocess.fitted(
        images, split.train, settings.scaling, settings.fit, architecture.scaling, settings.interpolation
    )


@torch.no_grad()
def _check_train_size(network: Network, preprocess: Preprocess, side: int) -> None:
    """Raise UsageError where images of `side` are no smaller ones, or `network` cannot read them; 0 is no size."""
    if not side:
        return
    if side > min(preprocess.height, preprocess.width):
        raise UsageError(
            f"train_size={side} is above the size of the images, {preprocess.height}x{preprocess.width}; training "
            "images are made smaller, not larger: set a lower one, or a larger image_size"
        )
    smaller = preprocess.for_side(side)
    device = next(network.parameters()).device
    pixels = torch.zeros(1, side, side, preprocess.channels, dtype=torch.uint8, device=device)
    was_training = network.training
    try:
        network.eval()(smaller.apply(pixels))
    except (RuntimeError, AssertionError, ValueError):  # torch and timm raise any of these for sizes that do not fit
        raise UsageError(
            f"the network reads images of {preprocess.height}x{preprocess.width} only, not of train_size={side}; "
            "leave it out, or end with a layer such as globalavgpool"
        ) from None
    finally:
        network.train(was_training)


def _write_settings_and_environment(
    job: Job,
    images: ImageSet,
    out: Path,
    architecture: Architecture,
    weights_sha256: str,
    threads: int,
    about: Mapping[str, Any],
) -> None:
    """Write the settings, and of a run that begins also the environment that it begins in. about: its other tables."""
    write_text(out / SETTINGS, job.record.to_toml())
    if RunRecord(out).begun:
        return
    data = {"name": images.name, "fingerprint": images.fingerprint, "notes": images.notes}
    document = {**environment(), "threads": threads, "data": data, "layers": job.model.layers}
    if architecture.pretrained:
        document |= {"pretrained": architecture.pretrained.to_json(), "weights_sha256": weights_sha256}
    document |= {key: dict(each) for key, each in about.items() if each}
    plugins = plugins_of(job)
    if plugins:
        document["plugins"] = plugins
    write_json(out / ENVIRONMENT, document)


def plugins_of(job: Job) -> list[dict[str, str]]:
    """Return the records of the plug-ins that a run of `job` uses here, the metrics that judge it among them."""
    return records_of({**job.names, "metric": [metric.name for metric in METRICS if metric.of_plugin]})


def with_enough_steps(job: Job, images: int, log: Log) -> Job:
    """Return `job` with as many epochs as `least_steps` asks for when it learns from so many images."""
    epochs = job.settings.epochs_for(images)
    if epochs == job.settings.epochs or job.model.fitted_by is not FittedBy.GRADIENT:
        return job
    log.say(f"few images make few steps: {epochs} epochs instead of {job.settings.epochs} (least_steps)")
    return replace(job, settings=replace(job.settings, epochs=epochs))


def threads_of(job: Job, images: ImageSet, out: Path, threads: int) -> int:
    """Return how many threads the run in `out` computes with.

    As many as it began with, since another number would add up in another order. For a run that begins: those of its
    settings, else `threads`, else (0) what `threads_for` returns, which several processes on processors divide.
    """
    chosen = RunRecord(out).threads or job.settings.threads or threads
    return int(chosen or threads_of_each(threads_for(job.settings, images.shape), job))


def bring_weights(job: Job, out: Path) -> None:
    """Download the weights of a backbone, where they are not here yet, before minutes are spent on images.

    Raises UsageError or SadariError with the file that the user can put in place. Does nothing for a run that has
    begun.
    """
    backbone = job.backbone
    if backbone and not RunRecord(out).begun:
        pretrained = backbone.pretrained()
        if not pretrained.random:
            tensors_file(pretrained)


def architecture_of(job: Job, images: ImageSet, out: Path) -> Architecture:
    """Return the architecture of the job; a run in `out` that has begun has the backbone that it began with."""
    run = RunRecord(out)
    began = run.environment.get("pretrained") if run.begun else None
    pretrained = Pretrained.from_json(began) if began else None
    return Architecture.of(job.model, job.variables, images.shape, images.classes, pretrained)


def _require_memory(job: Job, architecture: Architecture) -> None:
    """Raise SadariError, before anything is allocated, where memory cannot hold the weights and their gradients."""
    rows = architecture.rows() if job.model.layers else ()
    size = FLOAT_BYTES * sum(row.total + row.trainable for row in rows)
    memory = memory_bytes()
    if memory and size > memory:
        height, width, _ = architecture.shape
        raise SadariError(
            f"the network '{job.model.reference}' has {sum(row.total for row in rows):,} parameters on images of "
            f"{width} x {height} pixels, which take {size / 2**30:,.3g} GiB with their gradients, and this machine has "
            f"{memory / 2**30:,.3g} GiB of memory; choose a smaller image_size or a smaller network"
        )


def start_weights(network: Network, architecture: Architecture, out: Path) -> str:
    """Give the backbone of `network`, if there is one, its weights; return the digest of their file.

    Raises SadariError where there are no such weights, and where the run in `out` began with other ones.
    """
    if architecture.pretrained is None:
        return ""
    tensors = embedded_tensors() if architecture.pretrained.embedded else None
    digest = load_pretrained(network, architecture.pretrained, architecture.shape[:2], tensors)
    run = RunRecord(out)
    if run.begun and run.environment.get("weights_sha256", digest) != digest:
        raise SadariError(
            f"the weights {architecture.pretrained.origin} have changed since the run began; train in another --out"
        )
    return digest
