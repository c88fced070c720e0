"""What does a peer read, and what does it write? One JSON file in, one CSV of predictions out.

Every program in this folder whose name begins with `photo_` is called with the path of a task and runs in an
environment of its own, so this file needs nothing but NumPy. A task says: `photos` (a folder with train/CLASS/),
`judged` (a folder of images without classes), `weights` (a folder with the same weights in several forms), `options`
(of the end point), `seed`, `scratch` (an empty folder) and `out`, the CSV to be written.

A task with `features` instead is the proof that a peer has the right weights: `features` is an .npy of uint8 images
(N, H, W, C), and `out` an .npy of their pooled features, float32 (N, 1280), as the peer's own network computes them.
"""

import csv
import json
import random
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

NAME = "tf_efficientnet_lite0"  # timm's name of the network
SIDE = 224  # pixels; what the weights were trained on

Task = dict[str, Any]
Pixels = NDArray[np.uint8]
Features = NDArray[np.float32]


def run(train: Callable[[Task], Iterable[tuple[str, str]]], features: Callable[[Task, Pixels], Features]) -> None:
    """Read the task whose path is on the command line and do it, by `train` or by `features`."""
    task: Task = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    if "features" in task:
        np.save(task["out"], features(task, np.load(task["features"], allow_pickle=False)))
        return
    random.seed(task["seed"])
    np.random.seed(task["seed"])
    write_predictions(task["out"], train(task))


def write_predictions(path: str, rows: Iterable[tuple[str, str]]) -> None:
    """Write the name of each image and the class that is predicted for it."""
    with Path(path).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "prediction"])
        writer.writerows(rows)


def judged_images(task: Task) -> list[Path]:
    """Return the images to be judged, sorted."""
    return sorted(Path(task["judged"]).iterdir())


def classes_of(task: Task) -> list[str]:
    """Return the classes, sorted."""
    return sorted(each.name for each in (Path(task["photos"]) / "train").iterdir())


def scaling(task: Task) -> tuple[list[float], list[float]]:
    """Return mean and std of each channel, of pixels in 0..1, that the weights need."""
    file = Path(task["weights"]) / NAME / "config.json"
    config = json.loads(file.read_text(encoding="utf-8"))["pretrained_cfg"]
    return config["mean"], config["std"]


def timm_arguments(task: Task) -> dict[str, Any]:
    """Return the arguments of timm.create_model that have it read the weights from the file instead of a network."""
    mean, std = scaling(task)
    file = str(Path(task["weights"]) / NAME / "model.safetensors")
    return {"pretrained": True, "pretrained_cfg_overlay": {"file": file, "mean": mean, "std": std}}
