"""How do the bytes of many images become probabilities at once? Threads decode, one thread owns the network."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from time import perf_counter

import numpy as np
from PIL import Image

from sadari.data.decode import FORMATS, UnreadableImageError, quiet_pillow
from sadari.deploy.serve.batching import Answer, Batcher, Images
from sadari.deploy.serve.limits import Limits, Refused
from sadari.inference.classifier import Classifier


@dataclass(frozen=True)
class Upload:
    """One image as it was sent. name: its file name, or its number in the request, from 1."""

    name: str
    content: bytes


class Predictor:
    """Judges uploads with `classifier`, within `limits`. observe: told the size of every batch."""

    def __init__(self, classifier: Classifier, limits: Limits, observe: Callable[[int], None]) -> None:
        self.classifier, self.limits = classifier, limits
        self._decoders = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="decode")
        self._batcher = Batcher(classifier.probabilities, limits, observe, _pace(classifier))

    @property
    def waiting(self) -> int:
        """How many images are accepted and not yet with the network?"""
        return self._batcher.waiting

    def predict(self, uploads: Sequence[Upload]) -> Answer:
        """How probable is each class for each upload? A future of float32 (N, K).

        Raises Refused (503) at once where there is too much to do. The future holds Refused where an upload is too
        large (413) or no image (422); cancelled in time, it costs the network nothing.
        """
        self._batcher.reserve(len(uploads))
        answer: Answer = Answer()
        self._decoders.submit(self._decode_and_put, uploads, answer)
        return answer

    def pixels(self, upload: Upload) -> Images:
        """What does the model see of `upload`? uint8 (H, W, C). Raises Refused as `predict` does."""
        try:
            _check_pixels(upload, self.limits.pixels)
            return self.classifier.decode(upload.content)
        except UnreadableImageError as error:
            raise Refused(422, f"the image '{upload.name}' cannot be read: {error}") from None

    def close(self) -> None:
        """Answer what was accepted, then stop."""
        self._decoders.shutdown(wait=True)
        self._batcher.close()

    def _decode_and_put(self, uploads: Sequence[Upload], answer: Answer) -> None:
        try:
            if answer.cancelled():
                self._batcher.release(len(uploads))
                return
            images = np.stack([self.pixels(upload) for upload in uploads])
        except Exception as error:  # told to whoever waits
            self._batcher.release(len(uploads))
            if answer.set_running_or_notify_cancel():
                answer.set_exception(error)
            return
        self._batcher.put(images, answer)


def _check_pixels(upload: Upload, most: int) -> None:
    """Refuse what its header says is too large, before any of it is decoded."""
    quiet_pillow()
    try:
        with Image.open(BytesIO(upload.content), formats=FORMATS) as image:
            width, height = image.size
    except Image.DecompressionBombError as error:
        raise Refused(413, f"the image '{upload.name}' is too large: {str(error).partition(',')[0]}") from None
    except Exception:  # what is wrong with it is found and said by the decoder
        return
    if width * height > most:
        raise Refused(
            413,
            f"the image '{upload.name}' has {width} x {height} pixels, over the limit of {most:,}; send it smaller",
        )


def _pace(classifier: Classifier) -> float:
    """Seconds of the network for one image; the first pass, which sets up its memory, is not counted."""
    blank = np.zeros((1, *classifier.shape), dtype=np.uint8)
    classifier.probabilities(blank)
    started = perf_counter()
    classifier.probabilities(blank)
    return perf_counter() - started
