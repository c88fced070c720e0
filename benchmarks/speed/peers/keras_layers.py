"""Which Keras model has the layers that Sadari has described? One Keras layer for each."""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import keras
from keras import layers as kl

# Running statistics have no part in training. With Keras's own 0.99, a hundred steps would be judged by statistics a
# third of which is still their arbitrary start; this is PyTorch's default, and what the other peers use.
BATCHNORM_MOMENTUM = 0.9

MAKERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "conv": lambda layer: kl.Conv2D(
        layer["filters"],
        layer["kernel"],
        strides=layer["stride"],
        padding="same" if layer["same"] else "valid",
        activation=layer["activation"],
    ),
    "batchnorm": lambda _: kl.BatchNormalization(momentum=BATCHNORM_MOMENTUM),
    "layernorm": lambda _: kl.LayerNormalization(),
    "maxpool": lambda layer: kl.MaxPooling2D(layer["size"]),
    "dropout": lambda layer: kl.Dropout(layer["rate"]),
    "flatten": lambda _: kl.Flatten(),
    "rows": lambda layer: kl.Reshape(tuple(layer["shape"])),
    "lstm": lambda layer: kl.LSTM(layer["units"], return_sequences=layer["sequence"]),
    "dense": lambda layer: kl.Dense(layer["units"], activation=layer["activation"]),
}


def build(layers: Sequence[dict[str, Any]], shape: Sequence[int]) -> Any:
    """Return a keras.Sequential that reads (N, *shape) and gives logits, float32 whatever the policy.

    Raises KeyError for a kind of layer that no network of the yardstick has.
    """
    *body, last = layers
    head = kl.Dense(last["units"], dtype="float32")
    return keras.Sequential([keras.Input(tuple(shape)), *(MAKERS[layer["kind"]](layer) for layer in body), head])


def counts(model: Any) -> list[tuple[int, int]]:
    """Return the parameters (total, trainable) of each layer."""
    return [
        (layer.count_params(), sum(prod(weight.shape) for weight in layer.trainable_weights)) for layer in model.layers
    ]
