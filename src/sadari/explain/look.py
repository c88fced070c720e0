"""What can be seen of one image inside a model? Everything that the pictures of it show, as values."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sadari.explain.activations import FeatureMap, Maps, Pixels, feature_map, feature_maps, output_of, prepared
from sadari.explain.attribution import ATTRIBUTIONS, attribute
from sadari.explain.inputs import NamedImage
from sadari.explain.lessons import LINES, POOLED_WINDOW, FilterLesson, PoolLesson, filter_lesson, pool_lesson
from sadari.explain.strongest import Strongest, strongest
from sadari.inference.model import TrainedModel
from sadari.inference.predict import Inputs, predict_logits
from sadari.inference.probabilities import probabilities_of
from sadari.values import ImageSet


@dataclass(frozen=True, eq=False)
class Attributed:
    """The parts of the image that speak for the class called `label`. maps: each method's float32 (H, W), by name."""

    pixels: Pixels
    label: str
    maps: dict[str, Maps]


@dataclass(frozen=True, eq=False)
class Look:
    """One image inside a model. truth: its class, or "" where it is unknown; probabilities: float32 (K,).

    maps: the outputs of the layers; attributed: for the requested class, else the most probable one. filters, pool: the
    lessons, where the image is large enough for their windows.
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
        """Return the `count` most probable classes with their probabilities, the most probable first."""
        order = np.argsort(-self.probabilities, kind="stable")[:count]
        return [(self.classes[place], float(self.probabilities[place])) for place in order]


@dataclass(frozen=True, eq=False)
class ChannelView:
    """One channel, and the images that it responds to most: uint8 (n, H, W, C) with their ids.

    name, pixels, plane: an image and the channel's float32 (H, W) of it, or (T, 1) of a sequence, where one was
    requested and the channel has more than one value.
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
    """Return the images at `positions` that the channel responds to most. Raises UsageError as `strongest` does."""
    most = strongest(model, images, positions, layer, channel)
    return ChannelView(most, images.images[most.positions], tuple(map(str, images.ids[most.positions])))


def beside_image(view: ChannelView, model: TrainedModel, image: NamedImage) -> ChannelView:
    """Return `view` with one image and the channel's plane of it."""
    with torch.no_grad():
        (values,) = output_of(model, prepared(model, image.pixels[np.newaxis]), view.strongest.layer)
    return replace(view, name=image.name, pixels=image.pixels, plane=_plane(values, view.strongest.channel))


def _plane(values: Tensor, channel: int) -> Maps | None:
    """Return the channel of (C, H, W), (T, F) or (F,), counted as `strongest` does; None where it is one value."""
    if values.ndim == 1:
        return None
    plane = values[channel] if values.ndim == 3 else values[:, channel, None]
    return plane.float().cpu().numpy() if plane.numel() > 1 else None


def look(
    model: TrainedModel, image: NamedImage, layer: str = "", label: int | None = None, methods: Sequence[str] = ()
) -> Look:
    """Return everything that can be seen of one image inside `model`.

    layer: only its maps, instead of every layer's. label: the class to explain; None for the most probable one.
    methods: the attributions to compute; none for all that this model can be explained by. Raises UsageError for an
    unknown layer or method, or a method that does not work for this model.
    """
    probabilities = _probabilities(model, image.pixels)
    explained = int(np.argmax(probabilities)) if label is None else label
    chosen = methods or [each.name for each in ATTRIBUTIONS if not each.lacks(model)]
    least = min(image.pixels.shape[:2])
    maps = (feature_map(model, image.pixels, layer),) if layer else tuple(feature_maps(model, image.pixels))
    return Look(
        name=image.name,
        pixels=image.pixels,
        truth="" if image.label is None else model.classes[image.label],
        classes=model.classes,
        probabilities=probabilities,
        maps=maps,
        attributed=Attributed(
            image.pixels,
            model.classes[explained],
            {name: attribute(name, model, image.pixels, explained) for name in chosen},
        ),
        filters=tuple(filter_lesson(image.pixels, lines) for lines, kernel in LINES.items() if len(kernel) <= least),
        pool=pool_lesson(image.pixels) if least >= POOLED_WINDOW else None,
    )


def _probabilities(model: TrainedModel, pixels: Pixels) -> NDArray[np.float32]:
    inputs = Inputs.pixels(pixels[np.newaxis], model.preprocess)
    logits = predict_logits(model.network, inputs, np.zeros(1, dtype=np.int64))
    return np.asarray(probabilities_of(logits, model.temperature)[0])
