"""How soon are A2's two classical models fitted, by A2's calls of scikit-learn and by the rungs `logistic` and `sgd`?

    SADARI_DATA_DIR=... uv run python benchmarks/classical.py [--turns 5] [--out benchmarks/classical.json]

All contestants fit Fashion-MNIST's 60,000 training images and are judged once on its 10,000 test images, in turn, each
in a process of its own:

- logistic: LogisticRegression() on raw pixels, against the rung with scaling=none.
- sgd: SGDClassifier's partial_fit on standardised pixels, scored on train and test after each pass as in A2, against
  the rung with average=false (A2's steps, --passes of both) and as it is (--averaged passes).

fit: seconds from the pixels in memory to the fitted weights and the curves, imports not counted. whole: those of the
process, imports and reading the images included. A2 makes 300 passes of SGD; a pass costs the same each time, so that
its 300 are told from --passes of them: `seconds_of_300`. What stands in the file already is not done again.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

DATA, A2_PASSES = "fashion-mnist", 300


def theirs(model: str, passes: int, _: int) -> dict[str, Any]:
    """A2's calls."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression, SGDClassifier
    from sklearn.preprocessing import StandardScaler

    from sadari.data.load import load
    from sadari.progress import Silent
    from sadari.settings import Settings

    warnings.simplefilter("ignore", ConvergenceWarning)  # its 100 iterations are A2's
    images = load(DATA, Settings(), Silent())
    flat, labels = images.images[:].reshape(len(images), -1), images.labels
    train, test = images.given == "train", images.given == "test"
    x, y, x_test, y_test = flat[train], labels[train], flat[test], labels[test]
    started = time.perf_counter()
    if model == "logistic":
        fitted = LogisticRegression().fit(x, y)
    else:
        scaler = StandardScaler()
        x, x_test = scaler.fit_transform(x), scaler.transform(x_test)
        fitted, classes = SGDClassifier(loss="log_loss", random_state=0), sorted(set(y.tolist()))
        for _ in range(passes):
            fitted.partial_fit(x, y, classes=classes)
            fitted.score(x, y), fitted.score(x_test, y_test)
    return {"fit": time.perf_counter() - started, "accuracy": float(fitted.score(x_test, y_test))}


def ours(model: str, passes: int, seed: int) -> dict[str, Any]:
    """A run of the rung as `sadari train` makes it. `sgd-averaged` is the rung as it is."""
    import scipy.optimize  # noqa: F401  # the solver's import is not counted here, as scikit-learn's is not

    from sadari.training.job import make_job
    from sadari.training.train import train

    asked: dict[str, Any] = {"val_fraction": 0}
    if model == "logistic":
        asked["scaling"] = "none"
    else:
        asked |= {"epochs": passes, "average": model == "sgd-averaged", "restore_best": False}
    with tempfile.TemporaryDirectory() as folder:
        run = train(make_job(DATA, model.partition("-")[0], seed, asked), Path(folder) / "run")
        return {"fit": run.summary["seconds"]["train"], "accuracy": run.scores("test")["accuracy"]}


CALLS = {"scikit-learn": theirs, "sadari": ours}


def measure(who: str, model: str, passes: int, turn: int) -> dict[str, Any]:
    """One contestant in a process of its own."""
    started = time.perf_counter()
    command = [sys.executable, __file__, "--one", who, model, str(passes), str(turn)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {**json.loads(said.splitlines()[-1]), "whole": time.perf_counter() - started}


def summary(runs: list[dict[str, Any]], passes: int, averaged: int) -> dict[str, Any]:
    """Medians over the turns, and of each pair's ratio of seconds (theirs / ours)."""

    def of(who: str, model: str) -> list[dict[str, Any]]:
        return sorted((r for r in runs if r["who"] == who and r["model"] == model), key=lambda r: r["turn"])

    found: dict[str, Any] = {}
    for model, rival in (("logistic", "logistic"), ("sgd", "sgd"), ("sgd-averaged", "sgd")):
        pairs = list(zip(of("scikit-learn", rival), of("sadari", model), strict=False))
        if not pairs:
            continue
        found[model] = {
            "pairs": len(pairs),
            "passes": {"logistic": "to the end", "sgd": passes, "sgd-averaged": averaged}[model],
            "ratio_fit": statistics.median(a["fit"] / b["fit"] for a, b in pairs),
            "ratio_whole": statistics.median(a["whole"] / b["whole"] for a, b in pairs),
            "seconds_scikit_learn": statistics.median(a["fit"] for a, _ in pairs),
            "seconds_sadari": statistics.median(b["fit"] for _, b in pairs),
            "accuracy_scikit_learn": statistics.mean(a["accuracy"] for a, _ in pairs),
            "accuracy_sadari": statistics.mean(b["accuracy"] for _, b in pairs),
        }
        if rival == "sgd":
            found[model]["seconds_of_300"] = A2_PASSES / passes * found[model]["seconds_scikit_learn"]
    return found


def main() -> None:
    if sys.argv[1:2] == ["--one"]:
        who, model, passes, turn = sys.argv[2:]
        print(json.dumps(CALLS[who](model, int(passes), int(turn))))
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--passes", type=int, default=10)
    parser.add_argument("--averaged", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    options = parser.parse_args()
    document = json.loads(options.out.read_text(encoding="utf-8")) if options.out.is_file() else {"runs": []}
    contestants = [
        ("scikit-learn", "logistic", 1), ("sadari", "logistic", 1), ("scikit-learn", "sgd", options.passes),
        ("sadari", "sgd", options.passes), ("sadari", "sgd-averaged", options.averaged),
    ]  # fmt: skip
    for turn in range(options.turns):
        for who, model, passes in contestants:
            key = {"who": who, "model": model, "passes": passes, "turn": turn}
            if any(key.items() <= run.items() for run in document["runs"]):
                continue
            run = key | measure(who, model, passes, turn)
            document["runs"].append(run)
            document["machine"] = f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores to use"
            document["date"] = time.strftime("%Y-%m-%d")
            document["summary"] = summary(document["runs"], options.passes, options.averaged)
            options.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
            print(
                f"{turn} {who:12} {model:12} fit {run['fit']:.2f} s  whole {run['whole']:.2f} s  {run['accuracy']:.4f}"
            )
    print(json.dumps(document["summary"], indent=1))


if __name__ == "__main__":
    main()
