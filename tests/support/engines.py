"""Engines around small fresh networks, and the distance of two sets of weights."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sadari.data.augment.pipeline import Augmentation, parse_augmentation
from sadari.data.prepare import Preprocess
from sadari.inference.device import PRECISIONS
from sadari.inference.predict import Inputs
from sadari.models.network import Network, build
from sadari.models.parse import parse
from sadari.settings import Settings, with_overrides
from sadari.training.batches import Batches
from sadari.training.checkpoint import Checkpoint
from sadari.training.devices.team import Team
from sadari.training.engine import Engine
from sadari.training.fit_loop import FitLoop
from sadari.training.loss import CrossEntropy
from sadari.training.optim.build import make_optimizer
from sadari.values import ImageSet
from support.jobs import QUIET, parts, patterns

CPU = torch.device("cpu")


def engine_for(layers: str, folder: Path, images: ImageSet | None = None, **overrides: Any) -> Engine:
    """Return an engine around a fresh network; the overrides may contain `network`, `class_weights` and `team`."""
    images = images or patterns()
    network = overrides.pop("network", None) or fresh(layers, images)
    weights = overrides.pop("class_weights", None)
    team = overrides.pop("team", None) or Team()
    settings = with_overrides(Settings(), {**QUIET, **overrides})
    split = parts(images)
    augmentation = parse_augmentation(settings.augment, *images.shape[:2])
    preprocess = Preprocess.fitted(images, split.train, "unit", "crop")
    inputs = Inputs.pixels(images.images, preprocess)
    loss = CrossEntropy(len(images.classes), settings.label_smoothing, weights)
    checkpoint = Checkpoint(folder / "checkpoint" / "state.safetensors")
    return Engine(
        network=network,
        learner=network,
        optimizer=make_optimizer(network, settings),
        inputs=inputs,
        batches=Batches(inputs, images, split.train, settings.batch_size, 5, CPU, loss, augmentation, share=team.share),
        labels=images.labels,
        validation=split.val,
        settings=settings,
        seed=5,
        loop=FitLoop(network, checkpoint, settings, checkpoint.read()),
        precision=PRECISIONS[settings.precision],
        team=team,
    )


def batches_of(images: ImageSet, positions: NDArray[np.int64], size: int, augmentation: Augmentation | None) -> Batches:
    """Return batches whose `x` are the pixels as they are stored or drawn, uint8 (N, H, W, C)."""
    as_they_are = Inputs(images.images, lambda pixels: pixels)
    return Batches(as_they_are, images, positions, size, 3, CPU, CrossEntropy(len(images.classes)), augmentation)


def fresh(layers: str, images: ImageSet) -> Network:
    network = build(parse(layers, {}), images.shape, len(images.classes), seed=7)
    return network.to(memory_format=torch.channels_last)


def weights_of(network: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}


class Hungry(nn.Module):
    """A layer without weights that runs out of memory for more than `most` images."""

    def __init__(self, most: int, error: Callable[[], Exception]) -> None:
        super().__init__()
        self.most, self.error = most, error

    def forward(self, x: Tensor) -> Tensor:
        if len(x) > self.most:
            raise self.error()
        return x


def out_of_memory_on_cuda() -> Exception:
    return torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB")


def furthest(one: dict[str, Tensor], other: dict[str, Tensor]) -> float:
    """Return the largest difference between two values in the same place."""
    assert one.keys() == other.keys()
    return max(float((one[name].double() - other[name].double()).abs().max()) for name in one)
