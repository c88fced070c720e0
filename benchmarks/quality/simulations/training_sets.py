"""How often do intervals over splits and folds contain the accuracy of models trained on such sets?

    OMP_NUM_THREADS=1 uv run python benchmarks/quality/simulations/training_sets.py [--replications 400] [NAME ...]
    uv run python benchmarks/quality/simulations/training_sets.py --table   the table of docs/statistics.md

World: three classes, each a normal cloud; images are drawn anew in each replication, and each model truly learns from
its training part. `nearest mean` and `linear` (discriminant) hardly depend on the draw of few images, `neighbour` (the
nearest one) does much, `chance` (linear in a random plane, another one for each training) depends on its seed. Each
model has a twin that reads other pixels of equal worth, so that both have exactly equal true accuracies. The truth of a
model is its mean over all replications: what models trained on such sets get right on other images.
"""

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from sadari.evaluation import figures
from sadari.evaluation.draws.training_sets import of_folds, of_splits
from sadari.evaluation.figures import Measured
from sadari.evaluation.influence import PerImage, Scale

OUT = Path(__file__).with_suffix(".json")
CLASSES, PIXELS, APART, PLANE = 3, 8, 1.8, 4
AT_ONCE = 100  # replications, for memory
# name: (images, splits, folds, repeats); tests are a fifth of all images in splits too.
SETTINGS: Mapping[str, tuple[int, int, int, int]] = {
    "5 splits": (60, 5, 0, 1),
    "10 splits": (60, 10, 0, 1),
    "10 splits of 300": (300, 10, 0, 1),
    "30 splits": (60, 30, 0, 1),
    "5 folds": (60, 0, 5, 1),
    "5 folds of 300": (300, 0, 5, 1),
    "10 folds": (60, 0, 10, 1),
    "5 folds, 2 repeats": (60, 0, 5, 2),
    "5 folds, 6 repeats": (60, 0, 5, 6),
}
Row = dict[str, Any]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Fit = Callable[[Floats, Ints, Ints, Ints, np.random.Generator], NDArray[np.bool_]]


def _means(drawn: Floats, labels: Ints, train: Ints) -> Floats:
    return np.stack([drawn[:, train[labels[train] == label]].mean(axis=1) for label in range(CLASSES)], axis=1)


def nearest_mean(
    drawn: Floats, labels: Ints, train: Ints, test: Ints, _: np.random.Generator | None = None
) -> NDArray[np.bool_]:
    """Return which images at `test` the nearest class mean gets right, bool (B, T). drawn: float64 (B, N, D)."""
    means = _means(drawn, labels, train)
    scores = drawn[:, test] @ means.transpose(0, 2, 1) - (means**2).sum(axis=2)[:, None] / 2
    return np.asarray(scores.argmax(axis=2) == labels[test])


def linear(
    drawn: Floats, labels: Ints, train: Ints, test: Ints, _: np.random.Generator | None = None
) -> NDArray[np.bool_]:
    """Return the same of a linear discriminant."""
    means = _means(drawn, labels, train)
    left = drawn[:, train] - means[:, labels[train]]
    spread = left.transpose(0, 2, 1) @ left / (len(train) - CLASSES) + 1e-3 * np.eye(drawn.shape[2])
    weights = np.linalg.solve(spread, means.transpose(0, 2, 1))
    offsets = -(means * weights.transpose(0, 2, 1)).sum(axis=2) / 2
    return np.asarray((drawn[:, test] @ weights + offsets[:, None]).argmax(axis=2) == labels[test])


def neighbour(
    drawn: Floats, labels: Ints, train: Ints, test: Ints, _: np.random.Generator | None = None
) -> NDArray[np.bool_]:
    """Return the same of the nearest training image."""
    known = drawn[:, train]
    distances = (known**2).sum(axis=2)[:, None] - 2 * drawn[:, test] @ known.transpose(0, 2, 1)
    return np.asarray(labels[train][distances.argmin(axis=2)] == labels[test])


def chance(drawn: Floats, labels: Ints, train: Ints, test: Ints, generator: np.random.Generator) -> NDArray[np.bool_]:
    """Return the same of a linear discriminant in a plane that the seed of the training draws."""
    plane = generator.standard_normal((len(drawn), PIXELS, PLANE))
    return linear(drawn @ plane, labels, train, test)


MODELS: Mapping[str, Fit] = {"nearest mean": nearest_mean, "linear": linear, "neighbour": neighbour, "chance": chance}


def simulate(name: str, replications: int, seed: int = 0) -> list[Row]:
    """Return one row for each model: how often its interval held the truth, and its twin was called different.

    false_alarms_of_correction, half_width_of_correction: of the corrected resampled t on the same differences.
    """
    images, splits, folds, repeats = SETTINGS[name]
    generator = np.random.default_rng([seed, images, splits, folds, repeats])
    labels = np.arange(images) % CLASSES
    parts = _splits(labels, splits, generator) if splits else _folds(labels, folds, repeats, generator)
    found: dict[str, list[Floats]] = {model: [] for model in MODELS}
    for start in range(0, replications, AT_ONCE):
        count = min(AT_ONCE, replications - start)
        centres = APART * np.eye(CLASSES, PIXELS)[labels]
        twins = [centres + generator.standard_normal((count, images, PIXELS)) for _ in range(2)]
        for model, fit in MODELS.items():
            found[model].append(np.stack([_judged(fit, each, labels, parts, generator) for each in twins], axis=1))
    return [_row(name, model, np.concatenate(each), parts, bool(splits)) for model, each in found.items()]


