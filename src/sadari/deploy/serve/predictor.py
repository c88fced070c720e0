"""How do the files of many requests become answers? Several threads decode, one thread owns the network."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np

from sadari.data.image_file import UnreadableImageError
from sadari.deploy.serve.batching import Batcher, FutureAnswers, Images
from sadari.deploy.serve.decoder import Decoder
from sadari.deploy.serve.decoder_main import TooLargeError
from sadari.deploy.serve.limits import Limits, Refused
from sadari.inference.classifier import Classifier

MOST_THREADS = 16  # that decode small images, of up to 20 MB each; the network is slower than these (assumed)


@dataclass(frozen=True)
class Upload:
    """One image as it was sent. name: its file name, or its number in the request, from 1."""

    name: str
    content: bytes


class Predictor:
    """The threads that predict uploads with `classifier`, within `limits`. observe: called with every batch's size.

    What may take long to decode waits in a line of its own, so that small images pass it.
    """

    def __init__(self, classifier: Classifier, limits: Limits, observe: Callable[[int], None]) -> None:
        self.classifier, self.limits = classifier, limits
        self._decoder = Decoder(classifier.form, limits.pixels, limits.decode_seconds)
        self._small = ThreadPoolExecutor(min(os.cpu_count() or 1, MOST_THREADS), thread_name_prefix="decode")
        self._others = ThreadPoolExecutor(self._decoder.processes, thread_name_prefix="decode-others")
        self._batcher = Batcher(classifier.judged, limits, observe, _pace(classifier))

    @property
    def waiting(self) -> int:
        """The number of images that are accepted and that the network has not yet begun with."""
        return self._batcher.waiting

    def predict(self, uploads: Sequence[Upload]) -> FutureAnswers:
        """Return the future of what the model says of the uploads, `Judged`.

        Raises Refused (503) at once where the server is overloaded. The future holds Refused where an upload is too
        large (413) or no image (422); where it is cancelled in time, the network does not run for it, and the bytes of
        the uploads are given back at once.
        """
        self._batcher.reserve(len(uploads))
        answer: FutureAnswers = FutureAnswers()
        self._small.submit(self._begin, Decoding(uploads, answer))
        return answer

    def pixels(self, upload: Upload, given_up: "Future[Any] | None" = None) -> Images:
        """Return what the model reads of `upload`, uint8 (H, W, C); raise Refused as `predict` does.

        given_up: a future; once it is cancelled, the decoding ends.
        """
        with _refusing(upload.name):
            if self._decoder.is_small(upload.content):
                return self._decoder.decode_small(upload.content)
            return self._decoder.decode(upload.content, given_up)

    def close(self) -> None:
        """Answer all accepted requests but those that still wait for a long decoding, then stop the threads."""
        self._decoder.close()
        self._small.shutdown(wait=True, cancel_futures=True)
        self._others.shutdown(wait=True, cancel_futures=True)
        self._batcher.close()

    def _begin(self, work: "Decoding") -> None:
        """Decode the small images of a request; hand the others on, if there are any."""
        for index, upload in enumerate(work.uploads):
            if work.answer.cancelled():
                break
            try:
                with _refusing(upload.name):
                    if self._decoder.is_small(upload.content):
                        work.decoded[index] = self._decoder.decode_small(upload.content)
            except Exception as error:
                self._fail(work, error)
                return
        if work.complete or work.answer.cancelled():
            self._put(work)
        else:
            self._others.submit(self._finish, work)

    def _finish(self, work: "Decoding") -> None:
        """Decode the images of a request that are left, each in a process."""
        for index, upload in enumerate(work.uploads):
            if work.answer.cancelled():
                break
            if work.decoded[index] is None:
                try:
                    with _refusing(upload.name):
                        work.decoded[index] = self._decoder.decode(upload.content, work.answer)
                except Exception as error:
                    self._fail(work, error)
                    return
        self._put(work)

    def _put(self, work: "Decoding") -> None:
        if work.answer.cancelled():
            self._batcher.release(work.count)
            return
        self._batcher.put(np.stack([each for each in work.decoded if each is not None]), work.answer)

    def _fail(self, work: "Decoding", error: Exception) -> None:
        self._batcher.release(work.count)
        if work.answer.set_running_or_notify_cancel():
            work.answer.set_exception(error)  # the caller gets it with the future


class Decoding:
    """The uploads of one request on their way to the network, and what is decoded of them.

    Once the answer is given or cancelled, the uploads are let go.
    """

    def __init__(self, uploads: Sequence[Upload], answer: FutureAnswers) -> None:
        self.uploads, self.answer, self.count = tuple(uploads), answer, len(uploads)
        self.decoded: list[Images | None] = [None] * len(uploads)
        answer.add_done_callback(lambda _: self._free())

    @property
    def complete(self) -> bool:
        return all(each is not None for each in self.decoded)

    def _free(self) -> None:
        self.uploads = ()


@contextmanager
def _refusing(name: str) -> Iterator[None]:
    """Raise what is wrong with the image `name` as Refused: 413 where it is too large, else 422."""
    try:
        yield
    except TooLargeError as error:
        raise Refused(413, f"the image '{name}' {error}") from None
    except UnreadableImageError as error:
        raise Refused(422, f"the image '{name}' cannot be read: {error}") from None


def _pace(classifier: Classifier) -> float:
    """Measure the seconds of a pass with one image; the first pass, which sets up its memory, is not counted."""
    blank = np.zeros((1, *classifier.form.shape), dtype=np.uint8)
    classifier.judged(blank)
    started = perf_counter()
    classifier.judged(blank)
    return perf_counter() - started
