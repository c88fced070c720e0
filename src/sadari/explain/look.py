"""What can be seen of one image inside a model? Everything that the pictures of it show, as values."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sadari.explain.activations import FeatureMap, Maps, Pixels, feature_map, feature_maps, output_of, prepared
from sadari.explain.attribution import ATTRIBUTIONS, attribute
from sadari.explain.inputs import Asked
from sadari.explain.lessons import LINES, POOLED_WINDOW, FilterLesson, PoolLesson, filter_lesson, pool_lesson
from sadari.explain.strongest import Strongest, strongest
from sadari.inference.model import TrainedModel
from sadari.inference.predict import Inputs, predict_logits
from sadari.values import ImageSet


@dataclass(frozen=True, eq=False)
class Attributed:
    """Which parts of the image speak for the class called `label`? maps: each method's float32 (H, W), by name."""

    pixels: Pixels
    label: str
    maps: dict[str, Maps]


@dataclass(frozen=True, eq=False)
class Look:
    """One image inside a model. truth: its class, or "" where nobody knows; probabilities: float32 (K,).

    maps: what the layers make of it; attributed: why the class that was asked for, else the most probable one.
    filters, pool: the lessons, as far as the image is large enough for their windows.
    """

    name: str
    pixels: Pixels
    truth: str
    classes: tuple[str, ...]
    probabilities: NDArray[np.float32]
    maps: tuple[FeatureMap, ...]
    attributed: Attributed
    filters: tuple[FilterLesson, ...]
    pool: PoolLesson | None

    def likeliest(self, count: int = 3) -> list[tuple[str, float]]:
        """The `count` most probable classes with their probabilities, the likeliest first."""
        order = np.argsort(-self.probabilities, kind="stable")[:count]
        return [(self.classes[place], float(self.probabilities[place])) for place in order]


@dataclass(frozen=True, eq=False)
class ChannelView:
    """One channel, and the images that it answers to most: uint8 (n, H, W, C) with their ids.

    name, pixels, plane: an image and the channel's float32 (H, W) of it, or (T, 1) of a sequence, where one was asked
    for and the channel has more than one value.
    """

    strongest: Strongest
    images: Pixels
    ids: tuple[str, ...]
    name: str = ""
    pixels: Pixels | None = None
    plane: Maps | None = None


def view_channel(
    model: TrainedModel, images: ImageSet, positions: NDArray[np.int64], layer: str, channel: int
) -> ChannelView:
    """Which of the images at `positions` does the channel answer to most? Raises UsageError as `strongest` does."""
    most = strongest(model, images, positions, layer, channel)
    return ChannelView(most, images.images[most.positions], tuple(map(str, images.ids[most.positions])))


def beside_image(view: ChannelView, model: TrainedModel, asked: Asked) -> ChannelView:
    """What does the channel make of one image? `view` with that image and its plane."""
    with torch.no_grad():
        (values,) = output_of(model, prepared(model, asked.pixels[np.newaxis]), view.strongest.layer)
    return replace(view, name=asked.name, pixels=asked.pixels, plane=_plane(values, view.strongest.channel))


def _plane(values: Tensor, channel: int) -> Maps | None:
    """The channel's part of (C, H, W), (T, F) or (F,), counted as `strongest` does; None where it is one value."""
    if values.ndim == 1:
        return None
    plane = values[channel] if values.ndim == 3 else values[:, channel, None]
    return plane.float().cpu().numpy() if plane.numel() > 1 else None


def look(
    model: TrainedModel, asked: Asked, layer: str = "", label: int | None = None, methods: Sequence[str] = ()
) -> Look:
    """What does `model` see in the image?

    layer: only its maps, instead of every layer's. label: the class to explain; None for the most probable one.
    methods: the attributions to compute; none for all that this model can be explained by. Raises UsageError for a
    layer or method that there is not, or that cannot be had of this model.
    """
    probabilities = _probabilities(model, asked.pixels)
    explained = int(np.argmax(probabilities)) if label is None else label
    chosen = methods or [each.name for each in ATTRIBUTIONS if not each.lacks(model)]
    least = min(asked.pixels.shape[:2])
    maps = (feature_map(model, asked.pixels, layer),) if layer else tuple(feature_maps(model, asked.pixels))
    return Look(
        name=asked.name,
        pixels=asked.pixels,
        truth="" if asked.label is None else model.classes[asked.label],
        classes=model.classes,
        probabilities=probabilities,
        maps=maps,
        attributed=Attributed(
            asked.pixels,
            model.classes[explained],
            {name: attribute(name, model, asked.pixels, explained) for name in chosen},
        ),
        filters=tuple(filter_lesson(asked.pixels, lines) for lines, kernel in LINES.items() if len(kernel) <= least),
        pool=pool_lesson(asked.pixels) if least >= POOLED_WINDOW else None,
    )


def _probabilities(model: TrainedModel, pixels: Pixels) -> NDArray[np.float32]:
    inputs = Inputs.pixels(pixels[np.newaxis], model.preprocess)
    logits = predict_logits(model.network, inputs, np.zeros(1, dtype=np.int64))
    return np.asarray(logits.softmax(dim=1)[0].numpy(), dtype=np.float32)
