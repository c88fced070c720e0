"""Which pixels does a model read of an image file? The form of its images as a value, free of torch."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from math import prod

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

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the shape of what `decode` returns."""
        return self.height, self.width, self.channels

    @property
    def each(self) -> tuple["PixelForm", ...]:
        """Return this form alone, as `PixelForms` returns all of its own."""
        return (self,)

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


@dataclass(frozen=True)
class PixelForms:
    """Several forms of the same image, for the models of an ensemble that read different ones.

    Files are decoded once for each form, since a JPEG is decoded at the size that is needed.
    """

    each: tuple[PixelForm, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the shape of what `decode` returns: one row of values."""
        return (sum(prod(form.shape) for form in self.each),)

    def decode(self, content: bytes) -> NDArray[np.uint8]:
        """Decode the bytes of an image file to the values of all forms, uint8 (values,), as `split` takes them.

        Raises UnreadableImageError.
        """
        return np.concatenate([form.decode(content).ravel() for form in self.each])


AnyForm = PixelForm | PixelForms


def joint_form(forms: Iterable[PixelForm]) -> AnyForm:
    """Return the one form of several models, or all forms that they have."""
    distinct = tuple(dict.fromkeys(forms))
    return distinct[0] if len(distinct) == 1 else PixelForms(distinct)


def split_forms(form: AnyForm, rows: NDArray[np.uint8]) -> dict[PixelForm, NDArray[np.uint8]]:
    """Return the images of each form, uint8 (N, height, width, channels), of rows that `decode` returned."""
    if isinstance(form, PixelForm):
        return {form: rows}
    ends = np.cumsum([prod(each.shape) for each in form.each])[:-1]
    pieces = np.split(rows, ends, axis=1)
    return {each: piece.reshape(len(rows), *each.shape) for each, piece in zip(form.each, pieces, strict=True)}


def limited(form: AnyForm, max_pixels: int) -> AnyForm:
    """Return the form for files of at most `max_pixels`."""
    return joint_form(replace(each, max_pixels=max_pixels) for each in form.each)


def form_to_json(form: AnyForm) -> str:
    """Return a form as text that `form_from_json` reads, for another process."""
    return json.dumps([asdict(each) for each in form.each])


def form_from_json(text: str) -> AnyForm:
    """Read what `form_to_json` returned."""
    return joint_form(PixelForm(**each) for each in json.loads(text))
