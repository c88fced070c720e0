"""How soon are A2's two classical models fitted, by A2's calls of scikit-learn and by the models `logistic` and `sgd`?

    SADARI_DATA_DIR=... uv run python benchmarks/speed/classical.py [--turns 5] [--passes 10] [--out FILE.json]

All contestants fit Fashion-MNIST's 60,000 training images and are judged once on its 10,000 test images, in turn, each
in a process of its own:

- logistic: LogisticRegression() on raw pixels, against the model with scaling=none.
- sgd: SGDClassifier's partial_fit on standardised pixels, the training images scored after each pass, against the model
  with average=false (A2's steps) and as it is (sgd-averaged). A2 scores the test images after each pass too.

fit: seconds from the pixels in memory to the fitted weights and the curves, the fitting of the scaling included and
imports not. whole: those of the process, imports and reading the images included. A2 makes 300 passes of SGD; a pass
costs the same each time, so that its 300 are worked out from --passes of them: `seconds_of_300`. What the file has
already is not done again. --data: another set, to see that everything works.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from machine import commit, describe_machine

DATA, A2_PASSES = "fashion-mnist", 300
PASSES = {"logistic": 1}  # one call, until it has converged


def theirs(data: str, model: str, passes: int, _: int) -> dict[str, Any]:
    """Make A2's calls and return seconds and test accuracy."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression, SGDClassifier
    from sklearn.preprocessing import StandardScaler

    from sadari.data.load import load
    from sadari.progress import Silent
    from sadari.settings import Settings

    warnings.simplefilter("ignore", ConvergenceWarning)  # its 100 iterations are A2's
    images = load(data, Settings(), Silent())
    flat, labels = images.images[:].reshape(len(images), -1), images.labels
    train, test = images.source_split == "train", images.source_split == "test"
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
            fitted.score(x, y)
    return {"fit": time.perf_counter() - started, "accuracy": float(fitted.score(x_test, y_test))}


def ours(data: str, model: str, passes: int, seed: int) -> dict[str, Any]:
    """Make a run as `sadari train` makes it, and return the same. `sgd-averaged` is the model `sgd` as it is."""
    import scipy.optimize  # noqa: F401  # the solver's import is not counted here, as scikit-learn's is not

    from sadari.data.load import load
    from sadari.data.prepare import Preprocess
    from sadari.data.split import draw_split
    from sadari.job import make_job
    from sadari.models.catalog import find_model
    from sadari.progress import Silent
    from sadari.training.train import train

    overrides: dict[str, Any] = {"val_fraction": 0}
    if model == "logistic":
        overrides["scaling"] = "none"
    else:
        overrides |= {"epochs": passes, "average": model == "sgd-averaged", "restore_best": False}
    job = make_job(data, find_model(model.partition("-")[0]), seed, overrides)
    images = load(data, job.settings, Silent())
    split = draw_split(images, job.settings)
    started = time.perf_counter()  # a run does this before its clock starts
    Preprocess.fitted(images, split.train, job.settings.scaling, job.settings.fit)
    scaled = time.perf_counter() - started
    with tempfile.TemporaryDirectory() as folder:
        run = train(job, Path(folder) / "run", images=images, split=split)
        return {"fit": scaled + run.summary["seconds"]["train"], "accuracy": run.scores("test")["accuracy"]}


CALLS = {"scikit-learn": theirs, "sadari": ours}


def measure(data: str, who: str, model: str, passes: int, turn: int) -> dict[str, Any]:
    """Measure one contestant in a process of its own."""
    started = time.perf_counter()
    command = [sys.executable, __file__, "--one", who, data, model, str(passes), str(turn)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {**json.loads(said.splitlines()[-1]), "whole": time.perf_counter() - started}


def summary(runs: list[dict[str, Any]], passes: int) -> dict[str, Any]:
    """Return medians over the turns, and of each pair's ratio of seconds (theirs / ours)."""

    def of(who: str, model: str) -> dict[int, dict[str, Any]]:
        made = PASSES.get(model, passes)
        return {run["turn"]: run for run in runs if (run["who"], run["model"], run["passes"]) == (who, model, made)}

    found: dict[str, Any] = {}
    for model, rival in (("logistic", "logistic"), ("sgd", "sgd"), ("sgd-averaged", "sgd")):
        ours, theirs = of("sadari", model), of("scikit-learn", rival)
        pairs = [(theirs[turn], ours[turn]) for turn in sorted(theirs.keys() & ours.keys())]
        if not pairs:
            continue
        fits, wholes = ([a[name] / b[name] for a, b in pairs] for name in ("fit", "whole"))
        found[model] = {
            "pairs": len(pairs),
            "passes": "to the end" if model in PASSES else passes,
            "ratio_fit": [statistics.median(fits), min(fits), max(fits)],
            "ratio_whole": [statistics.median(wholes), min(wholes), max(wholes)],
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
        caller, data, name, count, number = sys.argv[2:]
        print(json.dumps(CALLS[caller](data, name, int(count), int(number))))
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--passes", type=int, default=10)
    parser.add_argument("--data", default=DATA)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    options = parser.parse_args()
    document = json.loads(options.out.read_text(encoding="utf-8")) if options.out.is_file() else {"runs": []}
    contestants = [
        (who, model, PASSES.get(model, options.passes))
        for who, model in (
            ("scikit-learn", "logistic"),
            ("sadari", "logistic"),
            ("scikit-learn", "sgd"),
            ("sadari", "sgd"),
            ("sadari", "sgd-averaged"),
        )
    ]
    for turn in range(options.turns):
        for who, model, passes in contestants:
            key: dict[str, Any] = {"who": who, "model": model, "passes": passes, "turn": turn}
            if any(key.items() <= run.items() for run in document["runs"]):
                continue
            run = key | {"commit": commit()} | measure(options.data, who, model, passes, turn)
            document["runs"].append(run)
            document["machine"] = describe_machine()
            document["date"] = time.strftime("%Y-%m-%d")
            document["summary"] = summary(document["runs"], options.passes)
            options.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
            print(
                f"{turn} {who:12} {model:12} fit {run['fit']:.2f} s  whole {run['whole']:.2f} s  {run['accuracy']:.4f}"
            )
    print(json.dumps(document["summary"], indent=1))


if __name__ == "__main__":
    main()
