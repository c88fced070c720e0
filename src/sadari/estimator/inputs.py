"""How do the arrays X of scikit-learn's users become images? Decided in `fit`, and the same in every `predict`."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from math import isfinite, isqrt, prod
from pathlib import PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sadari.data.cache.digests import DIGEST_BYTES, digest_texts
from sadari.data.decode import Frame, Shape
from sadari.data.levels import to_channels
from sadari.errors import UsageError
from sadari.settings import Settings
from sadari.values import ImageSet

FORMS = "images are (N, H, W) or (N, H, W, 1 or 3), channels last, or one row each, (N, D)"
READ_BEFORE = "read the images first, or let sadari.train read files and folders"
CHANNELS = (1, 3)
# Rows scaled at once: their float64 copy takes at most 26 MB for images of 28x28 (assumed).
BLOCK_ROWS = 4096

Range = tuple[float, float]


class InputError(UsageError, ValueError):
    """An X or y that cannot be used: Sadari's UsageError, and the ValueError that scikit-learn's users expect."""


def as_rows(x: Any) -> tuple[Any, Shape | None]:
    """Return `x` with one row (N, D) an image, and the (H, W, C) of an image.

    Where `x` has two dimensions it is returned as it is, for scikit-learn to check, and the shape is None. Raises
    InputError for other things than arrays, for text such as paths, and for images of different shapes.
    """
    array = x if hasattr(x, "ndim") else _as_array(x)
    if array.ndim == 1 and getattr(getattr(array, "dtype", None), "kind", "") == "O":
        array = _stacked(list(array))
    _require_no_text(array)
    if array.ndim == 2:
        return array, None
    if array.ndim < 2:  # "Reshape your data" is what scikit-learn's own checks look for
        raise InputError(f"X has the shape {tuple(array.shape)}. Reshape your data: {FORMS}")
    height, width, *channels = array.shape[1:]
    if channels and (len(channels) > 1 or channels[0] not in CHANNELS):
        raise InputError(f"X has the shape {tuple(array.shape)}; {FORMS}")
    shape = (height, width, *channels) if channels else (height, width, 1)
    return array.reshape(len(array), prod(shape)), shape


def _as_array(x: Any) -> NDArray[Any]:
    if isinstance(x, str | bytes | PurePath):
        raise InputError(f"X is {_short(x)}, not an array of pixels; {READ_BEFORE}")
    if not isinstance(x, Sequence) and not hasattr(x, "__array__"):
        raise InputError(f"X is a value of the type {type(x).__name__}; {FORMS}")
    try:
        return np.asarray(x)
    except ValueError:  # lists of different lengths
        return _stacked(x)


def _stacked(images: Sequence[Any]) -> NDArray[Any]:
    """Return the images as one array; raise InputError where their shapes differ."""
    if any(isinstance(each, str | bytes | PurePath) for each in images):
        return np.array([str(each) for each in images])
    try:
        arrays = [np.asarray(each) for each in images]
    except ValueError:
        raise InputError(f"X holds rows of different lengths; {FORMS}") from None
    shapes = list(dict.fromkeys(each.shape for each in arrays))
    if len(shapes) > 1:
        found = " and ".join(map(str, shapes[:2]))
        raise InputError(f"X holds images of different shapes, such as {found}; bring all to one size, since {FORMS}")
    return np.stack(arrays) if arrays else np.empty(0)


def _require_no_text(array: Any) -> None:
    """Raise InputError where the values are text, such as paths of images."""
    values = np.asarray(array) if hasattr(array, "iloc") else array  # a frame
    kind = getattr(getattr(values, "dtype", None), "kind", "")
    first = values.flat[0] if kind in "OUS" and isinstance(values, np.ndarray) and values.size else None
    if isinstance(first, str | bytes | PurePath) and (kind != "O" or not _is_number(first)):
        raise InputError(f"X holds text, such as {_short(first)}, not pixels; {READ_BEFORE}")


def _is_number(text: Any) -> bool:
    """Return whether `text` is a number as text, which scikit-learn takes."""
    try:
        float(text)
    except (TypeError, ValueError):
        return False
    return True


def _short(text: Any) -> str:
    shown = repr(bytes(text) if isinstance(text, bytes) else str(text))
    return shown if len(shown) <= 60 else f"{shown[:57]}..."


@dataclass(frozen=True)
class InputFormat:
    """The way from rows of numbers to uint8 images.

    shape: (H, W, C) of the image in a row. value_range: the values that become 0 and 255; those between become the
    nearest of the 256 levels, those outside the nearer end; None where the numbers are bytes already. range_given:
    whether the user gave value_range. frame: the size and channels that the model then reads.
    """

    shape: Shape
    value_range: Range | None
    range_given: bool
    frame: Frame

    @classmethod
    def fitted(
        cls,
        rows: NDArray[Any],
        x_shape: Shape | None,
        image_shape: Sequence[int] | None,
        value_range: Sequence[float] | None,
        settings: Settings,
    ) -> "InputFormat":
        """Decide the format by the training images in `rows` (N, D) and by the parameters.

        x_shape: the (H, W, C) that X itself had, or None. image_shape, value_range: the estimator's parameters, or
        None. Raises UsageError where a parameter is malformed, InputError where it contradicts the rows.
        """
        shape = _shape_of(rows.shape[1], x_shape, image_shape)
        wanted = _range_of(rows) if value_range is None else _checked_range(value_range)
        return cls(shape, wanted, value_range is not None, frame_of(settings))

    def require_shape(self, x_shape: Shape | None) -> None:
        """Raise InputError where the images of X have another shape, `x_shape`, than those of `fit`."""
        if x_shape not in (None, self.shape):
            raise InputError(f"X holds images of the shape {x_shape}, but the classifier was fitted on {self.shape}")

    def to_images(self, rows: NDArray[Any]) -> NDArray[np.uint8]:
        """Return the images in `rows` (N, D) as the model reads them, uint8 (N, H, W, C).

        Raises InputError where X is bytes and the classifier was fitted on other numbers, or the other way round: the
        same picture would get other grey levels.
        """
        self._require_same_kind(rows.dtype)
        pixels = rows if self.value_range is None else _to_bytes(rows, *self.value_range)
        return _framed(pixels.reshape(len(rows), *self.shape), self.frame)

    def _require_same_kind(self, dtype: np.dtype[Any]) -> None:
        bytes_now, bytes_before = dtype == np.uint8, self.value_range is None
        if not self.range_given and bytes_now != bytes_before:
            fitted_on = "uint8" if bytes_before else "values from {:g} to {:g}".format(*self.value_range or ())
            raise InputError(
                f"X is {dtype}, but the classifier was fitted on {fitted_on}; give X in the same form, or say what its "
                "numbers mean with value_range, such as (0, 255)"
            )


def frame_of(settings: Settings) -> Frame:
    """Return the frame that `settings` ask for; raise UsageError for a number of channels that images do not have."""
    if settings.channels not in (0, *CHANNELS):
        raise UsageError(f"channels is 1 (grey), 3 (colour) or 0 (as X has it), not {settings.channels}")
    return Frame.of(settings)


def _shape_of(features: int, x_shape: Shape | None, image_shape: Sequence[int] | None) -> Shape:
    """Return the (H, W, C) of a row of `features` numbers: the user's, that of X, a grey square, or a grey line."""
    if image_shape is not None:
        wanted = _checked_shape(image_shape)
        if x_shape not in (None, wanted):
            raise InputError(f"X holds images of the shape {x_shape}, but image_shape is {image_shape}")
        if prod(wanted) != features:
            raise InputError(f"image_shape {image_shape} has {prod(wanted)} values, but a row of X has {features}")
        return wanted
    if x_shape:
        return x_shape
    side = isqrt(features)
    return (side, side, 1) if side * side == features else (1, features, 1)


