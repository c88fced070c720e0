"""What is every image of a set made to be? One shape for all, found from the whole set and never from its order."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Frame:
    """What every image is made to be: side (0: as it is), fit, channels (0: as it is), the least channels, and how it
    is resized."""

    size: int
    fit: str
    channels: int
    least_channels: int = 1
    interpolation: str = "bilinear"


class ShapeDiffers(Exception):  # noqa: N818 - control flow, not a failure
    """An image does not fit the frame that the images before it set; `channels` or its size is what differs."""

    def __init__(self, *, channels: bool) -> None:
        super().__init__("channels" if channels else "size")
        self.channels = channels


def common_shape(before: Shape | None, image: NDArray[np.uint8], least_channels: int) -> Shape:
    """Which (H, W, C) do the images so far have, and uint8 (H, W, C) `image` too?

    before: of the images so far, None for the first one, which sets height and width, and the channels unless
    `least_channels` is 3. A grey image fits a colour frame; a colour one in a grey frame, or another size, raises
    ShapeDiffers.
    """
    height, width, channels = image.shape
    if before is None:
        return height, width, max(channels, least_channels)
    if (height, width) != before[:2]:
        raise ShapeDiffers(channels=False)
    if channels > before[2]:
        raise ShapeDiffers(channels=True)
    return before
