"""How is an image decoded so that it can hold up nobody for long? Small ones here, others in processes that are killed.

A small file with few pixels cannot take long. Any other one may, by what it holds: empty scans, pieces, chunks and rows
without end. Those go to a process of their own, with a limit on its time, and so does every HEIC file.
"""

import os
import subprocess
import sys
from collections import deque
from concurrent.futures import Future
from contextlib import suppress
from queue import SimpleQueue
from threading import Condition, Lock, Timer
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from sadari.data.heic import is_heic
from sadari.data.image_file import UnreadableImageError
from sadari.deploy.serve.decoder_main import (
    DECODING_BYTES,
    NEEDS,
    PIXELS,
    READY,
    REFUSED,
    TOO_LARGE,
    TooLargeError,
    pixels_in_header,
)
from sadari.inference.pixels import AnyForm, form_to_json, limited

Images = NDArray[np.uint8]

# Measured on the slowest files that we could make within these bounds: 0.3 s on one core of two that are shared.
SMALL_BYTES, SMALL_PIXELS = 256 * 2**10, 1_000_000
MOST_PROCESSES = 8  # (assumed: each holds some 60 MB between two images, and what it decodes besides)
START_SECONDS = 60.0  # for a process to start on a busy machine (assumed)


class TooSlowError(UnreadableImageError):
    """An image that took too long to decode."""


class Decoder:
    """Decodes the bytes of image files to uint8 of `form`; safe to call from many threads at once.

    most: pixels of an image. seconds: for one image in a process of its own. Processes start when they are needed.
    """

    def __init__(self, form: AnyForm, most: int, seconds: float) -> None:
        form = limited(form, most)
        self._form, self._most = form, most
        memory = _Memory(DECODING_BYTES)
        self.processes = max(1, min(os.cpu_count() or 1, MOST_PROCESSES))
        self._all = [_Process(form, most, seconds, memory) for _ in range(self.processes)]
        self._free: SimpleQueue[_Process] = SimpleQueue()
        for each in self._all:
            self._free.put(each)

    def is_small(self, content: bytes) -> bool:
        """Whether `content` is decoded here, in little time; raises TooLargeError for too many pixels."""
        if len(content) > SMALL_BYTES or is_heic(content):  # whose size may be that of a small part of it
            return False
        return pixels_in_header(content, self._most) <= SMALL_PIXELS

    def decode_small(self, content: bytes) -> Images:
        """Decode here what `is_small`; raises UnreadableImageError."""
        return self._form.decode(content)

    def decode(self, content: bytes, given_up: "Future[Any] | None" = None) -> Images:
        """Decode in a process, which is killed where it takes too long or `given_up` is cancelled.

        Raises UnreadableImageError, as TooLargeError for too many pixels and TooSlowError for too much time.
        """
        process = self._free.get()
        try:
            return process.decode(content, given_up)
        finally:
            self._free.put(process)

    def close(self) -> None:
        """Kill the processes, whatever they do."""
        for each in self._all:
            each.close()


class _Memory:
    """So many bytes, which those who decode share; whoever comes first gets them first."""

    def __init__(self, most: int) -> None:
        self._most = self._free = most
        self._line: deque[object] = deque()
        self._changed = Condition()

    def take(self, count: int) -> int:
        """Wait for `count` bytes, or for all where they are more, and return how many were taken."""
        taken, place = min(count, self._most), object()
        with self._changed:
            self._line.append(place)
            self._changed.wait_for(lambda: self._line[0] is place and self._free >= taken)
            self._line.popleft()
            self._free -= taken
            self._changed.notify_all()
        return taken

    def give_back(self, count: int) -> None:
        with self._changed:
            self._free += count
            self._changed.notify_all()


