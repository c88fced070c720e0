"""How do requests that come at the same time share one pass through the network?

One thread owns the network. It takes everything that waits, up to a batch, and while the network works on it the next
batch gathers: a lone request never waits for company, and a crowd shares passes.
"""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Condition, Thread
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from sadari.deploy.serve.limits import Limits, overloaded

Images = NDArray[np.uint8]
Probabilities = NDArray[np.float32]
Answer = Future[Probabilities]

REMEMBERED = 0.8  # share of the old pace in the new one (assumed: about five batches are remembered)


@dataclass(frozen=True, eq=False)
class _Waiting:
    """The images of one request, uint8 (n, H, W, C), and where their probabilities go."""

    images: Images
    answer: Answer


class Batcher:
    """Runs `judge` (uint8 (N, H, W, C) -> float32 (N, K)) in a thread of its own, on what several requests bring.

    First `reserve` room for the images, then either `put` them or `release` the room. observe: told the size of every
    batch. pace: seconds per image, as a first guess.
    """

    def __init__(
        self, judge: Callable[[Images], Probabilities], limits: Limits, observe: Callable[[int], None], pace: float
    ) -> None:
        self._judge, self._limits, self._observe = judge, limits, observe
        self._pace = pace
        self._queue: deque[_Waiting] = deque()
        self._reserved = 0
        self._closing = False
        self._changed = Condition()
        self._thread = Thread(target=self._work, name="network", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """How many images are accepted and not yet with the network?"""
        return self._reserved

    def reserve(self, count: int) -> None:
        """Accept `count` images; raises Refused (503) where they would wait too long, or too many are there.

        Whoever comes to an empty queue is accepted, however slow the network: otherwise its pace would never be known.
        """
        with self._changed:
            wait = self._pace * self._reserved
            full = self._reserved + count > self._limits.queued_images or wait > self._limits.queue_seconds
            if self._reserved and full:
                raise overloaded(wait)
            self._reserved += count

    def release(self, count: int) -> None:
        """These `count` images will not come."""
        with self._changed:
            self._reserved -= count

    def put(self, images: Images, answer: Answer) -> None:
        """Bring images that room was reserved for; `answer` gets their probabilities, unless it is cancelled before."""
        with self._changed:
            self._queue.append(_Waiting(images, answer))
            self._changed.notify()

    def close(self) -> None:
        """Answer everything that was put, then stop."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        while batch := self._take():
            wanted = [each for each in batch if each.answer.set_running_or_notify_cancel()]
            if wanted:
                self._run(wanted)

    def _take(self) -> list[_Waiting]:
        """The next batch, of whole requests; empty when there will be none any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._closing)
            batch: list[_Waiting] = []
            count = 0
            while self._queue and (not batch or count + len(self._queue[0].images) <= self._limits.batch_images):
                batch.append(self._queue.popleft())
                count += len(batch[-1].images)
            self._reserved -= count
            return batch

    def _run(self, batch: list[_Waiting]) -> None:
        images = np.concatenate([each.images for each in batch])
        started = perf_counter()
        try:
            probabilities = self._judge(images)
        except Exception as error:  # whatever it is, it is told to those who wait, and the next batch has its chance
            for each in batch:
                each.answer.set_exception(error)
            return
        pace = (perf_counter() - started) / len(images)
        self._pace = REMEMBERED * self._pace + (1 - REMEMBERED) * pace
        self._observe(len(images))
        start = 0
        for each in batch:
            each.answer.set_result(probabilities[start : start + len(each.images)])
            start += len(each.images)
