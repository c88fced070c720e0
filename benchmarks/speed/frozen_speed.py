"""How much faster is a partly frozen network trained when its frozen layers are computed once?

    uv run python benchmarks/speed/frozen_speed.py [--pairs 3] [--networks mobilenet,vgg16] [--what head,block]
                                                   [--no-keras]

The job is A1's: a backbone without its top, flatten, dense 128, dense 64, dense 32, 50 epochs, batches of 32, images of
224x224, a fifth of them for validation. `head`: the backbone stands still; `block`: its last convolution (VGG16's
block5_conv3) or depthwise pair (MobileNet's 13th) learns too. Weights and images are random; they cost the same time.

- cached: Sadari as it is. All 50 epochs are run; the seconds are those of the whole run, from an empty cache to the
  scores of all images.
- again: the same with another seed, so that the features are in the cache.
- start: of that second run, the seconds from the call to its first epoch.
- uncached: Sadari with cache=none. keras: Keras 3 on TensorFlow, float32 (its default), fit alone.

Of the last two, EPOCHS epochs are run, each in a process of its own; 50 epochs are then taken as the first one plus 49
times the median of the others. All take turns, and only ratios of one turn are compared. The network `small` only shows
that everything works.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np

from machine import describe_machine
from race.entrants import KERAS, NUMPY, TENSORFLOW, own_python
from random_images import random_images
from sadari.progress import Silent, Task
from sadari.settings import Value

HERE = Path(__file__).parent
NETWORKS = {  # name: (Keras's name, images, backbone, what learns beside the head for "block")
    "mobilenet": ("MobileNet", 960, "mobilenetv1_100", "blocks.4.1"),
    "vgg16": ("VGG16", 120, "vgg16", "block5_conv3"),
    "small": ("", 20, "test_resnet", "layer4"),
}
MEASURED = "mobilenet,vgg16"
WAYS = ("keras", "cached", "uncached", "again")
AGAINST = ("keras", "uncached")  # ratios to `cached`
EPOCHS, ALL_EPOCHS, BATCH, SIDE, CLASSES = 3, 50, 32, 224, 3


class Beginning(Silent):
    """A progress that prints nothing and remembers when the first epoch began."""

    def __init__(self) -> None:
        self.at = 0.0

    def task(self, label: str, total: int, unit: str) -> AbstractContextManager[Task]:
        if label.startswith("epoch 1/"):
            self.at = time.perf_counter()
        return super().task(label, total, unit)


def time_sadari(network: str, what: str, cache: str, epochs: int, seed: int) -> dict[str, object]:
    """Make one run and return its seconds, and those of each of its epochs."""
    from sadari.job import make_job
    from sadari.models.catalog import find_model
    from sadari.training.train import train
    from sadari.values import Split

    _, count, backbone, block = NETWORKS[network]
    images = random_images(count, (SIDE, SIDE, 3), CLASSES)
    held_out = count // 5
    none = np.empty(0, dtype=np.int64)
    split = Split(np.arange(held_out, count), np.arange(held_out), none, "made for a benchmark")
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "a1.toml"
        layers = f"backbone {backbone} train $train weights random:0, flatten, dense 128, dense 64, dense 32"
        model.write_text(f'layers = "{layers}"\n[variables]\ntrain = "head"\n', encoding="utf-8")
        chosen: dict[str, Value] = {
            "train": block if what == "block" else "head",
            "cache": cache,
            "epochs": epochs,
            "batch_size": BATCH,
        }
        job = make_job("random", find_model(model), seed, chosen)
        beginning = Beginning()
        started = time.perf_counter()
        run = train(job, Path(folder) / "run", images=images, split=split, progress=beginning)
        return {
            "total": time.perf_counter() - started,
            "start": beginning.at - started,
            "seconds": [row["seconds"] for row in run.history],
        }


def child(who: str, network: str, what: str, cache: Path) -> dict[str, float]:
    """Return the seconds of the whole job as `who` does it, in a process of its own; for `again` also the start."""
    keras_name, count, *_ = NETWORKS[network]
    if who == "keras":
        command = [*own_python((TENSORFLOW, KERAS, NUMPY)), str(HERE / "peers" / "keras_frozen.py")]
        command += [keras_name, what, str(count), str(EPOCHS)]
    else:
        command = [sys.executable, __file__, "--child", who, "--networks", network, "--what", what]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "SADARI_CACHE_DIR": str(cache)}
    )
    if done.returncode:
        sys.exit(done.stderr)
    found = json.loads(done.stdout.splitlines()[-1])
    if who == "again":
        return {who: found["total"], "start": found["start"]}
    first, *others = found["seconds"]
    return {who: found["total"] if who == "cached" else first + (ALL_EPOCHS - 1) * statistics.median(others)}


def turn(network: str, what: str, ways: Sequence[str]) -> dict[str, float]:
    """Return the seconds of the job in each of the ways, one after the other."""
    with tempfile.TemporaryDirectory() as cache:
        every = [child(who, network, what, Path(cache)) for who in ways]
    return {who: seconds for each in every for who, seconds in each.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", default=MEASURED)
    parser.add_argument("--what", default="head,block")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--no-keras", action="store_true", help="such as on a graphics processor, where Keras has none")
    parser.add_argument("--out", type=Path, default=HERE / "frozen_speed.json")
    parser.add_argument("--child", choices=("cached", "uncached", "again"))
    options = parser.parse_args()
    if options.child:
        cache, epochs = ("none", EPOCHS) if options.child == "uncached" else ("auto", ALL_EPOCHS)
        seed = 1 if options.child == "again" else 0
        print(json.dumps(time_sadari(options.networks, options.what, cache, epochs, seed)))
        return
    results = json.loads(options.out.read_text(encoding="utf-8")) if options.out.is_file() else {"jobs": []}
    for network in options.networks.split(","):
        for what in options.what.split(","):
            turns: list[dict[str, float]] = []
            for _ in range(options.pairs):
                turns.append(turn(network, what, WAYS[1:] if options.no_keras else WAYS))
                keep(results, network, what, turns)
                options.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
            for who, ratios in results["jobs"][-1]["ratio"].items():
                print(
                    f"{network:10} {what:6} against {who:9} {statistics.median(ratios):7.1f}x "
                    f"({min(ratios):.1f} to {max(ratios):.1f})",
                    flush=True,
                )


def keep(results: dict[str, Any], network: str, what: str, turns: list[dict[str, float]]) -> None:
    """Put the turns of one job, as far as they have come, in the place of older ones."""
    against = {who: [each[who] / each["cached"] for each in turns] for who in AGAINST if who in turns[0]}
    others = [each for each in results["jobs"] if (each["network"], each["what"]) != (network, what)]
    results["jobs"] = [*others, {"network": network, "what": what, "turns": turns, "ratio": against}]
    results["machine"] = describe_machine()
    results["command"] = "uv run python benchmarks/speed/frozen_speed.py"


if __name__ == "__main__":
    main()
