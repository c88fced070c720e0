"""What does an entrant of the yardstick read, and how does it answer? One JSON file in, one line of JSON out.

Every program in this folder that ends in _training.py or _fitting.py is called with the path of a task and runs in an
environment of its own, so this file needs nothing but NumPy. A task says: `layers` (what Sadari makes of a network's
list, with the parameters that each layer must have), `shape`, `file` (a .npz of X_train, y_train, X_test, y_test),
`scaling`, `batch`, `epochs`, `optimizer`, `learning_rate`, `epsilon`, `precision` and `seed`.
"""

import json
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

WRONG = 3  # the exit status of an entrant that would not compute the task
JUDGED_AT_ONCE = 1000  # test images through a network at once (assumed: none of them needs much memory)

Counts = Sequence[tuple[int, int]]


class Pixels(NamedTuple):
    """Images float32 (N, H, W, C), scaled as the task says, and labels int64 (N,), for learning and for judging."""

    x_train: NDArray[np.float32]
    y_train: NDArray[np.int64]
    x_test: NDArray[np.float32]
    y_test: NDArray[np.int64]


def read_task() -> dict[str, Any]:
    """Read the task whose path is on the command line."""
    return dict(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))


def read_pixels(task: dict[str, Any]) -> Pixels:
    """Read the images of the task's file, scaled by what the training images alone say."""
    with np.load(task["file"], allow_pickle=False) as stored:
        x_train, y_train, x_test, y_test = (stored[name] for name in ("X_train", "y_train", "X_test", "y_test"))
    mean, std = _mean_and_std(x_train, task["scaling"])
    scaled = [((pixels - mean) / std).astype(np.float32) for pixels in (x_train, x_test)]
    return Pixels(scaled[0], y_train, scaled[1], y_test)


def _mean_and_std(pixels: NDArray[np.uint8], scaling: str) -> tuple[Any, Any]:
    if scaling == "unit":
        return 0.0, 255.0
    if scaling == "channel":
        return pixels.mean(axis=(0, 1, 2)), pixels.std(axis=(0, 1, 2))
    sys.exit(f"no entrant has the scaling '{scaling}'")


def check_params(layers: Sequence[dict[str, Any]], counted: Counts) -> None:
    """Compare the parameters (total, trainable) of every layer with Sadari's; exit with WRONG where they differ."""
    wanted = [(layer["total"], layer["trainable"]) for layer in layers]
    if len(counted) != len(wanted):
        refuse(f"{len(counted)} layers where Sadari has {len(wanted)}")
    for number, (layer, found) in enumerate(zip(layers, counted, strict=True), start=1):
        if tuple(found) != (layer["total"], layer["trainable"]):
            refuse(
                f"layer {number} ({layer['kind']}) has {found[0]:,} params, {found[1]:,} trainable, "
                f"where Sadari's has {layer['total']:,} and {layer['trainable']:,}"
            )


def refuse(reason: str) -> None:
    """End this entrant, because it would not compute the task."""
    print(reason, file=sys.stderr)
    sys.exit(WRONG)


def answer(seconds: Sequence[float], accuracy: float, params: int, precision: str, packages: Sequence[str]) -> None:
    """Print what came of the task. seconds: of each epoch (or of the whole fit, as one). accuracy: on test."""
    document = {
        "seconds": [round(each, 6) for each in seconds],
        "accuracy": round(accuracy, 6),
        "params": params,
        "precision": precision,
        "versions": {package: version(package) for package in packages},
    }
    print(json.dumps(document))