class _Process:
    """One process, started when it is first needed and again after it was killed."""

    def __init__(self, form: AnyForm, most: int, seconds: float, memory: "_Memory") -> None:
        self._form, self._most, self._seconds, self._memory = form, most, seconds, memory
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = Lock()
        self._turn = 0  # the image that is being decoded: what belongs to an earlier one must not kill its process
        self._busy = self._killed = self._closed = False

    def decode(self, content: bytes, given_up: "Future[Any] | None") -> Images:
        with self._lock:
            self._turn += 1
            turn, self._busy = self._turn, True
        if given_up is not None:
            given_up.add_done_callback(lambda done: self._kill(turn) if done.cancelled() else None)
        timer = self._timer(START_SECONDS, turn)
        taken = 0
        try:
            into, out = self._running()
            timer.cancel()
            timer = self._timer(self._seconds, turn)
            into.write(len(content).to_bytes(8))
            into.write(content)
            into.flush()
            kind = out.read(1)
            if kind == NEEDS:
                timer.cancel()  # it is not slow because others have the memory
                taken = self._memory.take(int.from_bytes(_exactly(out, 8)))
                timer = self._timer(self._seconds, turn)
                into.write(NEEDS)
                into.flush()
                kind = out.read(1)
            return self._answer(kind, out)
        except (OSError, EOFError, ValueError):
            self._kill(turn)
            raise TooSlowError(f"it takes more than {self._seconds:g} seconds or too much memory to decode") from None
        finally:
            timer.cancel()
            with self._lock:
                self._turn += 1
                self._busy = False
                if self._killed:
                    self._forget()
            self._memory.give_back(taken)

    def close(self) -> None:
        """Kill the process and start no other one."""
        with self._lock:
            self._closed = True
            if self._process is not None:
                self._process.kill()
                self._killed = True
                if not self._busy:  # else whoever waits for its answer cleans up
                    self._forget()

    def _answer(self, kind: bytes, out: IO[bytes]) -> Images:
        if kind == PIXELS:
            shape = self._form.shape
            return np.frombuffer(_exactly(out, int(np.prod(shape))), dtype=np.uint8).reshape(shape)
        if kind not in (REFUSED, TOO_LARGE):
            raise EOFError
        sentence = _exactly(out, int.from_bytes(_exactly(out, 4))).decode("utf-8", "replace")
        raise (TooLargeError if kind == TOO_LARGE else UnreadableImageError)(sentence)

    def _running(self) -> tuple[IO[bytes], IO[bytes]]:
        """Return the input and output of the process, which is ready; raises EOFError where it was killed meanwhile."""
        with self._lock:
            if self._process is not None and self._process.poll() is not None:
                self._forget()
            fresh = self._process is None
            if self._closed:
                raise EOFError
            if self._process is None:
                self._process = self._started()
            into, out = self._process.stdin, self._process.stdout
        assert into is not None
        assert out is not None
        if fresh and out.read(1) != READY:
            raise EOFError
        return into, out

    def _started(self) -> "subprocess.Popen[bytes]":
        # No child of the terminal: Ctrl-C is for the server, whose end closes the input.
        return subprocess.Popen(
            [
                sys.executable, "-P", "-m", "sadari.deploy.serve.decoder_main",
                form_to_json(self._form), str(self._most),
            ],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1",
                 "OPENBLAS_NUM_THREADS": "1"},
        )  # fmt: skip

    def _timer(self, seconds: float, turn: int) -> Timer:
        timer = Timer(seconds, self._kill, (turn,))
        timer.daemon = True
        timer.start()
        return timer

    def _kill(self, turn: int) -> None:
        with self._lock:
            if turn == self._turn and self._process is not None:
                self._process.kill()
                self._killed = True

    def _forget(self) -> None:
        process, self._process, self._killed = self._process, None, False
        if process is not None:
            process.wait()
            for pipe in (process.stdin, process.stdout):
                with suppress(OSError):
                    pipe.close()  # type: ignore[union-attr]


def _exactly(out: IO[bytes], count: int) -> bytes:
    found = out.read(count)
    if len(found) != count:
        raise EOFError
    return found
