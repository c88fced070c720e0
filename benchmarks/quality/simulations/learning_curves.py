"""Does the interval of what twice the images would bring contain the truth, where training sets are drawn anew?

    OMP_NUM_THREADS=1 uv run python benchmarks/quality/simulations/learning_curves.py [--replications 400]
    uv run python benchmarks/quality/simulations/learning_curves.py --table     the table of docs/statistics.md

World: that of training_sets.py, three classes of normal clouds; images are drawn anew in each replication, a fifth of
them judges in each of the splits, and a linear discriminant or the nearest class mean learns from a tenth, three tenths
and all of the others. The truth: what twice as many images bring in the mean over many sets, judged by many images.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sadari.evaluation.power_law import fit_power_law_of_draws

OUT = Path(__file__).with_suffix(".json")
CLASSES, PIXELS, APART = 3, 8, 1.8
FRACTIONS = (0.1, 0.3, 1.0)
MANY = 4_000  # images that judge, and sets that are drawn, for the truth
SETTINGS = ((300, 5), (300, 10), (900, 5))  # images, splits

Row = dict[str, Any]
Floats = NDArray[np.float64]
Fit = Callable[[Floats, NDArray[np.int64]], tuple[Floats, Floats]]


def means(x: Floats, y: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Return weights (D, K) and biases (K,) of the nearest class mean."""
    centres = np.stack([x[y == each].mean(axis=0) for each in range(CLASSES)])
    return centres.T, -(centres**2).sum(axis=1) / 2


def discriminant(x: Floats, y: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Return weights and biases of a linear discriminant with a little of the unit matrix in its covariance."""
    centres = np.stack([x[y == each].mean(axis=0) for each in range(CLASSES)])
    away = x - centres[y]
    inverse = np.linalg.inv(away.T @ away / max(len(x) - CLASSES, 1) + 0.1 * np.eye(x.shape[1]))
    weights = inverse @ centres.T
    return weights, -np.einsum("kd,dk->k", centres, weights) / 2


MODELS: dict[str, Fit] = {"nearest mean": means, "linear": discriminant}


def draw(generator: np.random.Generator, count: int) -> tuple[Floats, NDArray[np.int64]]:
    """Return images and labels, as many of each class."""
    labels = np.arange(count) % CLASSES
    images = generator.standard_normal((count, PIXELS))
    images[np.arange(count), labels] += APART
    return images, labels


def right(fit: Fit, train: tuple[Floats, NDArray[np.int64]], test: tuple[Floats, NDArray[np.int64]]) -> float:
    weights, biases = fit(*train)
    return float(((test[0] @ weights + biases).argmax(axis=1) == test[1]).mean())


def truth(fit: Fit, size: int) -> float:
    """Return the accuracy of models trained on sets of so many images."""
    generator = np.random.default_rng(1)
    test = draw(generator, MANY)
    return float(np.mean([right(fit, draw(generator, size), test) for _ in range(MANY // 4)]))


def simulate(name: str, images: int, splits: int, replications: int) -> Row:
    """Return how often the interval of the gain contains the truth, and how wide it is in the median."""
    fit, pool = MODELS[name], images - images // 5
    sizes = [round(each * pool / CLASSES) * CLASSES for each in FRACTIONS]
    gained = truth(fit, 2 * pool) - truth(fit, pool)
    covered, widths = 0, []
    for replication in range(replications):
        generator = np.random.default_rng([30, images, splits, replication])
        x, y = draw(generator, images)
        accuracies = np.empty((splits, len(sizes)))
        for split in range(splits):
            order = np.concatenate([generator.permutation(np.flatnonzero(y == each)) for each in range(CLASSES)])
            order = order.reshape(CLASSES, -1).T.ravel()  # the classes in turn
            test, others = order[pool:], order[:pool]
            for place, size in enumerate(sizes):
                train = others[:size]
                accuracies[split, place] = right(fit, (x[train], y[train]), (x[test], y[test]))
        _, low, high = fit_power_law_of_draws(sizes, accuracies, images - pool).gain(2)
        covered += low <= gained <= high
        widths.append(high - low)
    return {
        "model": name,
        "images": images,
        "splits": splits,
        "replications": replications,
        "gain": gained,
        "covered": covered / replications,
        "width": float(np.median(widths)),
    }


def table(rows: Sequence[Row]) -> list[str]:
    """Return the rates as lines of Markdown."""
    lines = ["| model | images | splits | true gain | covered | width of the interval |", "|---|---|---|---|---|---|"]
    for row in rows:
        figures = f"{100 * row['gain']:.1f} | {100 * row['covered']:.1f} | {100 * row['width']:.1f}"
        lines.append(f"| {row['model']} | {row['images']} | {row['splits']} | {figures} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--replications", type=int, default=400)
    parser.add_argument("--table", action="store_true")
    arguments = parser.parse_args()
    if arguments.table:
        print("\n".join(table(json.loads(OUT.read_text(encoding="utf-8")))))
        return
    rows = []
    for name in MODELS:
        for images, splits in SETTINGS:
            rows.append(simulate(name, images, splits, arguments.replications))
            print(json.dumps(rows[-1]), flush=True)
    OUT.write_text("[\n" + ",\n".join(map(json.dumps, rows)) + "\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
