"""How accurate is the model `photo` on photographs, after how many seconds, beside two that learn less?

    SADARI_DATA_DIR=... uv run python benchmarks/quality/photo.py [--tasks flowers,animals,flowers-10,animals-10]

The folder has `flowers/` (train, val) and `animals/` (train, test); the second split of each judges, and no image of it
chooses anything. All images of `train` are learnt from (val_fraction=0), or, in the tasks that end in -10, ten of each
class, drawn anew with every seed; both models learn from the same ones. `seconds`: the whole process `sadari train`
from an empty cache, by the clock. `--seeds`: how many seeds, or draws, each task has. What the result file has already
is not measured again. On two cores with AVX512-BF16: half an hour.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

sys.path.append(str(Path(__file__).parents[1] / "speed"))  # for machine.py
from machine import commit, describe_machine

HERE = Path(__file__).parent
JUDGING = {"flowers": "val", "animals": "test"}  # the folder whose images judge
TASKS = ("flowers", "animals", "flowers-10", "animals-10")
MODELS = ("photo", "photo-probe", "linear-probe")


def draw(source: Path, judging: str, shots: int, seed: int, folder: Path) -> Path:
    """Copy `shots` training images of each class, drawn by `seed`, and all that judge, into `folder`; return it."""
    generator = np.random.default_rng(seed)
    for of_class in sorted((source / "train").iterdir()):
        files = sorted(of_class.iterdir())
        (folder / "train" / of_class.name).mkdir(parents=True)
        for at in generator.permutation(len(files))[:shots]:
            shutil.copy(files[at], folder / "train" / of_class.name)
    shutil.copytree(source / judging, folder / judging)
    return folder


def measure(task: str, model: str, seed: int, root: Path, extra: list[str]) -> dict[str, Any]:
    """Train once in a process of its own, from an empty cache; return test accuracy and seconds."""
    name, _, shots = task.partition("-")
    judging = JUDGING[name]
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        data = draw(root / name, judging, int(shots), seed, folder / name) if shots else root / name
        settings = [f"split_folders=train=train test={judging}", "val_fraction=0", *extra]
        command = [
            str(Path(sys.executable).with_name("sadari")),
            "train",
            str(data),
            "--model",
            model,
            "--seed",
            str(seed),
        ]
        command += [word for each in settings for word in ("--set", each)] + ["--out", str(folder / "run")]
        environment = {**os.environ, "SADARI_CACHE_DIR": str(folder / "cache")}
        started = perf_counter()
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        seconds = perf_counter() - started
        scores = json.loads((folder / "run" / "scores.json").read_text(encoding="utf-8"))
        size = (folder / "run" / "model.safetensors").stat().st_size
    return {"accuracy": scores["scores"]["test"]["accuracy"], "seconds": round(seconds, 1), "bytes": size}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", default=",".join(TASKS))
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--set", action="append", default=[], help="a setting of both models, as of `sadari train`")
    parser.add_argument("--out", type=Path, default=HERE / "photo.json")
    options = parser.parse_args()
    root = Path(os.environ["SADARI_DATA_DIR"])
    document: dict[str, Any] = {"entries": {}}
    if options.out.is_file():
        document = json.loads(options.out.read_text(encoding="utf-8"))
    document |= {"command": "uv run python benchmarks/quality/photo.py", "machine": describe_machine()}
    for task in options.tasks.split(","):
        for model in options.models.split(","):
            for seed in range(options.seeds):
                key = f"{task} {model} {seed}"
                if key not in document["entries"]:
                    entry = measure(task, model, seed, root, options.set)
                    document["entries"][key] = {**entry, "commit": commit()}
                    options.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
                print(key, document["entries"][key], flush=True)
            summarise(document["entries"], task, model, options.seeds)


def summarise(entries: dict[str, Any], task: str, model: str, seeds: int) -> None:
    """Print mean and spread of the accuracy, and the seconds."""
    found = [entries[f"{task} {model} {seed}"] for seed in range(seeds)]
    accuracies, seconds = [each["accuracy"] for each in found], [each["seconds"] for each in found]
    spread = statistics.stdev(accuracies) if seeds > 1 else 0.0
    print(
        f"{task:12} {model:14} {statistics.mean(accuracies):.4f} (sd {spread:.4f}, {seeds} seeds), "
        f"{statistics.mean(seconds):.0f} s (at most {max(seconds):.0f})"
    )


if __name__ == "__main__":
    main()
