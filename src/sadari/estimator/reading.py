"""How do the arrays that scikit-learn's users bring become images? Decided when fitting, and the same ever after."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from math import isfinite, isqrt, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sadari.data.cache.digests import DIGEST_BYTES, digest_texts
from sadari.data.decode import Frame, Shape, to_channels
from sadari.errors import UsageError
from sadari.settings import Settings
from sadari.values import ImageSet

FORMS = "images are (N, H, W) or (N, H, W, 1 or 3), channels last, or one row each, (N, D)"
CHANNELS = (1, 3)
# Rows that are scaled at once: bounds the float64 copy of them to 26 MB for images of 28x28 (assumed).
BLOCK_ROWS = 4096

Range = tuple[float, float]


class InputError(UsageError, ValueError):
    """The X or y of a call cannot be used: Sadari's UsageError, and the ValueError that scikit-learn's users expect."""


def as_rows(x: Any) -> tuple[Any, Shape | None]:
    """Which row of numbers is each image of `x`, and which (H, W, C) has it?

    The shape is None where `x` does not tell: it comes back as it is, for scikit-learn to judge. Raises InputError for
    more dimensions than images have, and ValueError for lists of different lengths.
    """
    array = x if hasattr(x, "ndim") else np.asarray(x)
    if array.ndim <= 2:
        return array, None
    height, width, *channels = array.shape[1:]
    if channels and (len(channels) > 1 or channels[0] not in CHANNELS):
        raise InputError(f"X has the shape {tuple(array.shape)}; {FORMS}")
    shape = (height, width, *channels) if channels else (height, width, 1)
    return array.reshape(len(array), prod(shape)), shape


@dataclass(frozen=True)
class Reading:
    """Which uint8 images do rows of numbers stand for?

    shape: (H, W, C) of the image in a row. value_range: the values that become 0 and 255, those between them the
    nearest of the 256 levels, those outside of them the nearer end; None where the numbers are bytes already. given:
    whether the user said so. frame: the size and channels that the model then wants.
    """

    shape: Shape
    value_range: Range | None
    given: bool
    frame: Frame

    @classmethod
    def fitted(
        cls,
        rows: NDArray[Any],
        held: Shape | None,
        image_shape: Sequence[int] | None,
        value_range: Sequence[float] | None,
        settings: Settings,
    ) -> "Reading":
        """What the training images in `rows` (N, D) decide, and what is asked for.

        held: the shape that X itself had. image_shape, value_range: what the user wants them to be, or None. Raises
        UsageError where these are none, InputError where they contradict the rows.
        """
        shape = _shape_of(rows.shape[1], held, image_shape)
        wanted = _range_of(rows) if value_range is None else _checked_range(value_range)
        return cls(shape, wanted, value_range is not None, frame_of(settings))

    def require_shape(self, held: Shape | None) -> None:
        """Does X hold images as they were when fitting? Raises InputError where they have another shape, `held`."""
        if held not in (None, self.shape):
            raise InputError(f"X holds images of the shape {held}, but the classifier was fitted on {self.shape}")

    def images(self, rows: NDArray[Any]) -> NDArray[np.uint8]:
        """The images in `rows` (N, D) as the model reads them, uint8 (N, H, W, C).

        Raises InputError where bytes are given to a classifier fitted on other numbers, or the other way round: the
        same picture would come out in other grey levels.
        """
        self._require_same_meaning(rows.dtype)
        pixels = rows if self.value_range is None else _to_bytes(rows, *self.value_range)
        return _framed(pixels.reshape(len(rows), *self.shape), self.frame)

    def _require_same_meaning(self, dtype: np.dtype[Any]) -> None:
        bytes_now, bytes_before = dtype == np.uint8, self.value_range is None
        if not self.given and bytes_now != bytes_before:
            fitted_on = "uint8" if bytes_before else "values from {:g} to {:g}".format(*self.value_range or ())
            raise InputError(
                f"X is {dtype}, but the classifier was fitted on {fitted_on}; give X in the same form, or say what its "
                "numbers mean with value_range, such as (0, 255)"
            )


def frame_of(settings: Settings) -> Frame:
    """What `settings` make of every image. Raises UsageError for channels that images do not have."""
    if settings.channels not in (0, *CHANNELS):
        raise UsageError(f"channels is 1 (grey), 3 (colour) or 0 (as X has it), not {settings.channels}")
    return Frame.of(settings)


def _shape_of(features: int, held: Shape | None, asked: Sequence[int] | None) -> Shape:
    """The (H, W, C) of a row of `features` numbers: as X has it, as asked for, a grey square, or a grey line."""
    if asked is not None:
        wanted = _checked_shape(asked)
        if held not in (None, wanted):
            raise InputError(f"X holds images of the shape {held}, but image_shape is {asked}")
        if prod(wanted) != features:
            raise InputError(f"image_shape {asked} has {prod(wanted)} values, but a row of X has {features}")
        return wanted
    if held:
        return held
    side = isqrt(features)
    return (side, side, 1) if side * side == features else (1, features, 1)


def _checked_shape(asked: Sequence[int]) -> Shape:
    try:
        height, width, *channels = (int(each) for each in asked)
        shape = (height, width, *(channels or [1]))
        if len(shape) == 3 and min(shape) > 0 and shape[2] in CHANNELS:
            return shape
    except (TypeError, ValueError):
        pass
    raise UsageError(f"image_shape is (height, width) or (height, width, 1 or 3), not {asked!r}")


def _range_of(rows: NDArray[Any]) -> Range | None:
    """The lowest and the highest value of the training images; None for bytes."""
    if rows.dtype == np.uint8:
        return None
    low, high = float(rows.min()), float(rows.max())
    if not isfinite(high - low):
        raise InputError(f"X holds values from {low:g} to {high:g}, too far apart for an image; scale them before")
    return low, high


def _checked_range(asked: Sequence[float]) -> Range:
    try:
        low, high = (float(each) for each in asked)
        if low < high and isfinite(high - low):
            return low, high
    except (TypeError, ValueError):
        pass
    raise UsageError(f"value_range is the values of black and white, such as (0, 1), not {asked!r}")


def _to_bytes(rows: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    pixels = np.empty(rows.shape, dtype=np.uint8)
    for start in range(0, len(rows), BLOCK_ROWS):
        block = rows[start : start + BLOCK_ROWS].astype(np.float64)
        np.clip(block, low, high, out=block)  # before the difference, which may not be finite
        block -= low
        block /= (high - low) or 1.0  # one value all over is black
        pixels[start : start + BLOCK_ROWS] = np.rint(255 * block)
    return pixels


def _framed(images: NDArray[np.uint8], frame: Frame) -> NDArray[np.uint8]:
    """The images as `frame` wants them, like those that are loaded from a file."""
    images = to_channels(images, frame.channels or images.shape[3])
    if not frame.size or images.shape[1:3] == (frame.size, frame.size):
        return images
    return np.stack([frame.resize(image) for image in images])


def image_set(name: str, images: NDArray[np.uint8], labels: NDArray[np.int64], classes: NDArray[Any]) -> ImageSet:
    """The images, uint8 (N, H, W, C), as a set called `name`, of which no image has a part yet.

    labels: positions in `classes`, which are called by their texts.
    """
    names = tuple(str(each) for each in classes.tolist())
    pixels = np.ascontiguousarray(images)
    digest = blake2b(pixels.data, digest_size=DIGEST_BYTES)
    digest.update(np.ascontiguousarray(labels).data)
    return ImageSet(
        name=name,
        images=pixels,
        labels=labels,
        ids=np.array([f"{number:05d}" for number in range(len(images))]),
        classes=names,
        source_split=np.full(len(images), ""),
        fingerprint=digest_texts(digest.hexdigest(), str(images.shape), *names),
    )
