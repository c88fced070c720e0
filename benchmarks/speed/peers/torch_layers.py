"""Which PyTorch network has the layers that Sadari has described? As its user would write it: NCHW, nn.Sequential.

It starts from the distributions that Keras and Sadari draw from, so that accuracies can be compared.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

EPSILON = 1e-3  # Keras's, of both normalisations
ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh}

Layer = dict[str, Any]
Shape = Sequence[int]


class Rows(nn.Module):
    """(N, C, H, W) -> (N, H, W * C): each row one time step."""

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(0, 2, 3, 1).flatten(2)


class Recurrent(nn.Module):
    """(N, T, F) -> (N, T, units), or (N, units) without `sequence`.

    torch adds two bias vectors where one would do; the second is held at zero.
    """

    def __init__(self, inputs: int, units: int, sequence: bool) -> None:
        super().__init__()
        self.lstm = nn.LSTM(inputs, units, batch_first=True)
        self.lstm.bias_hh_l0.requires_grad_(False)
        self.sequence = sequence

    def forward(self, x: Tensor) -> Tensor:
        states, (last, _) = self.lstm(x)
        answer: Tensor = states if self.sequence else last[0]
        return answer


def _activated(module: nn.Module, layer: Layer) -> nn.Module:
    if layer["activation"] == "linear":
        return module
    return nn.Sequential(module, ACTIVATIONS[layer["activation"]]())


def _conv(layer: Layer, before: Shape) -> nn.Module:
    padding = "same" if layer["same"] else "valid"
    return _activated(nn.Conv2d(before[-1], layer["filters"], layer["kernel"], layer["stride"], padding), layer)


def _batchnorm(_: Layer, before: Shape) -> nn.Module:
    return (nn.BatchNorm2d if len(before) == 3 else nn.BatchNorm1d)(before[-1], eps=EPSILON)


MAKERS: dict[str, Callable[[Layer, Shape], nn.Module]] = {
    "conv": _conv,
    "batchnorm": _batchnorm,
    "layernorm": lambda _, before: nn.LayerNorm(before[-1], eps=EPSILON),
    "maxpool": lambda layer, _: nn.MaxPool2d(layer["size"]),
    "dropout": lambda layer, _: nn.Dropout(layer["rate"]),
    "flatten": lambda _, __: nn.Flatten(),
    "rows": lambda _, __: Rows(),
    "lstm": lambda layer, before: Recurrent(before[-1], layer["units"], layer["sequence"]),
    "dense": lambda layer, before: _activated(nn.Linear(before[-1], layer["units"]), layer),
}


def build(layers: Sequence[Layer], shape: Shape, seed: int) -> nn.Sequential:
    """Return the network that reads (N, C, H, W) and gives logits.

    Raises KeyError for a kind of layer that no network of the yardstick has.
    """
    torch.manual_seed(seed)
    befores = [shape, *(layer["shape"] for layer in layers[:-1])]
    network = nn.Sequential(
        *(MAKERS[layer["kind"]](layer, before) for layer, before in zip(layers, befores, strict=True))
    )
    network.apply(_initialise)
    return network


def _initialise(module: nn.Module) -> None:
    """Draw Glorot-uniform kernels and orthogonal recurrent ones; biases are zero, but one for the forget gate."""
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.LSTM):
        numbers = dict(module.named_parameters())
        nn.init.xavier_uniform_(numbers["weight_ih_l0"])
        nn.init.orthogonal_(numbers["weight_hh_l0"])
        nn.init.zeros_(numbers["bias_ih_l0"])
        nn.init.zeros_(numbers["bias_hh_l0"])
        nn.init.ones_(numbers["bias_ih_l0"][module.hidden_size : 2 * module.hidden_size])


def counts(network: nn.Sequential) -> list[tuple[int, int]]:
    """Return the parameters (total, trainable) of each layer; running statistics count, as Keras has it."""
    found = []
    for layer in network:
        trainable = sum(each.numel() for each in layer.parameters() if each.requires_grad)
        running = sum(each.numel() for each in layer.buffers() if each.is_floating_point())
        found.append((trainable + running, trainable))
    return found
