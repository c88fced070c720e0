"""How does work go on where nobody can read what it says? Closed streams are opened, lost sentences are dropped."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO


@contextmanager
def usable_streams() -> Iterator[None]:
    """Make standard output and error usable inside, whatever the caller has closed.

    A closed one (`2>&-`) becomes the null device: else the next file that is opened would get its number, and what
    libraries print would be written into that file. What standard error refuses, as after the terminal was closed, is
    dropped.
    """
    _open_closed_numbers()
    before = sys.stdout, sys.stderr
    opened = []
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            opened.append(Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - closed below
            setattr(sys, name, opened[-1])
    sys.stderr = Forgiving(sys.stderr)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
        for each in opened:
            each.close()


class Forgiving:
    """A text stream that drops what its file refuses."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except (OSError, ValueError):
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except (OSError, ValueError):
            return

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _open_closed_numbers() -> None:
    """Open the null device under each of the numbers 0, 1 and 2 that is closed."""
    while True:
        handle = os.open(os.devnull, os.O_RDWR)
        if handle > 2:
            os.close(handle)
            return
        os.set_inheritable(handle, True)
