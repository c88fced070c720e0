"""Does each network of A0 reach its published accuracy in a tenth of the time that Keras takes for the article's run?

    uv run python benchmarks/speed/a0_targets.py [--models mlp,cnn] [--seeds 3] [--no-keras] [--data NAME]
                                                 [--out FILE.json]

- Keras on TensorFlow trains the network with the article's settings (Adam, batch 256) on as many images as the
  yardstick takes, in an environment of its own; 30 epochs of 48,000 images take 30 x 48,000 / (images a second)
  seconds. Neither its start nor its validation is counted; it computes in float32, its default.
- Sadari trains the same layers on the article's 48,000 training images by the recipe below, in its default precision
  (bfloat16 where the processor multiplies it), validation after each epoch counted, and judges the last weights once on
  the 10,000 test images. The recipe was chosen on validation images.

Figures that the file has already are not measured again. --no-keras: Sadari's runs alone, such as on a graphics
processor. --data: another set than Fashion-MNIST, to see that everything works.
"""

import argparse
import json
import statistics
import tempfile
import time
import tomllib
from pathlib import Path
from typing import Any

from machine import commit, describe_machine
from race.entrants import PEERS, prepare
from race.pictures import describe_pictures, write_pictures
from race.tasks import NETWORKS, make_task
from race.turns import take_turn
from sadari.job import make_job
from sadari.models.catalog import find_model
from sadari.settings import Value
from sadari.training.train import train

DATA = "fashion-mnist"
KERAS = PEERS["keras-tensorflow"]
ARTICLE = tomllib.loads((Path(__file__).parents[2] / "studies" / "published" / "a0.toml").read_text(encoding="utf-8"))
EPOCHS, IMAGES = ARTICLE["settings"]["epochs"], 48_000
RECIPE: dict[str, Value] = {
    "optimizer": "muon",
    "learning_rate": 0.01,
    "schedule": "one-cycle",
    "label_smoothing": 0.1,
    "batch_size": 256,
    "split": "last",
    "val_fraction": 0.2,
    "restore_best": False,
}
CHOSEN: dict[str, dict[str, Value]] = {
    "mlp": {"epochs": 3, "learning_rate": 0.005, "batch_size": 512},
    "cnn": {"epochs": 4},
    "lstm": {"epochs": 6},
    "cnn-lstm": {"epochs": 6},
    "cnn2": {"epochs": 8, "optimizer": "adam", "learning_rate": 0.002},
    "cnn2-lstm": {"epochs": 8, "optimizer": "adam", "learning_rate": 0.002},
}


def recipe(model: str) -> dict[str, Value]:
    """Return all settings of Sadari's run."""
    return {**RECIPE, **CHOSEN[model]}


def keras_seconds(model: str) -> float:
    """Return the seconds that Keras takes for the steps of the article's run."""
    workload = NETWORKS[model]
    pictures = describe_pictures(workload.pictures)
    task = make_task(model, workload, pictures)
    with tempfile.TemporaryDirectory(prefix="a0-") as name:
        folder = Path(name)
        prepare([KERAS], folder)
        figure = take_turn(task, [KERAS], 0, write_pictures(workload.pictures, task.pictures, folder), True)["figures"]
    seconds: float = statistics.median(figure[KERAS.name]["seconds"][1:])
    return float(EPOCHS * IMAGES / task.pictures.images * seconds)


def ours(data: str, model: str, seed: int) -> dict[str, Any]:
    """Make one run by the recipe and return its figures."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        run = train(make_job(data, find_model(model), seed, recipe(model)), Path(folder) / "run")
        total = time.perf_counter() - started
        return {
            "seed": seed,
            "commit": commit(),
            "recipe": recipe(model),
            "accuracy": run.scores("test")["accuracy"],
            "training": run.summary["seconds"]["train"],
            "total": total,
        }


def describe_entry(model: str, entry: dict[str, Any]) -> str:
    published = {arm["model"]: arm["published"]["accuracy"] for arm in ARTICLE["arms"]}
    runs = [run for run in entry["runs"] if run["recipe"] == recipe(model)]
    accuracies, seconds = ([run[name] for run in runs] for name in ("accuracy", "training"))
    found = f"{statistics.median(seconds):.1f} s"
    if "keras" in entry:
        times = entry["keras"] / statistics.median(seconds)
        found += f"; Keras's {EPOCHS} epochs take {entry['keras']:.0f} s: {times:.1f} times"
    return (
        f"{model:10} published {published[model]:.4f}  reached {statistics.mean(accuracies):.4f} "
        f"({min(accuracies):.4f} to {max(accuracies):.4f}, {len(accuracies)} seeds) in {found}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--models", default=",".join(CHOSEN))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--no-keras", action="store_true")
    parser.add_argument("--data", default=DATA)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "a0_targets.json")
    options = parser.parse_args()
    document = json.loads(options.out.read_text(encoding="utf-8")) if options.out.is_file() else {"models": {}}
    document["machine"] = describe_machine()

    def keep() -> None:
        options.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")

    for model in options.models.split(","):
        entry = document["models"].setdefault(model, {"runs": []})
        if "keras" not in entry and not options.no_keras:
            entry["keras"] = keras_seconds(model)
            keep()
        for seed in range(options.seeds):
            if not any(run["seed"] == seed and run["recipe"] == recipe(model) for run in entry["runs"]):
                entry["runs"].append(ours(options.data, model, seed))
                keep()
        print(describe_entry(model, entry), flush=True)


if __name__ == "__main__":
    main()
