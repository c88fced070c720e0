"""What does an ONNX file say about images? It is run by onnxruntime, on the processor, as its users will run it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sadari.deploy.extra import require
from sadari.deploy.onnx_graph import INPUT, OUTPUT
from sadari.errors import SadariError

AT_ONCE = 64  # images through the graph at once (assumed: fills the cores, and VGG16's maps stay below 1 GiB)
TURNS = 5  # timings of each of two models, in turn; their medians are compared (assumed)
SHORTEST = 0.2  # seconds that one timing takes at least (assumed: far above the clock's error)
ERRORS_ONLY = 3  # onnxruntime's number for it

Judge = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


def judge_with(content: bytes) -> Judge:
    """The function uint8 (N, H, W, C) -> float32 (N, K) that the ONNX file with this content is.

    Raises SadariError, as the function does, where onnxruntime cannot run the file.
    """
    runtime = require("onnxruntime")
    options = runtime.SessionOptions()
    options.log_severity_level = ERRORS_ONLY
    with _told():
        session: Any = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])

    def judge(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        blocks = range(0, len(images), AT_ONCE)
        with _told():
            answers = [session.run([OUTPUT], {INPUT: images[start : start + AT_ONCE]})[0] for start in blocks]
        return np.concatenate(answers)

    return judge


@contextmanager
def _told() -> Iterator[None]:
    """Whatever onnxruntime raises, as one sentence: its errors share no class but Exception."""
    try:
        yield
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SadariError(f"onnxruntime cannot run the exported model ({reason}); try another version of it") from error


def speed_ratio(fast: Judge, slow: Judge, images: NDArray[np.uint8]) -> float:
    """How many times as fast is `fast` on these `images`? The median over pairs of timings, taken in turn."""
    rounds = max(1, int(np.ceil(SHORTEST / max(_seconds(slow, images, 1), 1e-9))))
    pairs = [_seconds(slow, images, rounds) / _seconds(fast, images, rounds) for _ in range(TURNS)]
    return float(np.median(pairs))


def _seconds(judge: Judge, images: NDArray[np.uint8], rounds: int) -> float:
    started = perf_counter()
    for _ in range(rounds):
        judge(images)
    return perf_counter() - started
