"""How are images ready before they are asked for? Worker threads decode a bounded number of them ahead."""

import weakref
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from math import ceil, prod

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Positions = NDArray[np.int64]
# Fills uint8 (n, H, W, C) with the images at n positions, from any thread.
Decode = Callable[[Positions, Pixels], None]

# Assumed: images that one thread decodes at a time; enough that handing them over costs nothing beside it, few enough
# that both threads of a small batch have work.
TOGETHER = 8
# Assumed: decoded images that wait to be asked for, in bytes: some batches of photographs, and small beside a network's
# own memory.
WAITING_BYTES = 64 * 2**20


class Ahead:
    """Images that threads decode: ahead in the order that `expect` gave, at once where something else is asked for.

    What waits lies in one ring, so that memory stays as it is however long this goes on. shape: (H, W, C). Only one
    thread may ask.
    """

    def __init__(self, decode: Decode, shape: tuple[int, ...], workers: int) -> None:
        self._decode = decode
        self._shape = shape
        self._workers = workers
        pieces = max(2 * workers, WAITING_BYTES // (TOGETHER * prod(shape)))
        self._ring: Pixels = np.empty((pieces * TOGETHER, *shape), dtype=np.uint8)
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="decode")
        # Without this, Ctrl-C would wait at the very end until everything ahead has been decoded.
        weakref.finalize(self, self._pool.shutdown, wait=False, cancel_futures=True)
        self._waiting: deque[Future[None]] = deque()
        self._order: Positions = np.empty(0, dtype=np.int64)
        # How many images of the order were handed to threads, have come back, have been asked for.
        self._submitted = self._decoded = self._taken = 0

    def expect(self, order: Positions) -> None:
        """Decode the images at `order` ahead; what was expected before is forgotten."""
        for each in self._waiting:
            if not each.cancel():
                each.exception()  # a thread is at it, and must not write into the ring any more
        self._waiting.clear()
        self._order = order
        self._submitted = self._decoded = self._taken = 0
        self._submit()

    def take(self, positions: Positions) -> Pixels:
        """The images at `positions`, uint8 (n, H, W, C). Raises what `decode` raises, and expects nothing then."""
        pixels = np.empty((len(positions), *self._shape), dtype=np.uint8)
        try:
            if np.array_equal(self._order[self._taken : self._taken + len(positions)], positions):
                self._take_expected(pixels)
            else:
                self._take_unexpected(positions, pixels)
        except BaseException:
            self.expect(self._order[:0])
            raise
        return pixels

    def _take_expected(self, pixels: Pixels) -> None:
        filled = 0
        while filled < len(pixels):
            if self._decoded == self._taken:
                self._waiting.popleft().result()
                self._decoded = min(self._decoded + TOGETHER, len(self._order))
            start = self._taken % len(self._ring)
            some = self._ring[start : start + min(self._decoded - self._taken, len(pixels) - filled)]
            pixels[filled : filled + len(some)] = some
            filled += len(some)
            self._taken += len(some)
            self._submit()

    def _take_unexpected(self, positions: Positions, pixels: Pixels) -> None:
        each = max(1, ceil(len(positions) / self._workers))
        pieces = [slice(start, start + each) for start in range(0, len(positions), each)]
        others = [self._pool.submit(self._decode, positions[piece], pixels[piece]) for piece in pieces[1:]]
        for piece in pieces[:1]:
            self._decode(positions[piece], pixels[piece])
        for other in others:
            other.result()

    def _submit(self) -> None:
        """Hand over as many as there is room for."""
        while self._submitted < len(self._order) and self._submitted + TOGETHER <= self._taken + len(self._ring):
            piece = self._order[self._submitted : self._submitted + TOGETHER]
            start = self._submitted % len(self._ring)
            self._waiting.append(self._pool.submit(self._decode, piece, self._ring[start : start + len(piece)]))
            self._submitted += len(piece)
