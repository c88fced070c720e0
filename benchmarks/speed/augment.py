"""What does augmentation cost beside the training step that it feeds?

    uv run python benchmarks/speed/augment.py [--augment "rotate 30, shift 0.2, flip"] [--pairs 4] [--threads 0]

One process: 128 random images of 224x224x3 are redrawn, then MobileNet v1 takes one training step on them (forward,
backward, SGD, in the precision that Sadari trains in here), and so on: `--pairs` pairs after one that is left out. The
ratio of every pair is taken, of wall time and of processor time (which other processes on the machine affect less),
because a shared machine drifts by more than the cost. Prints one JSON document, with the load when it began and ended;
augment.json is a list of such documents.
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from functools import partial

import timm
import torch
from torch.nn import functional as F

from machine import describe_machine
from sadari.data.augment.pipeline import parse_augmentation
from sadari.inference.device import PRECISIONS, resolve_machine, threads_for
from sadari.settings import Settings
from sadari.training.randomness import generator_for

FIVE = "rotate 30, shift 0.2, zoom 0.2, flip"
SHAPE = (128, 224, 224, 3)


def training_step(pixels: torch.Tensor, labels: torch.Tensor, precision: torch.dtype) -> Callable[[], None]:
    """Return a function that takes one training step of MobileNet v1 on `pixels` (N, H, W, C), uint8."""
    network = timm.create_model("mobilenetv1_100", num_classes=3).to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01)

    def step() -> None:
        with torch.autocast("cpu", precision, enabled=precision != torch.float32):
            logits = network(pixels.permute(0, 3, 1, 2).float() / 255)
        F.cross_entropy(logits.float(), labels).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Run `work` and return its seconds of wall time and of processor time."""
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - processor


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--augment", default=FIVE)
    parser.add_argument("--pairs", type=int, default=4)
    parser.add_argument("--threads", type=int, default=0)
    options = parser.parse_args()
    settings = resolve_machine(Settings(device="cpu", threads=options.threads))
    torch.set_num_threads(threads_for(settings, SHAPE[1:]))
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, SHAPE, dtype=torch.uint8, generator=generator)
    labels = torch.randint(3, SHAPE[:1], generator=generator)
    augmentation = parse_augmentation(options.augment, *SHAPE[1:3])
    if augmentation is None:
        parser.error("--augment names no augmentation")
    step = training_step(pixels, labels, PRECISIONS[settings.precision])

    def redraw(turn: int) -> None:
        draws = generator_for(0, "augment", 0, turn)
        augmentation.mix(augmentation.apply(pixels, draws), labels, 3, draws)

    load = [os.getloadavg()[0]]
    pairs = [(timed(partial(redraw, turn)), timed(step)) for turn in range(options.pairs + 1)][1:]
    load.append(os.getloadavg()[0])
    ratios = {
        name: [augmenting[clock] / stepping[clock] for augmenting, stepping in pairs]
        for clock, name in enumerate(("wall", "processor"))
    }
    seconds = {
        name: {"augment": [each[0][clock] for each in pairs], "step": [each[1][clock] for each in pairs]}
        for clock, name in enumerate(("wall", "processor"))
    }
    document = {
        "augment": options.augment,
        "precision": settings.precision,
        "threads": torch.get_num_threads(),
        "machine": describe_machine(),
        "load": load,
        "ratio": ratios,
        "median": {name: statistics.median(each) for name, each in ratios.items()},
        "seconds": seconds,
    }
    print(json.dumps(document, indent=2))


if __name__ == "__main__":
    main()
