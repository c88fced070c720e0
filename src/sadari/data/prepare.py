"""How do uint8 pixels become what a network reads? One value, fitted on the training images only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sadari.data.levels import FULL_RANGE
from sadari.errors import SadariError, UsageError
from sadari.settings import OF_BACKBONE, SCALINGS
from sadari.values import ImageSet, RowAccess, prefetch

if TYPE_CHECKING:  # torch takes a second to load, and a page about a run needs none
    import torch
    from torch import Tensor

# Values summed at once while fitting: 32 MiB as float64. The sums are whole numbers below 2**53, so the result does not
# depend on it.
BLOCK_VALUES = 1 << 22


@dataclass(frozen=True, eq=False)
class Preprocess:
    """The arithmetic that turns uint8 pixels into network inputs: x = pixels * scale + shift.

    height, width, channels: the shape that every image must have; fit, interpolation: how other shapes become it.
    scaling: "unit" (pixels / 255), "channel" or "pixel" (standardised with the training images' mean and standard
    deviation per channel or per single pixel), "none" (0..255), or "backbone" (see `fitted`). scale, shift: float32,
    broadcastable to (C, H, W). white_level: the value of 16-bit images that became 255 in training, and does so in
    every image that the model judges; 0 where training saw none, and the full range counts.
    """

    height: int
    width: int
    channels: int
    fit: str
    scaling: str
    scale: NDArray[np.float32]
    shift: NDArray[np.float32]
    interpolation: str = "bilinear"
    white_level: int = 0

    @classmethod
    def fitted(
        cls,
        images: ImageSet,
        positions: NDArray[np.int64],
        scaling: str,
        fit: str,
        given: tuple[Sequence[float], Sequence[float]] | None = None,
        interpolation: str = "bilinear",
    ) -> "Preprocess":
        """Fit the arithmetic on the images at `positions` (the training split, nothing else).

        given: for the scaling "backbone", mean and standard deviation of each channel of pixels in 0..1. Raises
        UsageError where that scaling is set and they are missing, or are not those of the images' channels.
        """
        height, width, channels = images.shape
        if scaling == OF_BACKBONE:
            mean, std = _in_bytes(given, channels)
        else:
            mean, std = _mean_and_std(images.images, positions, scaling)
        scale = (1.0 / std).astype(np.float32)
        shift = (-mean / std).astype(np.float32)
        return cls(height, width, channels, fit, scaling, scale, shift, interpolation, images.white_level)

    def apply(self, pixels: "Tensor") -> "Tensor":
        """Turn uint8 (N, H, W, C) into float32 (N, C, H, W) in channels-last memory, on the tensor's device.

        Raises SadariError where the pixels have another shape.
        """
        import torch

        expected = (self.height, self.width, self.channels)
        if tuple(pixels.shape[1:]) != expected:
            raise SadariError(f"images of {tuple(pixels.shape[1:])} given to a model for {expected}; load them again")
        shift, scale = self._values_on(pixels.device)
        # A copy to work in; in one dimension, torch computes eight at a time.
        values = pixels.reshape(len(pixels), -1).to(torch.float32, copy=True)
        return torch.addcmul(shift, values, scale, out=values).view(pixels.shape).permute(0, 3, 1, 2)

    def for_side(self, side: int) -> "Preprocess":
        """Return the same arithmetic for square images of `side`; raises UsageError where each pixel has its own."""
        if max(self.scale.shape[1:], default=1) > 1:
            raise UsageError(
                f"train_size={side} makes images smaller, and scaling=pixel has a mean for each pixel; leave one out"
            )
        return replace(self, height=side, width=side)

    @cached_property
    def _of_values(self) -> "tuple[Tensor, Tensor]":
        """Return shift and scale of each value of an image, float32 (H * W * C)."""
        import torch

        whole = (self.channels, self.height, self.width)
        shift, scale = (np.broadcast_to(each, whole).transpose(1, 2, 0).ravel() for each in (self.shift, self.scale))
        return torch.from_numpy(shift.copy()), torch.from_numpy(scale.copy())

    def _values_on(self, device: "torch.device") -> "tuple[Tensor, Tensor]":
        """Return shift and scale of each value on `device`, where they stay: they are needed for every batch."""
        known = self._on_devices
        if device not in known:
            shift, scale = self._of_values
            known[device] = shift.to(device), scale.to(device)
        return known[device]

    @cached_property
    def _on_devices(self) -> "dict[torch.device, tuple[Tensor, Tensor]]":
        return {}

    def to_json(self) -> dict[str, Any]:
        """Return a JSON document from which `from_json` makes the same value, bit for bit."""
        shape = {"height": self.height, "width": self.width, "channels": self.channels}
        return {
            **shape,
            "fit": self.fit,
            "interpolation": self.interpolation,
            "scaling": self.scaling,
            "scale": self.scale.tolist(),
            "shift": self.shift.tolist(),
            **({"white_level": self.white_level} if self.white_level else {}),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Preprocess":
        """Read what `to_json` returned; raises SadariError where something is missing or contradictory."""
        try:
            scale, shift = (np.array(document[name], dtype=np.float32) for name in ("scale", "shift"))
            height, width, channels = (int(document[name]) for name in ("height", "width", "channels"))
            fit, scaling = str(document["fit"]), str(document["scaling"])
            interpolation = str(document.get("interpolation", "bilinear"))  # runs before there was a choice
            white_level = int(document.get("white_level", 0))
            if not 0 <= white_level <= FULL_RANGE:
                raise ValueError("white_level is no 16-bit value")
            for each in (scale, shift):
                if np.broadcast_shapes(each.shape, (channels, height, width)) != (channels, height, width):
                    raise ValueError("scale and shift do not fit the images")
                if not np.isfinite(each).all():
                    raise ValueError("scale or shift is not a number")
        except (KeyError, TypeError, ValueError) as error:
            raise SadariError(f"the preprocessing of the run is damaged ({error}); train it again") from None
        return cls(height, width, channels, fit, scaling, scale, shift, interpolation, white_level)


def to_device(numbers: "Tensor", device: "torch.device") -> "Tensor":
    """Return `numbers` of the processor on `device`; where that is a CUDA device, without waiting for it.

    From ordinary memory torch copies only when CUDA has done all that it was asked for before. From pinned memory CUDA
    copies when its turn comes, and torch keeps that memory until then.
    """
    if device.type != "cuda":
        return numbers.to(device)
    return numbers.pin_memory().to(device, non_blocking=True)


def _in_bytes(
    given: tuple[Sequence[float], Sequence[float]] | None, channels: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Convert mean and standard deviation of pixels in 0..1 to those of pixels in 0..255, (C, 1, 1)."""
    if given is None:
        raise UsageError(f"scaling={OF_BACKBONE} is that of a backbone's weights; else take {', '.join(SCALINGS)}")
    mean, std = (255.0 * np.array(each, dtype=np.float64).reshape(-1, 1, 1) for each in given)
    if len(mean) != channels or len(std) != channels or not (std > 0).all():
        raise UsageError(f"the backbone's weights give no mean and deviation for {channels} channels; set channels=3")
    return mean, std


