"""How is EfficientNet-Lite0 built in Keras? Layer by layer, with the numbers of the same safetensors file.

Keras has no Lite0 of its own. The names are those of timm's tensors; Keras's padding "same" is that of the weights, so
the features are the same to rounding.
"""

from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
from safetensors.numpy import load_file

EPSILON, SIX = 1e-3, 6.0  # cited: those of timm's tf_ networks (TensorFlow's batch norm, ReLU6)


class Stage(NamedTuple):
    """Blocks in a row: how many, side of the kernel, stride of the first one, expansion, channels."""

    blocks: int
    kernel: int
    stride: int
    expansion: int
    channels: int


# cited: Tan and Le (2019), table 1, without squeeze-and-excitation, as the Lite variants have it
STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)
STEM, LAST = 32, 1280


def make_lite0(weights: Path, side: int) -> Any:
    """Return the network up to its last 7x7 map: scaled pixels (N, side, side, 3) -> (N, side/32, side/32, 1280)."""
    inputs = keras.Input((side, side, 3))
    x = _convolution(inputs, "conv_stem", "bn1", STEM, 3, 2)
    for number, stage in enumerate(STAGES):
        for block in range(stage.blocks):
            x = _block(x, f"blocks.{number}.{block}", stage, stage.stride if block == 0 else 1)
    model = keras.Model(inputs, _convolution(x, "conv_head", "bn2", LAST, 1, 1))
    _load(model, load_file(weights))
    return model


def _block(x: Any, name: str, stage: Stage, stride: int) -> Any:
    """Return an inverted residual block; one that does not expand has the pointwise convolution at its end alone."""
    channels = x.shape[-1]
    if stage.expansion == 1:
        inner = _depthwise(x, f"{name}.conv_dw", f"{name}.bn1", stage.kernel, stride)
        inner = _convolution(inner, f"{name}.conv_pw", f"{name}.bn2", stage.channels, 1, 1, act=False)
    else:
        inner = _convolution(x, f"{name}.conv_pw", f"{name}.bn1", channels * stage.expansion, 1, 1)
        inner = _depthwise(inner, f"{name}.conv_dw", f"{name}.bn2", stage.kernel, stride)
        inner = _convolution(inner, f"{name}.conv_pwl", f"{name}.bn3", stage.channels, 1, 1, act=False)
    return keras.layers.Add()([x, inner]) if stride == 1 and channels == stage.channels else inner


def _convolution(x: Any, name: str, norm: str, channels: int, kernel: int, stride: int, act: bool = True) -> Any:
    layer = keras.layers.Conv2D(channels, kernel, stride, "same", use_bias=False, name=_keras_name(name))
    return _normalised(layer(x), norm, act)


def _depthwise(x: Any, name: str, norm: str, kernel: int, stride: int) -> Any:
    layer = keras.layers.DepthwiseConv2D(kernel, stride, "same", use_bias=False, name=_keras_name(name))
    return _normalised(layer(x), norm, act=True)


def _normalised(x: Any, name: str, act: bool) -> Any:
    x = keras.layers.BatchNormalization(epsilon=EPSILON, name=_keras_name(name))(x)
    return keras.layers.ReLU(SIX)(x) if act else x


def _keras_name(name: str) -> str:
    """Return a name without dots, which Keras does not allow everywhere."""
    return name.replace(".", "-")


def _load(model: Any, tensors: dict[str, Any]) -> None:
    for layer in model.layers:
        name = layer.name.replace("-", ".")
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([tensors[f"{name}.{key}"] for key in ("weight", "bias", "running_mean", "running_var")])
        elif isinstance(layer, keras.layers.DepthwiseConv2D):  # (C, 1, H, W) -> (H, W, C, 1)
            layer.set_weights([np.transpose(tensors[f"{name}.weight"], (2, 3, 0, 1))])
        elif isinstance(layer, keras.layers.Conv2D):  # (out, in, H, W) -> (H, W, in, out)
            layer.set_weights([np.transpose(tensors[f"{name}.weight"], (2, 3, 1, 0))])
