"""A small model that answers over HTTP, for the tests of serving."""

from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import uvicorn
from fastapi import FastAPI
from numpy.typing import NDArray
from PIL import Image

from sadari.deploy.serve.limits import Limits
from sadari.deploy.serve.protocol import bounded_protocol
from sadari.deploy.serve.server import listen
from sadari.inference.classifier import Classifier
from sadari.run import RunRecord
from sadari.training.train import train
from support.jobs import QUIET, named_job

Files = list[tuple[str, tuple[str, bytes, str]]]


def trained_on_digits(out: Path) -> RunRecord:
    """Train a small convolutional network on the 8x8 digits, in two seconds.

    In float32, so that what it says of a drawing does not depend on the processor.
    """
    settings = {**QUIET, "epochs": 2, "batch_size": 64, "precision": "float32"}
    return train(named_job("digits", "cnn", 0, settings), out)


def png(pixels: NDArray[np.uint8]) -> bytes:
    """Encode uint8 (H, W, C) as PNG."""
    file = BytesIO()
    Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(file, format="PNG")
    return file.getvalue()


def noise(count: int, side: int = 8, seed: int = 0) -> list[bytes]:
    """Return `count` random grey images as PNG."""
    pixels = np.random.default_rng(seed).integers(0, 256, (count, side, side, 1), dtype=np.uint8)
    return [png(each) for each in pixels]


def as_files(contents: list[bytes]) -> Files:
    """Return the images as the parts of a multipart body."""
    return [("images", (f"{number}.png", content, "image/png")) for number, content in enumerate(contents)]


def as_text(contents: list[bytes]) -> dict[str, Any]:
    """Return the images as a JSON body."""
    return {"images": [b64encode(each).decode("ascii") for each in contents]}


def with_network(classifier: Classifier, before: Callable[[], None]) -> Classifier:
    """Return the same classifier, which calls `before` ahead of every pass of the network."""

    class Watched(Classifier):
        def probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
            before()
            return super().probabilities(images)

    return Watched(classifier.path, classifier.model)


@contextmanager
def running(app: FastAPI, limits: Limits | None = None) -> Iterator[str]:
    """Serve `app` on a free port, from a thread of its own, with `limits` of its connections; yield its address."""
    protocol: Any = "auto" if limits is None else bounded_protocol(limits)
    config = uvicorn.Config(
        app, log_level="error", log_config=None, access_log=False, timeout_graceful_shutdown=5, http=protocol
    )
    server = uvicorn.Server(config)
    with listen("127.0.0.1", 0) as listening:
        thread = Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