def _mean_and_std(
    images: RowAccess, positions: NDArray[np.int64], scaling: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if scaling == "none":
        return np.zeros((1, 1, 1)), np.ones((1, 1, 1))
    if scaling == "unit":
        return np.zeros((1, 1, 1)), np.full((1, 1, 1), 255.0)
    axes = (0, 1, 2) if scaling == "channel" else (0,)
    total = np.zeros(images.shape[3] if scaling == "channel" else images.shape[1:], dtype=np.float64)
    squares = np.zeros_like(total)
    at_once = max(1, BLOCK_VALUES // prod(images.shape[1:]))
    prefetch(images, positions)
    for start in range(0, len(positions), at_once):
        block = images[positions[start : start + at_once]].astype(np.float64)
        total += block.sum(axis=axes)
        squares += np.square(block).sum(axis=axes)
    count = len(positions) * (images.shape[1] * images.shape[2] if scaling == "channel" else 1)
    mean = total / count
    std = np.sqrt(np.maximum(squares / count - np.square(mean), 0))
    std[std == 0] = 1.0  # a constant pixel carries no information: it becomes 0, as in scikit-learn's scaler
    shape = (-1, 1, 1) if scaling == "channel" else (2, 0, 1)
    if scaling == "channel":
        return mean.reshape(shape), std.reshape(shape)
    return mean.transpose(shape), std.transpose(shape)
