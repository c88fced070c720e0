"""How does an image of any size become a rectangle? A set whose images all have one shape makes a model for it."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sadari.data.decode import RESAMPLING


def fit_rectangle(
    image: NDArray[np.uint8], height: int, width: int, fit: str, interpolation: str = "bilinear"
) -> NDArray[np.uint8]:
    """What does uint8 (H, W, C) look like as (height, width, C)? Antialiased, as `data.decode.fit_square` is.

    crop: the largest centred part of the wanted shape is resized. pad: all of it is, and the rest is black. squash:
    both sides fit, the shape is lost. An image of the wanted size stays as it is.
    """
    if image.shape[:2] == (height, width):
        return image
    grey = image.shape[2] == 1
    fitted = np.asarray(_fitted(Image.fromarray(image[:, :, 0] if grey else image), height, width, fit, interpolation))
    return fitted[:, :, np.newaxis] if grey else fitted


def _fitted(picture: Image.Image, height: int, width: int, fit: str, interpolation: str) -> Image.Image:
    resample = RESAMPLING[interpolation]
    if fit == "squash":
        return picture.resize((width, height), resample)
    scales = width / picture.width, height / picture.height
    if fit == "crop":
        scale = max(scales)
        left = max(0.0, (picture.width - width / scale) / 2)  # rounding may leave it a hair below 0
        top = max(0.0, (picture.height - height / scale) / 2)
        box = (left, top, picture.width - left, picture.height - top)
        return picture.resize((width, height), resample, box=box)
    scale = min(scales)
    inner_size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    ground = Image.new(picture.mode, (width, height))
    inner = picture.resize(inner_size, resample)
    ground.paste(inner, ((width - inner.width) // 2, (height - inner.height) // 2))
    return ground
