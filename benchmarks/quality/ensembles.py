"""By what should an ensemble be chosen, and what does it gain over the best of its runs? On validation images alone.

    uv run python benchmarks/quality/ensembles.py FOLDER... [--images 100,300,1000] [--draws 20] [--json FILE]

FOLDER: that of a finished comparison. Of each seed every run predicts its validation images. Of these some are drawn,
as many as a small set would have; each rule chooses on them, and is judged on the other validation images, which are as
new to it as test images would be (the epoch of each run was chosen on all of them, which favours all rules alike). The
test images are not used. The rules:

    best run            the run with the highest accuracy on the drawn images, of equal ones that of the least log loss
    mean of all         every run with the same weight
    greedy, log loss    what `compare --ensemble` does
    greedy, accuracy    the same bag, for the highest accuracy; of equal ones, the first that is found

Figures: the mean over seeds and draws of accuracy and log loss, and of the points of accuracy above the best run, with
the standard deviation of the latter over seeds and draws.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sadari.evaluation.greedy import MOST_IN_BAG, choose_members
from sadari.evaluation.metrics import score
from sadari.inference.evaluate import evaluate
from sadari.inference.members import average
from sadari.run import RunRecord
from sadari.run_lookup import runs_in
from sadari.values import Predictions

sys.path.append(str(Path(__file__).parents[1] / "speed"))  # for machine.py
from machine import commit, describe_machine

SEED = 0  # of the draws
Library = Mapping[str, Predictions]
Weights = dict[str, float]


def library_of(folder: Path) -> dict[int, dict[str, Predictions]]:
    """Return what every run of a comparison predicts for its validation images, by seed and arm."""
    found: dict[int, dict[str, Predictions]] = {}
    for path in runs_in(folder):
        run = RunRecord(path)
        if run.finished and not run.is_ensemble:
            found.setdefault(run.job.seed, {})[path.name.rpartition("-seed")[0]] = evaluate(run, split_name="val")
    return found


def part_of(predictions: Predictions, chosen: NDArray[np.int64]) -> Predictions:
    """Return the predictions for some of the images."""
    return Predictions(
        predictions.ids[chosen],
        predictions.labels[chosen],
        predictions.probabilities[chosen],
        predictions.classes,
        predictions.seconds,
    )


def accuracy(predictions: Predictions) -> float:
    return float(np.mean(predictions.predicted == predictions.labels))


def best_run(drawn: Library) -> Weights:
    best = max(drawn, key=lambda name: (accuracy(drawn[name]), -score(drawn[name])["loss"]))
    return {best: 1.0}


def mean_of_all(drawn: Library) -> Weights:
    return dict.fromkeys(drawn, 1 / len(drawn))


def by_log_loss(drawn: Library) -> Weights:
    rows = np.arange(len(next(iter(drawn.values()))))
    counts = choose_members({name: each.probabilities[rows, each.labels] for name, each in drawn.items()})
    return {name: count / sum(counts.values()) for name, count in counts.items()}


def by_accuracy(drawn: Library) -> Weights:
    """Choose as `choose_members` does, by accuracy."""
    names = sorted(drawn)
    labels = drawn[names[0]].labels
    shares = {name: drawn[name].probabilities.astype(np.float64) for name in names}

    def of(total: NDArray[np.float64]) -> float:
        return float(np.mean(total.argmax(axis=1) == labels))

    order = sorted(names, key=lambda name: -of(shares[name]))
    totals = [sum(shares[name] for name in order[:count]) for count in range(1, len(order) + 1)]
    start = int(np.argmax([of(np.asarray(total)) for total in totals]))
    bag, total = order[: start + 1], np.array(totals[start])
    best, highest = list(bag), of(total)
    while len(bag) < MOST_IN_BAG:
        added = max(names, key=lambda name: of(total + shares[name]))
        bag.append(added)
        total += shares[added]
        if of(total) > highest:
            best, highest = list(bag), of(total)
    return {name: best.count(name) / len(best) for name in names if name in best}


RULES: dict[str, Callable[[Library], Weights]] = {
    "best run": best_run,
    "mean of all": mean_of_all,
    "greedy, log loss": by_log_loss,
    "greedy, accuracy": by_accuracy,
}


def judged(library: Library, weights: Weights, others: NDArray[np.int64]) -> tuple[float, float]:
    """Return accuracy and log loss of an average on the images that have not chosen it."""
    parts = [part_of(library[name], others) for name in weights]
    mean = average([each.probabilities for each in parts], list(weights.values()))
    whole = Predictions(parts[0].ids, parts[0].labels, mean, parts[0].classes, 0.0)
    found = score(whole)
    return found["accuracy"], found["loss"]


def measure(folder: Path, sizes: list[int], draws: int) -> list[dict[str, Any]]:
    """Return one entry for each number of drawn images and each rule."""
    libraries = library_of(folder)
    entries = []
    for size in sizes:
        results: dict[str, list[tuple[float, float]]] = {name: [] for name in RULES}
        for seed, library in libraries.items():
            images = len(next(iter(library.values())))
            if size > images // 2:
                continue
            for draw in range(draws):
                order = np.random.default_rng((SEED, seed, draw)).permutation(images)
                drawn, others = np.sort(order[:size]), np.sort(order[size:])
                chosen = {name: part_of(each, drawn) for name, each in library.items()}
                for name, rule in RULES.items():
                    results[name].append(judged(library, rule(chosen), others))
        if not results["best run"]:
            continue
        single = np.array(results["best run"])[:, 0]
        for name, found in results.items():
            accuracies, losses = np.array(found).T
            gain = 100 * (accuracies - single)
            entry = {
                "folder": folder.name,
                "images": size,
                "rule": name,
                "accuracy": float(accuracies.mean()),
                "loss": float(losses.mean()),
                "points": float(gain.mean()),
                "sd": float(gain.std(ddof=1)),
                "seeds": len(libraries),
                "draws": draws,
            }
            entries.append(entry)
            print(
                f"{folder.name:14} {size:6,} images  {name:18} accuracy {entry['accuracy']:.4f}  "
                f"loss {entry['loss']:.4f}  {entry['points']:+.2f} points (sd {entry['sd']:.2f})",
                flush=True,
            )
    return entries


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--images", default="100,300,1000")
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    sizes = [int(each) for each in chosen.images.split(",")]
    entries = [entry for folder in chosen.folders for entry in measure(folder, sizes, chosen.draws)]
    if chosen.json:
        document = {"machine": describe_machine(), "commit": commit(), "entries": entries}
        chosen.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
