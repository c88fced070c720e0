"""How does Ctrl-C stop a run without cutting a step in half?"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


@dataclass
class Interruption:
    """Whether somebody asked to stop; read between two steps."""

    asked: bool = False


@contextmanager
def interruption() -> Iterator[Interruption]:
    """Turn the first Ctrl-C (or SIGTERM) into a flag, while inside; a second one interrupts at once.

    Outside the main thread, where signals cannot be caught, the flag just stays down.
    """
    wanted = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield wanted
        return

    def ask(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature is Python's
        if wanted.asked:
            raise KeyboardInterrupt
        wanted.asked = True

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield wanted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
