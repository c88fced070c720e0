"""Do attributions point at the pixels that decide the class? On drawn shapes the deciding pixels are known.

    uv run python benchmarks/quality/attribution_truth.py [--images 200] [--seeds 3] [--epochs 6] [--out FILE.json]

Trains logistic, mlp and cnn with every seed on drawn shapes (32x32, colour, 8 classes; the evidence of a shape is its
own pixels), and explains the true class of the first test images, whether the model is right or not. Hits (the pointing
game, Zhang et al. 2016, arXiv:1608.00507): the largest value is on the shape. Overlap: intersection over union of the
shape and of as many pixels of the largest values as the shape has. Two maps that use no model are judged like the
others: chance (random values), and the brightness of the image, since every shape is brighter than its background. For
each image the mean over the seeds is taken, and the interval is that of the mean over images (bootstrap). Milliseconds
are processor time for one image on one core, which other processes on the machine affect less than wall time.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import sadari
from sadari.explain.attribution import ATTRIBUTIONS, attribute
from sadari.inference.model import TrainedModel
from sadari.run import environment

sys.path.append(str(Path(__file__).parents[1] / "speed"))  # for machine.py
from machine import instructions

DATA = "shapes:images=10000,noise=0.05"
MODELS = ("logistic", "mlp", "cnn")
Mask = NDArray[np.bool_]


def judge(values: NDArray[np.floating[Any]], evidence: Mask) -> tuple[float, float]:
    """Return hit (0 or 1) and overlap of one map; equal values are ordered at random, but always the same way."""
    noise = np.random.default_rng(0).random(values.size)
    order = np.lexsort((noise, -values.ravel()))
    truth = evidence.ravel()
    chosen = np.zeros_like(truth)
    chosen[order[: truth.sum()]] = True
    return float(truth[order[0]]), float((chosen & truth).sum() / (chosen | truth).sum())


def interval(scores: NDArray[np.float64]) -> dict[str, float]:
    """Return the mean over images with its 95 % interval. scores: (images,)."""
    generator = np.random.default_rng(0)
    means = scores[generator.integers(0, len(scores), (2000, len(scores)))].mean(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    return {"mean": round(float(scores.mean()), 4), "low": round(float(low), 4), "high": round(float(high), 4)}


def row(name: str, method: str, scores: NDArray[np.float64], **more: Any) -> dict[str, Any]:
    """Return one row of the results. scores: (seeds, images, 2), hit and overlap."""
    hits, overlap = (scores[..., place].mean(axis=0) for place in (0, 1))
    return {"model": name, "method": method, "hits": interval(hits), "overlap": interval(overlap), **more}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    options = parser.parse_args()
    began = time.perf_counter()
    images = sadari.load(DATA)
    assert images.evidence is not None
    judged = np.flatnonzero(images.source_split == "test")[: options.images]
    found: dict[tuple[str, str], list[list[tuple[float, float]]]] = defaultdict(list)
    accuracy: dict[str, list[float]] = defaultdict(list)
    seconds: dict[tuple[str, str], float] = defaultdict(float)
    with tempfile.TemporaryDirectory() as folder:
        for name in MODELS:
            for seed in range(options.seeds):
                out = Path(folder) / f"{name}-{seed}"
                run = sadari.train(DATA, name, out=out, seed=seed, epochs=options.epochs, threads=1)
                accuracy[name].append(run.scores("test")["accuracy"])
                model = TrainedModel.load(run)
                for method in (each for each in ATTRIBUTIONS if not each.lacks(model)):
                    start = time.process_time()
                    maps = [attribute(method.name, model, images.images[at], int(images.labels[at])) for at in judged]
                    seconds[name, method.name] += time.process_time() - start
                    evidence = images.evidence[judged]
                    found[name, method.name].append([judge(*pair) for pair in zip(maps, evidence, strict=True)])
                    print(name, seed, method.name, np.mean(found[name, method.name][-1], axis=0), flush=True)
    generator = np.random.default_rng(1)
    chance = [
        [judge(generator.random(images.shape[:2]), images.evidence[at]) for at in judged] for _ in range(options.seeds)
    ]
    brightness = [[judge(images.images[at].mean(axis=2), images.evidence[at]) for at in judged]]
    explained = options.seeds * options.images
    machine = environment()
    del machine["command"]  # that of this program is above
    document = {
        "command": " ".join(["uv run python", *sys.argv]),
        "data": DATA,
        "images": options.images,
        "seeds": options.seeds,
        "epochs": options.epochs,
        "machine": {**machine, "instructions": instructions(), "load": os.getloadavg(), "system": platform.platform()},
        "date": time.strftime("%Y-%m-%d"),
        "seconds": round(time.perf_counter() - began, 1),
        "accuracy": {name: [round(each, 4) for each in values] for name, values in accuracy.items()},
        "evidence_share": round(float(images.evidence[judged].mean()), 4),
        "rows": [
            row("no model", "chance", np.array(chance)),
            row("no model", "brightness", np.array(brightness)),
            *(
                row(*key, np.array(scores), milliseconds=round(1000 * seconds[key] / explained, 2))
                for key, scores in found.items()
            ),
        ],
    }
    options.out.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(document["rows"], indent=1))


if __name__ == "__main__":
    main()
