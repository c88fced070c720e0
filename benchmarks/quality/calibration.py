"""Are probabilities right before and after the temperature, and do sets hold what they promise?

    SADARI_DATA_DIR=... uv run python benchmarks/quality/calibration.py [--only runs|splits|simulated]

`runs`: several models and seeds on four sets. Log loss and calibration error of the test images without and with the
temperature that the validation images fitted, and conformal sets of the validation images on the test images: by one
threshold (as Sadari makes them, LAC), and adaptive ones (APS: Romano, Sesia & Candes 2020; RAPS: Angelopoulos et al.
2021, with its lambda 0.1 and kreg 2). `splits`: digits split anew, so that each set of thresholds has other validation
images: those that also chose epoch and temperature (as in Sadari), and half of the test images, which chose nothing.
`simulated`: what a temperature costs where the model is calibrated already, by the number of images. Results:
calibration.json beside this file; docs/probabilities.md shows them. Finished parts are not measured again.
"""

import argparse
import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sadari.evaluation.metrics import METRICS
from sadari.evaluation.probabilities.change import changes
from sadari.evaluation.probabilities.conformal import Validated, coverage_of, seen
from sadari.evaluation.probabilities.temperature import LEAST_IMAGES, LEAST_OF_EACH, fit_temperature, uncalibrated
from sadari.inference.evaluate import evaluate
from sadari.job import make_job
from sadari.models.catalog import find_model
from sadari.run import RunRecord
from sadari.settings import Value
from sadari.training.train import train
from sadari.values import Predictions

RESULT = Path(__file__).with_suffix(".json")
SEEDS = range(3)
WANTED = (0.9, 0.95)
LAMBDA, FREE = 0.1, 2  # of RAPS (cited: Angelopoulos et al. 2021, section 3)
QUICK: dict[str, Value] = {"tensorboard": "off", "threads": 1, "precision": "float32"}
RUNS: tuple[tuple[str, tuple[str, ...], dict[str, Value]], ...] = (
    ("digits", ("logistic", "softmax", "mlp", "cnn", "lstm"), {"epochs": 20}),
    ("fashion-mnist", ("logistic", "softmax", "mlp", "cnn"), {"train_fraction": 0.1, "epochs": 20}),
    ("animals", ("knn", "linear-probe"), {}),
    ("flowers", ("knn", "linear-probe"), {"split_folders": "train=train test=val"}),
)
SPLITS_OF_DIGITS = 100
SIMULATED, DRAWS, CLASSES = (20, 50, 100, 200, 500), 200, 5

Shares = NDArray[np.float32]


def adaptive(probabilities: Shares, penalty: float) -> NDArray[np.float64]:
    """Return for each class the probability of those before it and its own, and the penalty, float64 (N, K)."""
    order = np.argsort(-probabilities, axis=1, kind="stable")
    ranked = np.take_along_axis(probabilities.astype(np.float64), order, axis=1).cumsum(axis=1)
    ranked += penalty * np.maximum(0, np.arange(1, ranked.shape[1] + 1) - FREE)
    scores = np.empty_like(ranked)
    np.put_along_axis(scores, order, ranked, axis=1)
    return scores


def adaptive_sets(val: Predictions, test: Predictions, wanted: float, penalty: float) -> dict[str, float]:
    """Return coverage and size of the adaptive sets, which are never empty."""
    scores = adaptive(val.probabilities, penalty)[np.arange(len(val)), val.labels]
    rank = ceil((len(val) + 1) * wanted)
    most = np.inf if rank > len(val) else float(np.sort(scores)[rank - 1])
    inside = adaptive(test.probabilities, penalty) <= most
    inside[np.arange(len(test)), test.predicted] = True
    return {
        "covered": float(inside[np.arange(len(test)), test.labels].mean()),
        "size": float(inside.sum(axis=1).mean()),
    }


def sets(val: Predictions, test: Predictions) -> dict[str, Any]:
    """Return coverage and mean size of three kinds of sets, for each wanted coverage."""
    found: dict[str, Any] = {}
    for wanted in WANTED:
        common = seen(coverage_of(Validated.of(val), val.classes, wanted), test)
        own = seen(coverage_of(Validated.of(val), val.classes, wanted, classwise=True), test)
        found[f"{wanted:g}"] = {
            "lac": {"covered": common.covered, "size": common.size, "filled": common.filled},
            "classwise": {"covered": own.covered, "size": own.size},
            "aps": adaptive_sets(val, test, wanted, 0.0),
            "raps": adaptive_sets(val, test, wanted, LAMBDA),
        }
    return found


