"""How much faster is training because malloc keeps what a step frees? With and without, process by process in turn.

    uv run python benchmarks/speed/kept_memory.py [--model cnn] [--pairs 3]

Batch 256 of random 28x28 pictures, Adam, two epochs of which the second is timed. Printed: the ratio of the seconds
without over with, pair by pair, and of the peak memory with over without.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from machine import peak_mib
from random_images import random_images
from sadari.inference import device
from sadari.job import Job
from sadari.models.catalog import find_model
from sadari.settings import resolve
from sadari.training.train import train
from sadari.values import Split

BATCH, STEPS = 256, 20


def one_process(name: str, kept: bool) -> dict[str, float]:
    """Return the seconds of the second epoch and the peak memory in bytes."""
    if not kept:
        device.keep_freed_memory = lambda: None
    images = random_images(STEPS * BATCH)
    none = np.empty(0, dtype=np.int64)
    spec = find_model(name)
    settings, variables = resolve(spec.settings, spec.variables, {"epochs": 2, "batch_size": BATCH, "scaling": "unit"})
    with tempfile.TemporaryDirectory() as folder:
        job = Job("random", spec, 0, settings, variables)
        split = Split(np.arange(len(images)), none, none, "all")
        run = train(job, Path(folder) / "run", images=images, split=split)
        return {"seconds": run.history[1]["seconds"], "peak": peak_mib() * 2**20}


def child(name: str, kept: bool) -> dict[str, float]:
    command = [sys.executable, __file__, "--model", name, "--child", str(int(kept))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="cnn")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--child", type=int)
    options = parser.parse_args()
    if options.child is not None:
        print(json.dumps(one_process(options.model, bool(options.child))))
        return
    pairs = [(child(options.model, False), child(options.model, True)) for _ in range(options.pairs)]
    faster = [without["seconds"] / kept["seconds"] for without, kept in pairs]
    larger = [kept["peak"] / without["peak"] for without, kept in pairs]
    print(json.dumps({"model": options.model, "times_as_fast": faster, "median": statistics.median(faster)}))
    print(json.dumps({"peak_memory_ratio": larger, "peak_memory": max(kept["peak"] for _, kept in pairs)}))


if __name__ == "__main__":
    main()
