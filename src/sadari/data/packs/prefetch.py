"""How are images ready before the caller takes them? Worker threads decode a bounded number of them ahead."""

import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from math import prod
from threading import Condition, Thread

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Positions = NDArray[np.int64]
# Fills uint8 (n, H, W, C) with the images at n positions, from any thread.
Decode = Callable[[Positions, Pixels], None]

# Assumed: images that one thread decodes at a time; enough that handing them over costs nothing beside it, few enough
# that both threads of a small batch have work.
TOGETHER = 8
# Assumed: bytes of decoded images that wait to be taken: some batches of photographs, and small beside a network's own
# memory.
WAITING_BYTES = 64 * 2**20


class Prefetcher:
    """Images that threads decode: ahead in the order that `prefetch` set, at once where others are taken.

    shape: (H, W, C). Only one thread may take images. The workers end with the last reference to this, or with the
    process.
    """

    def __init__(self, decode: Decode, shape: tuple[int, ...], workers: int) -> None:
        self._decode = decode
        self._shape = shape
        self._workers = workers
        self._ring = Ring(decode, shape, workers)
        self._started = False
        self._taken = 0
        weakref.finalize(self, self._ring.end)

    def prefetch(self, order: Positions) -> None:
        """Decode the images at `order` ahead; this replaces the order before."""
        self._taken = 0
        self._ring.begin(order)
        if len(order) and not self._started:
            self._started = True
            for _ in range(self._workers):  # daemons, since Ctrl-C must not wait for images that nobody takes
                Thread(target=self._ring.work, name="decode", daemon=True).start()

    def take(self, positions: Positions) -> Pixels:
        """Return the images at `positions`, uint8 (n, H, W, C). Raises what `decode` raises, which ends prefetching."""
        pixels = np.empty((len(positions), *self._shape), dtype=np.uint8)
        try:
            if np.array_equal(self._ring.order[self._taken : self._taken + len(positions)], positions):
                self._take_prefetched(pixels)
            else:
                self._take_others(positions, pixels)
        except BaseException:
            self.prefetch(positions[:0])
            raise
        return pixels

    def _take_prefetched(self, pixels: Pixels) -> None:
        filled = 0
        while filled < len(pixels):
            some = self._ring.wait_for(self._taken)[: len(pixels) - filled]
            pixels[filled : filled + len(some)] = some
            filled += len(some)
            self._taken += len(some)
            self._ring.free(self._taken)

    def _take_others(self, positions: Positions, pixels: Pixels) -> None:
        if len(positions) <= TOGETHER:
            self._decode(positions, pixels)
            return
        pieces = [slice(start, start + TOGETHER) for start in range(0, len(positions), TOGETHER)]
        with ThreadPoolExecutor(self._workers, thread_name_prefix="decode") as pool:
            for each in [pool.submit(self._decode, positions[piece], pixels[piece]) for piece in pieces]:
                each.result()


class Ring:
    """What a `Prefetcher` and its workers share: the order, and a ring buffer in which decoded images wait.

    The order is handed out in pieces of TOGETHER images, so that a slow worker delays the others only briefly.
    """

    def __init__(self, decode: Decode, shape: tuple[int, ...], workers: int) -> None:
        self._decode = decode
        pieces = max(2 * workers, WAITING_BYTES // (TOGETHER * prod(shape)))
        self._room: Pixels = np.empty((pieces * TOGETHER, *shape), dtype=np.uint8)
        self._changed = Condition()
        self._over = False
        self._running = 0
        self._reset(np.empty(0, dtype=np.int64))

    def _reset(self, order: Positions) -> None:
        self.order = order
        self._begun = self._freed = 0  # images of the order that workers have begun, that were taken
        self._ended: dict[int, BaseException | None] = {}  # decoded pieces by their start, and their error if any

    def begin(self, order: Positions) -> None:
        """Let the workers begin with `order`, as soon as none of them still writes images of the order before."""
        with self._changed:
            self._begun = len(self.order)
            self._changed.wait_for(lambda: not self._running)
            self._reset(order)
            self._changed.notify_all()

    def end(self) -> None:
        """Let the workers end."""
        with self._changed:
            self._over = True
            self._changed.notify_all()

    def wait_for(self, start: int) -> Pixels:
        """Return the images from number `start` of the order to the end of its piece. Raises what decoding raised."""
        piece = start - start % TOGETHER
        with self._changed:
            self._changed.wait_for(lambda: piece in self._ended)
            error = self._ended[piece]
        if error is not None:
            raise error
        return self._place(piece)[start - piece :]

    def free(self, taken: int) -> None:
        """Let the workers write over the first `taken` images of the order."""
        with self._changed:
            self._freed = taken
            if taken % TOGETHER == 0 or taken == len(self.order):
                self._ended.pop((taken - 1) - (taken - 1) % TOGETHER)
            self._changed.notify_all()

    def work(self) -> None:
        """Decode pieces until `end`; each worker thread runs this."""
        while (piece := self._next()) is not None:
            error = None
            try:
                self._decode(self.order[piece : piece + TOGETHER], self._place(piece))
            except BaseException as caught:
                error = caught
            with self._changed:
                self._ended[piece] = error
                self._running -= 1
                self._changed.notify_all()

    def _next(self) -> int | None:
        """Return the start of the next piece, as soon as there is one and room for it; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._over or self._has_room())
            if self._over:
                return None
            self._running += 1
            self._begun += TOGETHER
            return self._begun - TOGETHER

    def _has_room(self) -> bool:
        return self._begun < len(self.order) and self._begun + TOGETHER <= self._freed + len(self._room)

    def _place(self, piece: int) -> Pixels:
        at = piece % len(self._room)
        return self._room[at : at + min(TOGETHER, len(self.order) - piece)]