def row(runs: Sequence[RunRecord]) -> dict[str, Any]:
    """Return what the temperature changes on the test images of some seeds, and what their sets hold."""
    after = [each.predictions for each in runs]
    before = [uncalibrated(each.predictions, each.calibration) for each in runs]
    of_each = [sets(evaluate(each, split_name="val"), test) for each, test in zip(runs, after, strict=True)]
    return {
        "val": runs[0].summary["images"]["val"],
        "test": len(after[0]),
        "accuracy": float(np.mean([METRICS.get("accuracy").function(each) for each in after])),
        "temperatures": [each.temperature for each in runs],
        "notes": sorted({each.calibration["note"] for each in runs} - {""}),
        "changes": [asdict(each) for each in changes(before, after)],
        "sets": _mean(of_each),
    }


def _mean(tables: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the mean of equal tables, number by number."""
    first = tables[0]
    return {
        key: _mean([each[key] for each in tables])
        if isinstance(first[key], dict)
        else float(np.mean([each[key] for each in tables]))
        for key in first
    }


def measure_runs(stored: dict[str, Any]) -> None:
    """Train and judge every model on every set that is not in `stored` yet."""
    root = Path(os.environ["SADARI_DATA_DIR"])
    for data, models, settings in RUNS:
        source = str(root / data) if (root / data).is_dir() else data
        for model in models:
            name = f"{data} {model}"
            if name in stored:
                continue
            with TemporaryDirectory() as folder:
                seeds = SEEDS[:1] if model in ("logistic", "knn") else SEEDS
                known = {} if model in ("logistic", "knn", "linear-probe") else QUICK
                own = {key: value for key, value in settings.items() if key != "epochs" or model != "logistic"}
                runs = [
                    train(make_job(source, find_model(model), seed, {**own, **known}), Path(folder) / str(seed))
                    for seed in seeds
                ]
                stored[name] = row(runs)
            show(name, stored[name]["changes"])


def show(name: str, found: object) -> None:
    print(name, json.dumps(found), flush=True)


def measure_splits(stored: dict[str, Any]) -> None:
    """Measure coverage over many splits, by images that chose epoch and temperature, and by fresh ones."""
    for split in range(SPLITS_OF_DIGITS):
        if str(split) in stored:
            continue
        with TemporaryDirectory() as folder:
            overrides: dict[str, Value] = {
                **QUICK,
                "epochs": 60,
                "learning_rate": 0.003,
                "train_fraction": 0.1,
                "split_seed": split,
            }
            run = train(make_job("digits", find_model("mlp"), split, overrides), Path(folder) / "run")
            validation = run.validated
            assert validation is not None
            test, validated = run.predictions, Validated(*validation)
            fresh, judged = test_halves(test, split)
            found = {
                f"{wanted:g}": {
                    "chose": seen(coverage_of(validated, test.classes, wanted), judged).covered,
                    "fresh": seen(coverage_of(Validated.of(fresh), test.classes, wanted), judged).covered,
                }
                for wanted in WANTED
            }
        stored[str(split)] = found
        show(f"split {split}", found)


def test_halves(test: Predictions, seed: int) -> tuple[Predictions, Predictions]:
    """Return the test images in two halves, drawn at random."""
    order = np.random.default_rng(seed).permutation(len(test))
    halves = order[: len(test) // 2], order[len(test) // 2 :]
    first, second = (
        Predictions(test.ids[at], test.labels[at], test.probabilities[at], test.classes, test.seconds) for at in halves
    )
    return first, second


def simulate(stored: dict[str, Any]) -> None:
    """Measure what a temperature costs, in nats on others, where the model is calibrated, by images and accuracy."""
    random = np.random.default_rng(0)
    for spread in (2, 4, 8, 16):
        logits = random.normal(0, spread, (4_000, CLASSES))
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        for images in SIMULATED:
            name = f"{spread} {images}"
            if name in stored:
                continue
            found = []
            for _ in range(DRAWS):
                chosen = random.integers(0, len(logits), images)
                labels = (shares[chosen].cumsum(axis=1) > random.random((images, 1))).argmax(axis=1).astype(np.int64)
                wrong = int((logits[chosen].argmax(axis=1) != labels).sum())
                fit = fit_temperature(logits[chosen].astype(np.float32), labels, least_images=1, least_of_each=1)
                scaled = np.log(shares) / fit.value
                scaled -= np.log(np.exp(scaled).sum(axis=1, keepdims=True))
                cost = float((shares * (np.log(shares) - scaled)).sum(axis=1).mean())
                found.append((cost, min(wrong, images - wrong) >= LEAST_OF_EACH and images >= LEAST_IMAGES))
            costs, allowed = np.array([each for each, _ in found]), np.array([each for _, each in found])
            stored[name] = {
                "accuracy": float(shares.max(axis=1).mean()),
                "cost": float(costs.mean()),
                "cost_as_bounded": float((costs * allowed).mean()),
                "fitted": float(allowed.mean()),
            }
            show(name, stored[name])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", choices=("runs", "splits", "simulated"))
    only = parser.parse_args().only
    stored = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.is_file() else {}
    for name, part in (("simulated", simulate), ("splits", measure_splits), ("runs", measure_runs)):
        if only in (None, name):
            try:
                part(stored.setdefault(name, {}))
            finally:
                RESULT.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
