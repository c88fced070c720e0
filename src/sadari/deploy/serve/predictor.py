"""How do the files of many requests become probabilities? Several threads decode, one thread owns the network."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from time import perf_counter

import numpy as np
from PIL import Image

from sadari.data.decode import FORMATS, UnreadableImageError, quiet_pillow
from sadari.deploy.serve.batching import Batcher, FutureProbabilities, Images
from sadari.deploy.serve.limits import Limits, Refused
from sadari.inference.classifier import Classifier


@dataclass(frozen=True)
class Upload:
    """One image as it was sent. name: its file name, or its number in the request, from 1."""

    name: str
    content: bytes


class Predictor:
    """The threads that predict uploads with `classifier`, within `limits`. observe: called with every batch's size."""

    def __init__(self, classifier: Classifier, limits: Limits, observe: Callable[[int], None]) -> None:
        self.classifier, self.limits = classifier, limits
        self._decoders = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="decode")
        self._batcher = Batcher(classifier.probabilities, limits, observe, _pace(classifier))

    @property
    def waiting(self) -> int:
        """The number of images that are accepted and that the network has not yet begun with."""
        return self._batcher.waiting

    def predict(self, uploads: Sequence[Upload]) -> FutureProbabilities:
        """Return the future of each class's probability for each upload, float32 (N, K).

        Raises Refused (503) at once where the server is overloaded. The future holds Refused where an upload is too
        large (413) or no image (422); where it is cancelled in time, the network does not run for it.
        """
        self._batcher.reserve(len(uploads))
        answer: FutureProbabilities = FutureProbabilities()
        self._decoders.submit(self._decode_and_put, uploads, answer)
        return answer

    def pixels(self, upload: Upload) -> Images:
        """Return what the model reads of `upload`, uint8 (H, W, C); raise Refused as `predict` does."""
        try:
            _check_pixels(upload, self.limits.pixels)
            return self.classifier.decode(upload.content)
        except UnreadableImageError as error:
            raise Refused(422, f"the image '{upload.name}' cannot be read: {error}") from None

    def close(self) -> None:
        """Answer all accepted requests, then stop the threads."""
        self._decoders.shutdown(wait=True)
        self._batcher.close()

    def _decode_and_put(self, uploads: Sequence[Upload], answer: FutureProbabilities) -> None:
        try:
            if answer.cancelled():
                self._batcher.release(len(uploads))
                return
            images = np.stack([self.pixels(upload) for upload in uploads])
        except Exception as error:  # the caller gets it with the future
            self._batcher.release(len(uploads))
            if answer.set_running_or_notify_cancel():
                answer.set_exception(error)
            return
        self._batcher.put(images, answer)


def _check_pixels(upload: Upload, most: int) -> None:
    """Raise Refused (413) for an image whose header says that it is too large, before any of it is decoded."""
    quiet_pillow()
    try:
        with Image.open(BytesIO(upload.content), formats=FORMATS) as image:
            width, height = image.size
    except Image.DecompressionBombError as error:
        raise Refused(413, f"the image '{upload.name}' is too large: {str(error).partition(',')[0]}") from None
    except Exception:  # the decoder finds what is wrong, and says it
        return
    if width * height > most:
        raise Refused(
            413,
            f"the image '{upload.name}' has {width} x {height} pixels, over the limit of {most:,}; send it smaller",
        )


def _pace(classifier: Classifier) -> float:
    """Measure the seconds of a pass with one image; the first pass, which sets up its memory, is not counted."""
    blank = np.zeros((1, *classifier.shape), dtype=np.uint8)
    classifier.probabilities(blank)
    started = perf_counter()
    classifier.probabilities(blank)
    return perf_counter() - started
