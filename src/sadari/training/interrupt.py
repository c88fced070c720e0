"""How does Ctrl-C stop a run without cutting a step in half?"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


@dataclass
class Interruption:
    """The user's wish to stop, read between two steps."""

    requested: bool = False


@contextmanager
def interruption() -> Iterator[Interruption]:
    """Turn the first Ctrl-C (or SIGTERM) into a flag while inside; a second one interrupts at once.

    Outside the main thread, where signals cannot be caught, the flag is never set.
    """
    stop = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def request(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature is Python's
        if stop.requested:
            raise KeyboardInterrupt
        stop.requested = True

    before = {number: signal.signal(number, request) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
