"""How do pixels of other kinds become 8 bits of one or three channels? 16 bits by one range for a whole set."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# The ranges that 16-bit values come in: 8, 10, 12, 14 and 16 bits.
RANGES = tuple(2**bits - 1 for bits in (8, 10, 12, 14, 16))
FULL_RANGE = RANGES[-1]


class RangeExceeded(Exception):  # noqa: N818 - control flow, not a failure
    """A 16-bit image with values above the white level that it was to be decoded by; `needed` is one that holds it."""

    def __init__(self, needed: int) -> None:
        super().__init__(f"{needed}")
        self.needed = needed


@dataclass(frozen=True)
class Levels16:
    """How 16-bit grey becomes 8 bits: the value `white` becomes 255, and so do those above it.

    measuring: values above it raise RangeExceeded instead, and any 16-bit image does so while `white` is 0.
    """

    white: int = FULL_RANGE
    measuring: bool = False

    def scale(self, values: NDArray[np.uint16]) -> NDArray[np.uint8]:
        """Return `values` in 8 bits; raises RangeExceeded as the class says."""
        if self.measuring:
            highest = int(values.max(initial=0))
            if highest > self.white or not self.white:
                raise RangeExceeded(range_of(highest))
        return to_8_bits(values, self.white)


FULL_LEVELS = Levels16()


def range_of(highest: int) -> int:
    """Return the least of RANGES that holds the value `highest`."""
    return next(white for white in RANGES if highest <= white)


def to_channels(images: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    """Give uint8 (..., 1 or 3) images 1 or 3 channels; grey is ITU-R 601-2 luma, rounded as Pillow does."""
    if images.shape[-1] == channels:
        return images
    if channels == 3:
        return np.repeat(images, 3, axis=-1)
    luma = images.astype(np.uint32) @ np.array([19595, 38470, 7471], dtype=np.uint32)
    return ((luma + 0x8000) >> 16).astype(np.uint8)[..., np.newaxis]


def to_8_bits(values: NDArray[np.uint16], white: int = FULL_RANGE) -> NDArray[np.uint8]:
    """Scale 16-bit values to 8 bits, rounded: 0 becomes 0, and `white` and what is above it become 255."""
    clipped = np.minimum(values, np.uint16(min(white, FULL_RANGE))).astype(np.uint32)
    return ((clipped * 255 + white // 2) // white).astype(np.uint8)


def over_white(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Put uint8 (..., 4) RGBA on a white background: uint8 (..., 3). Alpha that is 0 everywhere is left out."""
    if not images[..., 3].any():
        return np.ascontiguousarray(images[..., :3])
    alpha = images[..., 3:].astype(np.uint32)
    mixed = images[..., :3] * alpha + 255 * (255 - alpha)
    return ((mixed + 127) // 255).astype(np.uint8)
