"""In which arithmetic does each network train faster on this processor: float32 or bfloat16?

    uv run python benchmarks/speed/arithmetic.py [--models cnn,sprint] [--threads 1,2] [--turns 5]

For each network and each number of threads, the engine trains in turn in float32 and in bfloat16: an epoch of ten steps
to warm up and two that count, batch 256 of random 28x28 pictures, Adam. Each turn gives one ratio, the seconds of
float32 over those of bfloat16; the median of all turns is stored with the least and the greatest. The variable
ONEDNN_MAX_CPU_ISA imitates an older processor; its value is stored, and is part of a figure's name.
"""

import argparse
import json
import os
import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any

from engine_overhead import BATCH, STEPS
from engine_overhead import train_epochs as train
from machine import commit, instructions, this_machine
from random_images import random_images
from sadari.files import write_json
from sadari.inference.device import cores, resolve_machine, use_machine
from sadari.settings import Settings
from sadari.values import ImageSet

MODELS = ("mlp", "a2-cnn", "cnn", "cnn2", "sprint", "lstm", "cnn-lstm", "cnn2-lstm")
WARM, COUNTED = 1, 2  # epochs


def epoch_seconds(model: str, settings: Settings, images: ImageSet, threads: int) -> float:
    """Return the seconds of an epoch after the first one."""
    seconds: list[float] = []
    with use_machine(settings, threads) as device:
        train(model, settings, images, device, lambda state: seconds.append(state.history[-1]["seconds"]))
    return min(seconds[WARM:])


def measure(model: str, threads: int, turns: int) -> dict[str, Any]:
    """Return what one network takes in both kinds of arithmetic: ratios, and images per second of the fastest turn."""
    images = random_images(STEPS * BATCH)
    settings = resolve_machine(Settings(epochs=WARM + COUNTED, batch_size=BATCH, precision="float32", device="cpu"))
    both = {name: replace(settings, precision=name) for name in ("float32", "bfloat16")}
    taken: dict[str, list[float]] = {name: [] for name in both}
    for _ in range(turns):
        for name, each in both.items():
            taken[name].append(epoch_seconds(model, each, images, threads))
    ratios = [whole / half for whole, half in zip(taken["float32"], taken["bfloat16"], strict=True)]
    rates = {name: round(len(images) / min(seconds)) for name, seconds in taken.items()}
    spread = {"ratio": statistics.median(ratios), "least": min(ratios), "greatest": max(ratios)}
    return {"model": model, "threads": threads, "turns": turns, **spread, "images_per_second": rates}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--threads", default=",".join(str(count) for count in {1: 0, cores(): 0}))
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    options = parser.parse_args()
    found = json.loads(options.out.read_text(encoding="utf-8")) if options.out.exists() else []
    limit = os.environ.get("ONEDNN_MAX_CPU_ISA", "")
    for model in options.models.split(","):
        for threads in (int(each) for each in options.threads.split(",")):
            key = {"instructions": instructions(), "ONEDNN_MAX_CPU_ISA": limit, "model": model, "threads": threads}
            if any(key.items() <= each.items() for each in found):
                continue
            row = {**key, **measure(model, threads, options.turns), "load": os.getloadavg()[0]}
            found.append({**row, "machine": this_machine(), "commit": commit()})
            write_json(options.out, found)
            print(f"{model:12} {threads} threads: {row['ratio']:.2f} ({row['least']:.2f} to {row['greatest']:.2f})")


if __name__ == "__main__":
    main()
