"""How does Ctrl-C stop a run without cutting a step in half? SIGTERM, and SIGHUP of a closed terminal, do the same."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

# Windows has no SIGHUP.
STOPPING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))

_last = [int(signal.SIGINT)]


@dataclass
class Interruption:
    """Whether the user asked to stop; read between two steps."""

    requested: bool = False


@contextmanager
def interruption() -> Iterator[Interruption]:
    """Turn the first Ctrl-C, SIGTERM or SIGHUP inside into a flag; a second one interrupts at once.

    Outside the main thread, where signals cannot be caught, the flag stays down. A signal that the process ignores,
    as SIGHUP below nohup, stays ignored.
    """
    wanted = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield wanted
        return

    def ask(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature is Python's
        _last[0] = number
        if wanted.requested:
            raise KeyboardInterrupt
        wanted.requested = True

    before = {number: signal.signal(number, ask) for number in _heeded()}
    try:
        yield wanted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def interrupt_by_signals() -> None:
    """Let SIGTERM and SIGHUP raise KeyboardInterrupt from here on, as Ctrl-C does. Only for the main thread."""

    def interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature is Python's
        _last[0] = number
        raise KeyboardInterrupt

    _last[0] = int(signal.SIGINT)
    for number in _heeded():
        if number != signal.SIGINT:
            signal.signal(number, interrupt)


def end_by_signals() -> None:
    """Let SIGTERM and SIGHUP end the process at once from here on. Only for the main thread, when all is done."""
    for number in _heeded():
        if number != signal.SIGINT:
            signal.signal(number, signal.SIG_DFL)


def interrupted_status() -> int:
    """Return the exit status of an interrupted process: 130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP."""
    return 128 + _last[0]


def _heeded() -> list[int]:
    """List the signals that stop work here. SIGINT is one even where a shell's `&` has it ignored."""
    return [
        number
        for number in STOPPING
        if number == signal.SIGINT or signal.getsignal(number) not in (signal.SIG_IGN, None)
    ]
