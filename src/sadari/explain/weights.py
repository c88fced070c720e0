"""What has a network learnt that can be seen at once? A linear one's weights as images, the first filters of others."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import nn

from sadari.explain.activations import Maps, Pixels
from sadari.explain.layers import layer_names
from sadari.inference.model import TrainedModel
from sadari.models.backbone.module import Backbone
from sadari.models.layers.modules import Dense
from sadari.models.layers.specs import Flatten
from sadari.models.own.module import OwnModule

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class ClassWeights:
    """The weight of each prepared pixel for each class. values: float32 (K, H, W, C)."""

    classes: tuple[str, ...]
    values: Floats


@dataclass(frozen=True, eq=False)
class FirstFilters:
    """The filters that are applied to the prepared image first. values: float32 (filters, height, width, C)."""

    layer: str
    values: Floats


def is_linear(model: TrainedModel) -> bool:
    """Return whether nothing stands between the pixels and the class layer (majority, logistic, sgd, softmax)."""
    return all(isinstance(layer, Flatten) for layer in model.architecture.layer_list())


def class_weights(model: TrainedModel) -> ClassWeights | None:
    """Return the weight of each prepared pixel for each class; None where the network is not linear."""
    layer = next((each for each in model.network.head if isinstance(each, Dense)), None)
    if layer is None or not is_linear(model):
        return None
    weights = layer.weight.detach().float().cpu().numpy()
    return ClassWeights(model.classes, weights.reshape(-1, *model.architecture.shape))


def weight_image(model: TrainedModel, pixels: Pixels, label: int) -> Maps:
    """Return which pixels speak for class `label` in any image: its weights, the channels summed, float32 (H, W).

    `pixels` are not used. Raises TypeError for a network that is not linear.
    """
    del pixels
    weights = class_weights(model)
    if weights is None:
        raise TypeError("only a linear network has a weight for each pixel")
    return np.asarray(weights.values[label].sum(axis=-1), dtype=np.float32)


def first_filters(model: TrainedModel) -> FirstFilters | None:
    """Return the filters that are applied to the image first, those inside a backbone or own code included.

    None where there are none.
    """
    first = next(iter((*model.network.features, *model.network.head)))
    inside = first.graph if isinstance(first, Backbone) else first.net if isinstance(first, OwnModule) else None
    modules = [("", first)] if inside is None else inside.named_modules()
    found = next(((name, each) for name, each in modules if _reads_images(each, model)), None)
    if found is None:
        return None
    inner, convolution = found
    weight = convolution.weight.detach().float().cpu()
    layer = ".".join(filter(None, (layer_names(model.architecture)[0], inner)))
    return FirstFilters(layer, np.ascontiguousarray(weight.permute(0, 2, 3, 1).numpy()))


def _reads_images(module: nn.Module, model: TrainedModel) -> bool:
    return isinstance(module, nn.Conv2d) and module.in_channels == model.architecture.shape[2]
