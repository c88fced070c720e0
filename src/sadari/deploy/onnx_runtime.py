"""What does an ONNX file answer for images? onnxruntime runs it on the processor, as it does for the file's users."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sadari.deploy.extra import require
from sadari.deploy.onnx_graph import INPUT, OUTPUT
from sadari.errors import SadariError

AT_ONCE = 64  # images in one pass at most (assumed: keeps the cores busy)
PIXELS_AT_ONCE = 2**20  # and so many pixels of them (assumed: each map of VGG16's first layers stays below 300 MB)
ERRORS_ONLY = 3  # onnxruntime's number for this level of logging

Predict = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


def load_onnx(content: bytes, output: str = OUTPUT) -> Predict:
    """Return the function uint8 (N, H, W, C) -> float32 (N, K) of the ONNX file with this content.

    output: which of its outputs; `known_score` is float32 (N,).

    Raises SadariError, as the returned function does, where onnxruntime cannot run the file.
    """
    runtime = require("onnxruntime")
    options = runtime.SessionOptions()
    options.log_severity_level = ERRORS_ONLY
    with _as_sadari_error():
        session: Any = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])

    def predict(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        with _as_sadari_error():
            return np.concatenate([session.run([output], {INPUT: block})[0] for block in blocks_of(images)])

    return predict


def blocks_of(images: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    """Yield uint8 (N, H, W, C) in blocks of at most AT_ONCE images and PIXELS_AT_ONCE pixels, of at least one image.

    Without images that is one block of none.
    """
    _, height, width, _ = images.shape
    count = max(1, min(AT_ONCE, PIXELS_AT_ONCE // (height * width)))
    for start in range(0, max(1, len(images)), count):
        yield images[start : start + count]


@contextmanager
def _as_sadari_error() -> Iterator[None]:
    """Raise any error of onnxruntime as a SadariError of one sentence: they share no class but Exception."""
    try:
        yield
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SadariError(f"onnxruntime cannot run the exported model ({reason}); try another version of it") from error