def _checked_shape(image_shape: Sequence[int]) -> Shape:
    try:
        height, width, *channels = (int(each) for each in image_shape)
        shape = (height, width, *(channels or [1]))
        if len(shape) == 3 and min(shape) > 0 and shape[2] in CHANNELS:
            return shape
    except (TypeError, ValueError):
        pass
    raise UsageError(f"image_shape is (height, width) or (height, width, 1 or 3), not {image_shape!r}")


def _range_of(rows: NDArray[Any]) -> Range | None:
    """Return the lowest and the highest value of the training images; None for bytes."""
    if rows.dtype == np.uint8:
        return None
    low, high = float(rows.min()), float(rows.max())
    if not isfinite(high - low):
        raise InputError(f"X holds values from {low:g} to {high:g}, too far apart for an image; scale them before")
    return low, high


def _checked_range(value_range: Sequence[float]) -> Range:
    try:
        low, high = (float(each) for each in value_range)
        if low < high and isfinite(high - low):
            return low, high
    except (TypeError, ValueError):
        pass
    raise UsageError(f"value_range is the values of black and white, such as (0, 1), not {value_range!r}")


def _to_bytes(rows: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    pixels = np.empty(rows.shape, dtype=np.uint8)
    for start in range(0, len(rows), BLOCK_ROWS):
        block = rows[start : start + BLOCK_ROWS].astype(np.float64)
        np.clip(block, low, high, out=block)  # before the difference, which may not be finite
        block -= low
        block /= (high - low) or 1.0  # images of a single value become black
        pixels[start : start + BLOCK_ROWS] = np.rint(255 * block)
    return pixels


def _framed(images: NDArray[np.uint8], frame: Frame) -> NDArray[np.uint8]:
    """Return the images in the size and channels of `frame`, as images from files are made."""
    images = to_channels(images, frame.channels or images.shape[3])
    if not frame.size or images.shape[1:3] == (frame.size, frame.size):
        return images
    return np.stack([frame.resize(image) for image in images])


def image_set(name: str, images: NDArray[np.uint8], labels: NDArray[np.int64], classes: NDArray[Any]) -> ImageSet:
    """Return the images, uint8 (N, H, W, C), as a set called `name`, without a split.

    labels: positions in `classes`. The names of the classes are the text of `classes`.
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
