"""How does a model compute in integers of 8 bits, and what does that cost? Static quantisation on training images.

Weights become int8 with one scale per channel; activations become uint8 with one scale each, which the calibrating
images decide (onnxruntime's `quantize_static`). Convolutions, matrix products and what stands between them are
quantised; recurrent layers stay in float32.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sadari.deploy.extra import quiet, require
from sadari.deploy.onnx_runtime import INPUT, Predict
from sadari.deploy.unknown.graph import PART, metadata
from sadari.errors import SadariError
from sadari.evaluation.statistics import verdict
from sadari.unfinished import temporary_folder
from sadari.values import Verdict

QUANTISED = ("Conv", "Gemm", "MatMul")
TURNS = 5  # timings of each of two models, in turn; the median of their ratios counts (assumed)
SHORTEST = 0.2  # seconds that one timing takes at least (assumed: far above the clock's error)


@dataclass(frozen=True)
class Cost:
    """The cost of int8 against float32, and its gain.

    accuracy, accuracy_int8: on the same `images` images. verdict: whether and by how much int8 is worse (b is the
    float32 model). changed: images that get another class. size_ratio: bytes over those of float32. speed_ratio: how
    many times as fast int8 is.
    """

    images: int
    accuracy: float
    accuracy_int8: float
    verdict: Verdict
    changed: int
    size_ratio: float
    speed_ratio: float


def quantize(content: bytes, calibrating: NDArray[np.uint8]) -> bytes:
    """Return the ONNX file with this content in int8. calibrating: uint8 (M, H, W, C).

    Raises SadariError where onnxruntime cannot do it.
    """
    quantization = require("onnxruntime.quantization")
    shape_inference = require("onnxruntime.quantization.shape_inference")
    with temporary_folder("quantising") as folder, quiet():
        original, prepared, result = (folder.path / name for name in ("float32.onnx", "prepared.onnx", "int8.onnx"))
        original.write_bytes(content)
        try:
            shape_inference.quant_pre_process(original, prepared, skip_symbolic_shape=True)
            quantization.quantize_static(
                prepared,
                result,
                Calibration(calibrating),
                op_types_to_quantize=list(QUANTISED),
                nodes_to_exclude=_of_known_score(prepared.read_bytes()),
                per_channel=True,
                activation_type=quantization.QuantType.QUInt8,
                weight_type=quantization.QuantType.QInt8,
            )
        except Exception as error:  # its own errors are of many classes
            reason = (str(error).splitlines() or [""])[0] or type(error).__name__
            raise SadariError(f"onnxruntime cannot quantise this network: {reason}; leave out --quantize") from error
        return _with_metadata(_each_weight_once(result.read_bytes()), content)


def _of_known_score(content: bytes) -> list[str]:
    """Return the nodes of the ONNX file whose constants belong to the score of known images, which stays in float32."""
    nodes = require("onnx").load_from_string(content).graph.node
    return [node.name for node in nodes if any(PART in name for name in node.input)]


class Calibration:
    """The calibrating images one by one, with the method that onnxruntime calls.

    While it calibrates, onnxruntime fuses no layers, so that 64 photographs of 288 pixels at once take gigabytes. The
    smallest and the largest value over all images are the same in any blocks.
    """

    def __init__(self, images: NDArray[np.uint8]) -> None:
        self._images: Iterator[dict[str, Any]] = ({INPUT: images[at : at + 1]} for at in range(len(images)))

    def get_next(self) -> dict[str, Any] | None:
        return next(self._images, None)


def _each_weight_once(quantised: bytes) -> bytes:
    """Return the ONNX file `quantised` with equal values stored once.

    A network that judges mirror images too has its weights once for both sides, but onnxruntime fuses their norms, and
    quantises them, for each side.
    """
    proto = require("onnx").load_from_string(quantised)
    first: dict[bytes, str] = {}
    same: dict[str, str] = {}
    for each in proto.graph.initializer:
        name, each.name = each.name, ""
        same[name] = first.setdefault(each.SerializeToString(), name)
        each.name = name
    kept = [each for each in proto.graph.initializer if same[each.name] == each.name]
    del proto.graph.initializer[:]
    proto.graph.initializer.extend(kept)
    for node in proto.graph.node:
        for place, name in enumerate(node.input):
            node.input[place] = same.get(name, name)
    content: bytes = proto.SerializeToString()
    return content


def _with_metadata(quantised: bytes, original: bytes) -> bytes:
    """Return `quantised` with the metadata of `original` and the entry "quantized"."""
    onnx = require("onnx")
    before = onnx.load_from_string(original).metadata_props
    return _with_entries(quantised, {**{each.key: each.value for each in before}, "quantized": "int8"})


def with_known_score(quantised: bytes, found: Mapping[str, Any]) -> bytes:
    """Return `quantised` with another threshold: that of the scores that it computes itself."""
    return _with_entries(quantised, metadata(found))


def with_cost(quantised: bytes, cost: Cost, split: str) -> bytes:
    """Return `quantised` with the metadata entry "quantization_cost": JSON, what int8 cost on images of `split`."""
    told = {
        "split": split,
        "images": cost.images,
        "accuracy_float32": cost.accuracy,
        "accuracy_int8": cost.accuracy_int8,
        "changed": cost.changed,
    }
    return _with_entries(quantised, {"quantization_cost": json.dumps(told)})


def _with_entries(content: bytes, entries: Mapping[str, str]) -> bytes:
    """Return the ONNX file `content` with these metadata beside those that it has."""
    proto = require("onnx").load_from_string(content)
    merged = {**{each.key: each.value for each in proto.metadata_props}, **entries}
    del proto.metadata_props[:]
    for key, text in merged.items():
        entry = proto.metadata_props.add()
        entry.key, entry.value = key, text
    whole: bytes = proto.SerializeToString()
    return whole


def cost_of(
    float32: NDArray[np.float32],
    int8: NDArray[np.float32],
    labels: NDArray[np.int64],
    size: float,
    speed: float,
    groups: NDArray[np.int64] | None = None,
) -> Cost:
    """Compute the cost of int8. float32, int8: probabilities (N, K) of the same images. size, speed: ratios of Cost.

    groups: of the images, (N,).
    """
    before, after = float32.argmax(axis=1), int8.argmax(axis=1)
    correct, correct_int8 = before == labels, after == labels
    return Cost(
        images=len(labels),
        accuracy=float(correct.mean()),
        accuracy_int8=float(correct_int8.mean()),
        verdict=verdict("int8", correct_int8[np.newaxis], "float32", correct[np.newaxis], groups=groups),
        changed=int((before != after).sum()),
        size_ratio=size,
        speed_ratio=speed,
    )


def speed_ratio(fast: Predict, slow: Predict, images: NDArray[np.uint8]) -> float:
    """Measure how many times as fast `fast` is on `images`: the median ratio of TURNS pairs of timings, in turn."""
    rounds = max(1, int(np.ceil(SHORTEST / max(_seconds(slow, images, 1), 1e-9))))
    ratios = [_seconds(slow, images, rounds) / _seconds(fast, images, rounds) for _ in range(TURNS)]
    return float(np.median(ratios))


def _seconds(predict: Predict, images: NDArray[np.uint8], rounds: int) -> float:
    started = perf_counter()
    for _ in range(rounds):
        predict(images)
    return perf_counter() - started
