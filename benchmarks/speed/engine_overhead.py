"""What does the engine cost over the shortest PyTorch loop that trains the same network?

    uv run python benchmarks/speed/engine_overhead.py [--model cnn] [--turns 20]

One process, one network each, the same precision, batch 256 of random 28x28 pictures, Adam. The engine trains an epoch
of ten steps, then the bare loop trains one, and so on: `--turns` pairs, the first two left out. The ratio of every
pair is taken, and their median and quartiles are printed, because a shared machine drifts by more than the overhead.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from random_images import SHAPE, random_images
from sadari.data.augment.pipeline import Augmentation
from sadari.data.prepare import Preprocess
from sadari.inference.device import PRECISIONS, resolve_machine, threads_for, use_machine
from sadari.inference.predict import Inputs
from sadari.models.catalog import find_model
from sadari.models.network import Network, build
from sadari.models.parse import parse
from sadari.settings import Settings
from sadari.training.batches import Batches
from sadari.training.checkpoint import Checkpoint, FitState
from sadari.training.engine import Engine
from sadari.training.fit_loop import FitLoop
from sadari.training.loss import CrossEntropy
from sadari.training.optim.build import make_optimizer
from sadari.values import ImageSet

BATCH, STEPS, WARM = 256, 10, 2


def network_of(name: str) -> Network:
    spec = find_model(name)
    return build(parse(spec.layers, spec.variables), SHAPE, 10, 0).to(memory_format=torch.channels_last)


class Bare:
    """The shortest loop: slices in order, forward, loss, backward, step."""

    def __init__(self, name: str, images: NDArray[np.uint8], labels: NDArray[np.int64], precision: torch.dtype) -> None:
        self.network = network_of(name).train()
        self.optimizer = torch.optim.Adam(self.network.parameters(), fused=True)
        self.images, self.labels = torch.from_numpy(images).permute(0, 3, 1, 2), torch.from_numpy(labels)
        self.precision = precision

    def epoch(self) -> float:
        """Train one pass and return its seconds."""
        started = time.perf_counter()
        for start in range(0, len(self.labels), BATCH):
            with torch.autocast("cpu", self.precision, enabled=self.precision != torch.float32):
                logits = self.network(self.images[start : start + BATCH].float() / 255)
            F.cross_entropy(logits.float(), self.labels[start : start + BATCH]).backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)
        return time.perf_counter() - started


def ratios(name: str, turns: int) -> list[float]:
    """Return the seconds of the engine's epoch over those of the bare one, pair by pair."""
    count = STEPS * BATCH
    images = random_images(count)
    settings = resolve_machine(Settings(epochs=turns, batch_size=BATCH))
    with use_machine(settings, threads_for(settings, images.shape)) as device:
        return _pairs(name, settings, images, device)


def _pairs(name: str, settings: Settings, images: ImageSet, device: torch.device) -> list[float]:
    bare = Bare(name, np.asarray(images.images), images.labels, PRECISIONS[settings.precision])
    pairs: list[float] = []
    train_epochs(name, settings, images, device, lambda state: pairs.append(_seconds(state) / bare.epoch()))
    return pairs[WARM:]


def _seconds(state: FitState) -> float:
    return state.history[-1]["seconds"]


def train_epochs(
    name: str,
    settings: Settings,
    images: ImageSet,
    device: torch.device,
    after_epoch: Callable[[FitState], None],
    augmentation: Augmentation | None = None,
) -> None:
    """Train the network `name` on all `images` by the engine, as resolved `settings` say, without validation.

    augmentation: redraws them.
    """
    positions = np.arange(len(images))
    network = network_of(name).to(device)
    inputs = Inputs.pixels(images.images, Preprocess.fitted(images, positions, "unit", "crop"))
    loss = CrossEntropy(len(images.classes))
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Checkpoint(Path(folder) / "state.safetensors")
        Engine(
            network=network,
            learner=network,
            optimizer=make_optimizer(network, settings),
            inputs=inputs,
            batches=Batches(inputs, images, positions, settings.batch_size, 0, device, loss, augmentation),
            labels=images.labels,
            validation=np.empty(0, dtype=np.int64),
            settings=settings,
            seed=0,
            loop=FitLoop(network, checkpoint, settings, after_epoch=after_epoch),
            precision=PRECISIONS[settings.precision],
        ).fit()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="cnn")
    parser.add_argument("--turns", type=int, default=20)
    options = parser.parse_args()
    found = sorted(ratios(options.model, options.turns))
    low, median, high = statistics.quantiles(found, n=4)
    print(json.dumps({"model": options.model, "pairs": len(found), "median": median, "quartiles": [low, high]}))


if __name__ == "__main__":
    main()
