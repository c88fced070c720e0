"""Which pixels does a model read of an image file? The form of its images as a value, free of torch."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sadari.data.decode import Frame, fit_rectangle
from sadari.data.levels import FULL_RANGE, Levels16


@dataclass(frozen=True)
class PixelForm:
    """The shape that a model's images have, and how others become it.

    max_pixels: of a file that is decoded; 0 takes the usual limit.
    """

    height: int
    width: int
    channels: int
    fit: str
    interpolation: str
    white_level: int = FULL_RANGE
    max_pixels: int = 0

    def decode(self, content: bytes) -> NDArray[np.uint8]:
        """Decode the bytes of an image file to uint8 (height, width, channels); raises UnreadableImageError."""
        size = self.height if self.height == self.width else 0
        levels = Levels16(self.white_level)
        frame = Frame(
            size,
            self.fit,
            self.channels,
            interpolation=self.interpolation,
            levels=levels,
            max_pixels=self.max_pixels,
        )
        return fit_rectangle(frame.decode(content), self.height, self.width, self.fit, self.interpolation)
