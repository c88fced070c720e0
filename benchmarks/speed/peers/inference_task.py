"""What does an entrant of the race of judging read, and how does it answer? A folder in, a line of JSON out.

Every infer_*.py beside this file is called as `PROGRAM BATCHES FOLDER/task.json` and runs in an environment of its own,
so this file needs nothing but NumPy. BATCHES: comma-separated, how many images go through at once; of several, each is
tried and reported. FOLDER also has images.npy (uint8 (N, H, W, C)), Sadari's answers in wanted.npy (float32 (N, K),
probabilities), and the model three times: as Sadari's safetensors, as its ONNX file, and layer by layer in
weights.npz. The task says `layers` (as Sadari describes them), `shape`, `precision`, `scale`, `shift`, `params`.

The clock of a process starts where the kernel started it, and its memory is the peak that the kernel has seen
(/proc, so Linux only: ru_maxrss of a process begins with what its parent had).
"""

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FIRST = 32  # images of the first prediction, which ends the start (assumed: a handful)
TRIED = 2_000  # images that a batch is tried on before one of several is taken (assumed)
PASSES = 3
TIE = 1e-4  # classes whose probabilities are this close count as one, as in `sadari export`
KINDS = {  # what weights.npz holds of a layer, in Keras's order
    "conv": ("weight", "bias"),
    "dense": ("weight", "bias"),
    "batchnorm": ("weight", "bias", "running_mean", "running_var"),
    "layernorm": ("weight", "bias"),
    "lstm": ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0"),
}

Numbers = NDArray[Any]
Judge = Callable[[Numbers, int], Numbers]  # images, how many at once -> probabilities


def read_task() -> tuple[dict[str, Any], Path]:
    """Return the task, and the folder in which it is stored."""
    path = Path(sys.argv[2])
    return dict(json.loads(path.read_text(encoding="utf-8"))), path.parent


def read_weights(task: dict[str, Any], folder: Path) -> list[list[Numbers]]:
    """Read the numbers of each layer as KINDS says; none for a layer without any."""
    with np.load(folder / "weights.npz", allow_pickle=False) as stored:
        return [
            [stored[f"{at}.{name}"] for name in KINDS.get(layer["kind"], ())] for at, layer in enumerate(task["layers"])
        ]


def race(judge: Judge, precision: str, packages: Sequence[str], params: int) -> None:
    """Time `judge` on all images, and print how long it took, with how much memory, and whether it was right."""
    _, folder = read_task()
    images = np.load(folder / "images.npy")
    batches = [int(each) for each in sys.argv[1].split(",")]
    judge(images[:FIRST], batches[0])
    start = _seconds_since_start()
    tried = {batch: _try(judge, images[:TRIED], batch) for batch in batches} if len(batches) > 1 else {}
    answers, seconds = _passes(judge, images, batches[0]) if not tried else (None, [])
    document = {
        "seconds": seconds,
        "start": round(start, 3),
        "peak_mib": round(_peak_mib(), 1),
        "tried": tried,
        "batch": batches[0],
        "params": params,
        "precision": precision,
        "versions": {package: version(package) for package in packages},
    }
    if answers is not None:
        document |= _agreement(answers, np.load(folder / "wanted.npy"))
    print(json.dumps(document))


def _try(judge: Judge, images: Numbers, batch: int) -> float:
    """Return images per second, after warming up."""
    judge(images[: 2 * batch], batch)
    seconds = [_timed(judge, images, batch)[1] for _ in range(2)]
    return round(len(images) / min(seconds), 1)


def _passes(judge: Judge, images: Numbers, batch: int) -> tuple[Numbers, list[float]]:
    """Return answers and the seconds of each pass; the warm-up has every size of block that a pass has."""
    judge(images[: 2 * batch + len(images) % batch if batch else len(images)], batch)
    timings = [_timed(judge, images, batch) for _ in range(PASSES)]
    return timings[-1][0], [round(seconds, 6) for _, seconds in timings]


def _timed(judge: Judge, images: Numbers, batch: int) -> tuple[Numbers, float]:
    started = time.perf_counter()
    answers = judge(images, batch)
    return answers, time.perf_counter() - started


def _agreement(answers: Numbers, wanted: Numbers) -> dict[str, Any]:
    """Return how many images got another class (ties aside), and the largest difference of a probability."""
    rows = np.arange(len(wanted))
    here, there = wanted.argmax(axis=1), answers.argmax(axis=1)
    other = (here != there) & (wanted[rows, here] - wanted[rows, there] > TIE)
    return {"other_classes": int(other.sum()), "largest": float(np.abs(answers - wanted).max())}


def _seconds_since_start() -> float:
    fields = Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK")


def _peak_mib() -> float:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024
