"""How much may be asked of the server, and what is said to whoever asks for more?"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil


@dataclass(frozen=True)
class Limits:
    """What one request may bring, and how much may be under way at once. All are assumed, except where it is said.

    Memory holds at most `requests` bodies of `body_bytes` (2 GiB as delivered), and one decoded image of `pixels` for
    each processor core.
    """

    image_bytes: int = 16 * 2**20  # a photograph of a phone has 2 to 12 MB
    body_bytes: int = 32 * 2**20  # one image as base64 fits, and so do 64 small ones
    pixels: int = 50_000_000  # the larger cameras of phones; 150 MB once decoded
    images: int = 64  # of one request
    requests: int = 64  # of images, under way at once
    queued_images: int = 512  # accepted, and not yet with the network
    queue_seconds: float = 1.0  # how long the last one accepted may have to wait for the network, by its pace
    seconds: float = 10.0  # for the answer, once the images are here
    upload_seconds: float = 30.0  # for the images to come
    batch_images: int = 64  # through the network at once: above it little is gained per image (benchmarks/serving.py)
    stop_seconds: float = 15.0  # for what is under way, when the server is stopped


class Refused(Exception):  # noqa: N818 - an answer, not a failure
    """A request that gets another answer than it asked for: an HTTP status and a sentence saying what to do."""

    def __init__(self, status: int, sentence: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence
        self.headers = dict(headers or {})


def overloaded(seconds: float) -> Refused:
    """503: come again in `seconds`, when what is waiting now will be done."""
    later = max(1, ceil(seconds))
    return Refused(503, "the server has more to do than it can; try again in a moment", {"Retry-After": str(later)})
