"""How long does each epoch of Keras take?"""

import time
from typing import Any

import keras


class Clock(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """A callback that stores the seconds of each epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.started = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.seconds.append(time.perf_counter() - self.started)
