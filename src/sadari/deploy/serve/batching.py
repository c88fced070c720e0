"""How do requests that come at the same time share one pass through the network?

One thread owns the network. It takes all waiting images, up to a batch; while the network works on them, the next batch
gathers. A single request never waits for others, and many requests share a pass.
"""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Condition, Thread
from time import perf_counter
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sadari.deploy.serve.limits import Limits, overloaded

Images = NDArray[np.uint8]
FutureAnswers = Future[Any]  # of what the network says of a request's images, such as `Judged`


class OfImages(Protocol):
    """What is said of images in their order, of which a slice is that of some of them: `Judged`, or an array."""

    def __getitem__(self, which: Any, /) -> Any: ...


MOMENTUM = 0.8  # share of the old pace in the new one: an exponential mean over about five batches (assumed)


@dataclass(frozen=True, eq=False)
class _Request:
    """The images of one request, uint8 (n, H, W, C), and the future of what is said of them."""

    images: Images
    answer: FutureAnswers


class Batcher:
    """A thread that runs `predict`, of uint8 (N, H, W, C), on the images of several requests at once.

    The caller first reserves room for its images (`reserve`), then either brings them (`put`) or gives the room back
    (`release`). observe: called with the size of every batch. pace: seconds per image, as a first guess.
    """

    def __init__(
        self, predict: Callable[[Images], OfImages], limits: Limits, observe: Callable[[int], None], pace: float
    ) -> None:
        self._predict, self._limits, self._observe = predict, limits, observe
        self._pace = pace
        self._queue: deque[_Request] = deque()
        self._reserved = 0
        self._closing = False
        self._changed = Condition()
        self._thread = Thread(target=self._work, name="network", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """The number of images that are accepted and that the network has not yet begun with."""
        return self._reserved

    def reserve(self, count: int) -> None:
        """Accept `count` images; raise Refused (503) where they would wait too long, or where too many wait already.

        With an empty queue every request is accepted, however slow the network is: otherwise its pace would never be
        measured.
        """
        with self._changed:
            wait = self._pace * self._reserved
            full = self._reserved + count > self._limits.queued_images or wait > self._limits.queue_seconds
            if self._reserved and full:
                raise overloaded(wait)
            self._reserved += count

    def release(self, count: int) -> None:
        """Give back the room of `count` images that will not come."""
        with self._changed:
            self._reserved -= count

    def put(self, images: Images, answer: FutureAnswers) -> None:
        """Queue images that room was reserved for; `answer` gets what is said of them, unless it is cancelled."""
        with self._changed:
            self._queue.append(_Request(images, answer))
            self._changed.notify()

    def close(self) -> None:
        """Answer all queued requests, then stop the thread."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        while batch := self._take():
            wanted = [each for each in batch if each.answer.set_running_or_notify_cancel()]
            if wanted:
                self._run(wanted)

    def _take(self) -> list[_Request]:
        """Wait for the next batch and return its requests, none of them split; empty once the batcher is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._closing)
            batch: list[_Request] = []
            count = 0
            while self._queue and (not batch or count + len(self._queue[0].images) <= self._limits.batch_images):
                batch.append(self._queue.popleft())
                count += len(batch[-1].images)
            self._reserved -= count
            return batch

    def _run(self, batch: list[_Request]) -> None:
        images = np.concatenate([each.images for each in batch])
        started = perf_counter()
        try:
            found = self._predict(images)
        except Exception as error:  # any error goes to the requests of this batch only; the next batch is tried again
            for each in batch:
                each.answer.set_exception(error)
            return
        pace = (perf_counter() - started) / len(images)
        self._pace = MOMENTUM * self._pace + (1 - MOMENTUM) * pace
        self._observe(len(images))
        start = 0
        for each in batch:
            each.answer.set_result(found[start : start + len(each.images)])
            start += len(each.images)