def _splits(labels: Ints, count: int, generator: np.random.Generator) -> list[Ints]:
    """Return the test images of each split: a fifth of each class."""
    by_class = [np.flatnonzero(labels == label) for label in range(CLASSES)]
    return [np.concatenate([generator.permutation(each)[: len(each) // 5] for each in by_class]) for _ in range(count)]


def _folds(labels: Ints, folds: int, repeats: int, generator: np.random.Generator) -> list[Ints]:
    parts = []
    for _ in range(repeats):
        fold_of = np.empty(len(labels), dtype=np.int64)
        for label in range(CLASSES):
            members = generator.permutation(np.flatnonzero(labels == label))
            fold_of[members] = np.arange(len(members)) % folds
        parts += [np.flatnonzero(fold_of == fold) for fold in range(folds)]
    return parts


def _judged(fit: Fit, drawn: Floats, labels: Ints, parts: Sequence[Ints], generator: np.random.Generator) -> Floats:
    """Return what was right in each part, float64 (B, J, N), nan for images that it does not judge."""
    right = np.full((len(drawn), len(parts), len(labels)), np.nan)
    for at, test in enumerate(parts):
        train = np.setdiff1d(np.arange(len(labels)), test)
        right[:, at, test] = fit(drawn, labels, train, test, generator)
    return right


def _row(name: str, model: str, right: Floats, parts: Sequence[Ints], of_parts: bool) -> Row:
    """right: float64 (B, 2, J, N), of the model and of its twin."""
    truth = float(np.nanmean(right))
    covered, equal, corrected, width, corrected_width = [], [], [], [], []
    for both in right:
        a, b = (_measured(each, parts, of_parts) for each in both)
        found, difference = figures.interval(a), figures.difference(a, b)
        covered.append(found.low <= truth <= found.high)
        equal.append(difference.p >= 0.05)
        width.append((difference.high - difference.low) / 2)
        half = _corrected(np.nanmean(both[0] - both[1], axis=1), parts, right.shape[-1])
        corrected.append(abs(difference.difference) <= half)
        corrected_width.append(half)
    return {
        "setting": name,
        "images": right.shape[-1],
        "model": model,
        "accuracy": truth,
        "replications": len(right),
        "covered": float(np.mean(covered)),
        "false_alarms": 1 - float(np.mean(equal)),
        "half_width": float(np.mean(width)),
        "false_alarms_of_correction": 1 - float(np.mean(corrected)),
        "half_width_of_correction": float(np.mean(corrected_width)),
    }


def _measured(right: Floats, parts: Sequence[Ints], of_parts: bool) -> Measured:
    images, test = right.shape[1], len(parts[0])
    if of_parts:
        return of_splits(np.nanmean(right, axis=1), test, images - test, Scale.SHARE)
    folds = round(images / test)
    repeats = [np.nansum(right[at : at + folds], axis=0) for at in range(0, len(parts), folds)]
    fold_of = np.empty((len(repeats), images), dtype=np.int64)
    for at, part in enumerate(parts):
        fold_of[at // folds, part] = at % folds
    return of_folds([[PerImage(each, 1.0)] for each in repeats], fold_of, Scale.SHARE)


def _corrected(differences: Floats, parts: Sequence[Ints], images: int) -> float:
    """Return the half-width of the corrected resampled t."""
    count, test = len(parts), len(parts[0])
    variance = (1 / count + test / (images - test)) * float(differences.var(ddof=1))
    return float(stats.t.ppf(0.975, count - 1) * np.sqrt(variance))


def table(rows: Sequence[Row]) -> list[str]:
    """Return the table of docs/statistics.md, in per cent: the range over the models."""
    lines = [
        "| drawn | images | model | covered | false alarms | half-width | false alarms, corrected t | half-width |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        rates = [f"{100 * row[key]:.1f}" for key in ("covered", "false_alarms", "half_width")]
        other = [f"{100 * row[key]:.1f}" for key in ("false_alarms_of_correction", "half_width_of_correction")]
        lines.append(f"| {' | '.join([row['setting'], str(row['images']), row['model'], *rates, *other])} |")
    return lines


def main() -> None:
    """Simulate what is named, all by default, and store it; or print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*")
    parser.add_argument("--replications", type=int, default=400)
    parser.add_argument("--table", action="store_true")
    asked = parser.parse_args()
    stored: dict[str, list[Row]] = json.loads(OUT.read_text(encoding="utf-8")) if OUT.is_file() else {}
    for name in [] if asked.table else asked.names or SETTINGS:
        stored[name] = simulate(name, asked.replications)
        ordered = {each: stored[each] for each in SETTINGS if each in stored}
        OUT.write_text(json.dumps(ordered, indent=1) + "\n", encoding="utf-8")
    print("\n".join(table([row for rows in stored.values() for row in rows])))


if __name__ == "__main__":
    main()
