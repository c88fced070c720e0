"""What does a model lose when it computes in whole numbers of 8 bits? Static quantisation, after the training images.

Weights become int8 with a scale per channel, activations uint8 with a scale each, which the calibrating images decide
(onnxruntime's `quantize_static`). Convolutions and matrix products are what is quantised, and what lies between them;
recurrent layers stay as they are.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sadari.deploy.extra import quiet, require
from sadari.deploy.onnx_graph import INPUT
from sadari.deploy.runtime import AT_ONCE
from sadari.errors import SadariError
from sadari.evaluation.statistics import verdict
from sadari.values import Verdict

QUANTISED = ("Conv", "Gemm", "MatMul")


@dataclass(frozen=True)
class Cost:
    """What did int8 cost, and what did it bring?

    accuracy, accuracy_int8: on the same `images`. verdict: whether and how far int8 is worse (b is the float32 model).
    changed: images that get another class. size_ratio: bytes over float32's. speed_ratio: how many times as fast.
    """

    images: int
    accuracy: float
    accuracy_int8: float
    verdict: Verdict
    changed: int
    size_ratio: float
    speed_ratio: float


def quantize(content: bytes, calibrating: NDArray[np.uint8]) -> bytes:
    """The ONNX file with this content in int8. calibrating: uint8 (M, H, W, C).

    Raises SadariError where onnxruntime cannot do it.
    """
    quantization = require("onnxruntime.quantization")
    shape_inference = require("onnxruntime.quantization.shape_inference")
    with tempfile.TemporaryDirectory() as folder, quiet():
        given, prepared, result = (Path(folder) / name for name in ("given.onnx", "prepared.onnx", "int8.onnx"))
        given.write_bytes(content)
        try:
            shape_inference.quant_pre_process(given, prepared, skip_symbolic_shape=True)
            quantization.quantize_static(
                prepared,
                result,
                _Calibration(calibrating),
                op_types_to_quantize=list(QUANTISED),
                per_channel=True,
                activation_type=quantization.QuantType.QUInt8,
                weight_type=quantization.QuantType.QInt8,
            )
        except Exception as error:  # its own errors are of many classes
            reason = (str(error).splitlines() or [""])[0] or type(error).__name__
            raise SadariError(f"onnxruntime cannot quantise this network: {reason}; leave out --quantize") from error
        return _with_words(result.read_bytes(), content)


class _Calibration:
    """The calibrating images in blocks, as onnxruntime asks for them."""

    def __init__(self, images: NDArray[np.uint8]) -> None:
        blocks = range(0, len(images), AT_ONCE)
        self._blocks: Iterator[dict[str, Any]] = iter([{INPUT: images[at : at + AT_ONCE]} for at in blocks])

    def get_next(self) -> dict[str, Any] | None:
        return next(self._blocks, None)


def _with_words(quantised: bytes, original: bytes) -> bytes:
    """`quantised` with the metadata of `original`, and a word that says so."""
    onnx = require("onnx")
    proto, before = onnx.load_from_string(quantised), onnx.load_from_string(original)
    del proto.metadata_props[:]
    proto.metadata_props.extend(before.metadata_props)
    entry = proto.metadata_props.add()
    entry.key, entry.value = "quantized", "int8"
    content: bytes = proto.SerializeToString()
    return content


def cost_of(
    float32: NDArray[np.float32], int8: NDArray[np.float32], labels: NDArray[np.int64], size: float, speed: float
) -> Cost:
    """What did int8 cost? float32, int8: probabilities (N, K) of the same images. size, speed: ratios, see Cost."""
    before, after = float32.argmax(axis=1), int8.argmax(axis=1)
    right, right_int8 = before == labels, after == labels
    return Cost(
        images=len(labels),
        accuracy=float(right.mean()),
        accuracy_int8=float(right_int8.mean()),
        verdict=verdict("int8", right_int8[np.newaxis], "float32", right[np.newaxis]),
        changed=int((before != after).sum()),
        size_ratio=size,
        speed_ratio=speed,
    )
