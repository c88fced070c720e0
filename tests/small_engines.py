"""Engines around small fresh networks, and how far two sets of weights lie apart."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sadari.data.augment import parse_augmentation
from sadari.data.prepare import Preprocess
from sadari.evaluation.predict import Inputs
from sadari.models.layers import parse
from sadari.models.sequential import Network, build
from sadari.settings import Settings, with_overrides
from sadari.training.batches import Batches
from sadari.training.checkpoint import Checkpoint
from sadari.training.engine import Engine
from sadari.training.machine import PRECISIONS
from sadari.training.optim import make_optimizer
from sadari.values import ImageSet
from small_jobs import QUIET, parts, patterns

CPU = torch.device("cpu")


def engine_for(layers: str, folder: Path, images: ImageSet | None = None, **overrides: Any) -> Engine:
    """An engine around a fresh network; `network` and `class_weights` may be given among the overrides."""
    images = images or patterns()
    network = overrides.pop("network", None) or fresh(layers, images)
    weights = overrides.pop("class_weights", None)
    settings = with_overrides(Settings(), {**QUIET, **overrides})
    split = parts(images)
    augmentation = parse_augmentation(settings.augment, *images.shape[:2])
    preprocess = Preprocess.fitted(images, split.train, "unit", "crop")
    return Engine(
        network=network,
        learner=network,
        optimizer=make_optimizer(network, settings),
        inputs=Inputs.pixels(images.images, preprocess),
        batches=Batches(images.images, images, split.train, settings.batch_size, 5, CPU, augmentation),
        labels=images.labels,
        validation=split.val,
        settings=settings,
        seed=5,
        checkpoint=Checkpoint(folder / "checkpoint" / "state.safetensors"),
        precision=PRECISIONS[settings.precision],
        class_weights=weights,
    )


def fresh(layers: str, images: ImageSet) -> Network:
    network = build(parse(layers, {}), images.shape, len(images.classes), seed=7)
    return network.to(memory_format=torch.channels_last)


def weights_of(network: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}


def furthest(one: dict[str, Tensor], other: dict[str, Tensor]) -> float:
    assert one.keys() == other.keys()
    return max(float((one[name].double() - other[name].double()).abs().max()) for name in one)
