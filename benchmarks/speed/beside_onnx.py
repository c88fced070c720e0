"""How fast does every built-in network answer on one thread, beside its own exported file in onnxruntime?

    uv run python benchmarks/speed/beside_onnx.py [--models cnn,mlp] [--turns 5]

Both answer the same drawn images, uint8 in memory, with class probabilities, one and 64 at a time, in one process and
in turns: Sadari as `sadari predict` and `serve` compute it, onnxruntime with one thread of its own. Weights are random,
statistics of norms drawn, and answers must agree. A figure is processor time, microseconds an image: the least of the
passes of a turn, of which there are at least three, since a busy machine only adds to it. What is measured is added to
beside_onnx.json, and the same command goes on. `--turns 0` only prints the table.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from machine import commit, this_machine
from race.judging import stir
from sadari.data.prepare import Preprocess
from sadari.deploy.onnx_graph import make_onnx
from sadari.files import read_json, write_json
from sadari.inference.architecture import Architecture
from sadari.inference.classifier import probabilities_by
from sadari.inference.device import keep_freed_memory
from sadari.inference.model import TrainedModel
from sadari.models.catalog import MODELS, find_model
from sadari.models.layers.neighbours import Neighbours
from sadari.settings import Value, resolve
from sadari.values import ImageSet

BATCHES = (1, 64)
GREY, COLOUR = (28, 28, 1), (64, 64, 3)  # what backbones read is colour, and larger
CLASSES = tuple("0123456789")
REMEMBERED = 2_000  # images among which knn looks for neighbours (assumed: a small set)
SECONDS, LEAST = 0.05, 3  # of a turn, and passes in it (assumed)
APART = 1e-4  # difference of a probability that ends the measurement (assumed: ten times what rounding makes)

Images = NDArray[np.uint8]
Answer = Callable[[Images], NDArray[np.float32]]


def images_of(shape: tuple[int, int, int]) -> ImageSet:
    """Return as many drawn images as a batch has."""
    pixels = np.random.default_rng(0).integers(0, 256, (max(BATCHES), *shape), dtype=np.uint8)
    names = np.arange(len(pixels)).astype(np.str_)
    return ImageSet("noise", pixels, np.zeros(len(pixels), np.int64), names, CLASSES, np.full(len(pixels), ""), "")


def model_of(name: str, images: ImageSet) -> TrainedModel:
    """Return the model `name` with random weights, and with factors and statistics of norms that matter."""
    spec = find_model(name)
    given: dict[str, Value] = {"weights": "random:1"} if spec.begins_with_backbone() else {}
    if spec.variables.get("backbone"):
        given["backbone"] = "tf_efficientnet_lite0"
    settings, variables = resolve(spec.settings, spec.variables, given)
    architecture = Architecture.of(spec, variables, images.shape, CLASSES)
    network = architecture.build(seed=0).eval()
    stir(network)
    for each in network.modules():
        if isinstance(each, Neighbours):
            each.remember(torch.randn(REMEMBERED, each.vectors.shape[1]), torch.arange(REMEMBERED) % len(CLASSES))
    scaling = "channel" if spec.begins_with_backbone() else settings.scaling
    preprocess = Preprocess.fitted(images, np.arange(len(images)), scaling, "crop")
    return TrainedModel(network, preprocess, CLASSES, architecture)


def answers_of(model: TrainedModel) -> dict[str, Answer]:
    """Return what answers images with class probabilities, by name."""
    import onnxruntime  # of the extra `deploy`; the table does without

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(make_onnx(model, {}), options, providers=["CPUExecutionProvider"])
    return {
        "sadari": lambda images: probabilities_by(model, images),
        "onnxruntime": lambda images: session.run(["probabilities"], {"images": images})[0],
    }


def least_seconds(answer: Answer, images: Images) -> float:
    """Return the processor seconds of the fastest of several passes, after one that warms up."""
    answer(images)
    taken: list[float] = []
    end = time.perf_counter() + SECONDS
    while len(taken) < LEAST or time.perf_counter() < end:
        before = time.process_time()
        answer(images)
        taken.append(time.process_time() - before)
    return min(taken)


def measure(name: str, turns: int, images: ImageSet) -> list[dict[str, Any]]:
    """Return a row for each size of batch: microseconds an image of both, turn by turn."""
    model = model_of(name, images)
    before = time.process_time()
    assert model.prepared is not None
    preparing = 1e3 * (time.process_time() - before)
    answers = answers_of(model)
    rows = []
    for batch in BATCHES:
        pixels = np.asarray(images.images[:batch])
        one, other = (each(pixels) for each in answers.values())
        apart = float(np.abs(one - other).max())
        if apart > APART:
            raise SystemExit(f"{name}: the answers are {apart:.2g} apart")
        taken: dict[str, list[float]] = {each: [] for each in answers}
        for _ in range(turns):
            for each, answer in answers.items():
                taken[each].append(round(1e6 * least_seconds(answer, pixels) / batch, 2))
        rows.append({"model": name, "batch": batch, "microseconds": taken, "apart": apart, "preparing_ms": preparing})
    return rows


def ratios(row: Mapping[str, Any]) -> list[float]:
    """Return how many times as fast as onnxruntime Sadari was, turn by turn."""
    both = row["microseconds"]
    return [theirs / ours for ours, theirs in zip(both["sadari"], both["onnxruntime"], strict=True)]


def table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the lines of a table, one a network: microseconds an image of both, and the ratios of the turns."""
    heading = [f"{what}, {batch} at once" for batch in BATCHES for what in ("Sadari", "onnxruntime", "times as fast")]
    lines = [f"| network | {' | '.join(heading)} |", "|---" * (len(heading) + 1) + "|"]
    for name in dict.fromkeys(row["model"] for row in rows):
        cells = [name]
        for row in (row for row in rows if row["model"] == name):
            both, each = row["microseconds"], ratios(row)
            cells += [f"{statistics.median(both[who]):.3g}" for who in ("sadari", "onnxruntime")]
            cells.append(f"{statistics.median(each):.2f} ({min(each):.2f} to {max(each):.2f})")
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--models", default=",".join(MODELS.names()))
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    options = parser.parse_args()
    document = read_json(options.out) if options.out.exists() else {"machine": this_machine(), "rows": []}
    torch.set_num_threads(1)
    keep_freed_memory()
    for name in options.models.split(",") if options.turns else ():
        if name in (row["model"] for row in document["rows"]):
            continue
        images = images_of(COLOUR if find_model(name).begins_with_backbone() else GREY)
        stamp = {"date": time.strftime("%Y-%m-%d"), "load": os.getloadavg()[0], "commit": commit()}
        document["rows"] += [{**row, **stamp} for row in measure(name, options.turns, images)]
        write_json(options.out, document)
        print("\n".join(table(document["rows"][-len(BATCHES) :])[2:]), flush=True)
    print("\n".join(table(document["rows"])))


if __name__ == "__main__":
    main()
