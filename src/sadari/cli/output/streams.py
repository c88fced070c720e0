"""How does work go on where nobody can read what it says? Closed streams are opened, lost sentences are dropped."""

import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

from sadari.errors import SadariError


@contextmanager
def usable_streams() -> Iterator[None]:
    """Make standard output and error usable inside, whatever the caller has closed.

    A closed one (`2>&-`) becomes the null device: else the next file that is opened would get its number, and what
    libraries print would be written into that file. What standard error refuses, as after the terminal was closed, is
    dropped; what standard output refuses, as on a full disk, is one sentence. Letters that standard output cannot
    encode are escaped, whatever the locale says.
    """
    _open_closed_numbers()
    before = sys.stdout, sys.stderr
    opened = []
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            opened.append(Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - closed below
            setattr(sys, name, opened[-1])
    errors = getattr(sys.stdout, "errors", None)
    _reconfigure(sys.stdout, "backslashreplace")
    sys.stdout, sys.stderr = Results(sys.stdout), Forgiving(sys.stderr)
    try:
        yield
    finally:
        _reconfigure(before[0], errors)
        sys.stdout, sys.stderr = before
        for each in opened:
            each.close()


def _reconfigure(stream: TextIO | None, errors: str | None) -> None:
    if errors is not None and isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors=errors)


class _Wrapped:
    """A text stream; the classes below differ in what happens when its file refuses something."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class Results(_Wrapped):
    """Standard output. reader_gone: whether its reader has left, such as `head`, which is no failure.

    What it refused once it refuses ever after: libraries try it with an empty text, and overlook the error.
    """

    reader_gone = False
    _refusal: Exception | None = None

    def write(self, text: str) -> int:
        """Write `text`; raises SadariError where it cannot be written, BrokenPipeError where nobody reads any more."""
        self._checked(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        """Write what is waiting; raises as `write` does."""
        self._checked(self._stream.flush)

    def _checked(self, do: Callable[[], object]) -> None:
        if self._refusal is None:
            try:
                do()
            except BrokenPipeError as error:
                self.reader_gone, self._refusal = True, error
            except OSError as error:
                self._refusal = SadariError(f"cannot write the result to standard output: {error.strerror}")
            if self._refusal is not None:
                self._drop()
        if self._refusal is not None:
            raise self._refusal

    def _drop(self) -> None:
        """Send what is still waiting to the null device, or it would fail again at the end of the process."""
        with suppress(OSError, ValueError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self._stream.fileno())
            os.close(null)


class Forgiving(_Wrapped):
    """A text stream that drops what its file refuses."""

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


def _open_closed_numbers() -> None:
    """Open the null device under each of the numbers 0, 1 and 2 that is closed."""
    while True:
        handle = os.open(os.devnull, os.O_RDWR)
        if handle > 2:
            os.close(handle)
            return
        os.set_inheritable(handle, True)
