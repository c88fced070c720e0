"""Networks as users write them: some that work, and some that cannot be trained, stored or opened again."""

import os
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

HIDDEN = 6  # units; part of the source of all that name it


class Block(nn.Module):
    """A convolution with batch norm, dropout and other noise in training."""

    def __init__(self, inputs: int, outputs: int, dropout: float) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.norm = nn.BatchNorm2d(outputs)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu_(self.norm(self.conv(x)))
        if self.training:
            x = x + 0.01 * torch.randn_like(x) + 0.01 * float(np.random.rand())
        found: Tensor = self.drop(x)
        return found


class Net(nn.Module):
    """Two blocks and a class layer that reads their maps by `view`."""

    def __init__(self, image_shape: tuple[int, int, int], classes: int, width: int = 4, dropout: float = 0.25) -> None:
        super().__init__()
        channels, height, width_of_image = image_shape
        self.first = Block(channels, width, dropout)
        self.pool = nn.MaxPool2d(2)
        self.second = Block(width, width, dropout)
        self.out = nn.Linear(width * (height // 2) * (width_of_image // 2), classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.second(self.pool(self.first(x)))
        x = functional.dropout(x.view(x.size(0), -1), 0.1, self.training)
        found: Tensor = self.out(x)
        return found


def make_net(image_shape: tuple[int, int, int], classes: int, width: int = 4, dropout: float = 0.25) -> nn.Module:
    """Two convolutions with noise."""
    return Net(image_shape, classes, width, dropout)


class Tied(nn.Module):
    """A network two of whose layers share a weight, with a buffer, and without parameters for what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(8 * 8 * 3, 12)
        self.second = nn.Linear(12, 12)
        self.third = nn.Linear(12, 12)
        self.third.weight = self.second.weight
        self.out = nn.Linear(12, 3)
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))
        self.seen: Tensor

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.seen += len(x)
        x = self.first(x.flatten(1)).relu()
        found: Tensor = self.out(self.third(self.second(x).relu()).relu())
        return found


def lazy(classes: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.LazyLinear(HIDDEN), nn.ReLU(inplace=True), nn.Linear(HIDDEN, classes))


def no_class_layer(image_shape: tuple[int, int, int], classes: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(image_shape[0], classes, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())


def softmaxed(classes: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.LazyLinear(classes), nn.Softmax(1))


class _Wrapped(nn.Module):
    """A linear network whose answer, weights or ways a function changes."""

    def __init__(self, classes: int, change: Any = None) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.Flatten(), nn.LazyLinear(classes))
        self.change = change

    def forward(self, x: Tensor) -> Any:
        found = self.inner(x)
        return self.change(found) if self.change else found


def returns_tuple(classes: int) -> nn.Module:
    return _Wrapped(classes, lambda found: (found, found))


def wrong_shape() -> nn.Module:
    return _Wrapped(1000)


def random_in_evaluation(classes: int) -> nn.Module:
    return _Wrapped(classes, lambda found: found + torch.rand_like(found))


def not_differentiable(classes: int) -> nn.Module:
    return _Wrapped(classes, lambda found: found.detach())


def fails_in_forward(classes: int) -> nn.Module:
    return _Wrapped(classes, lambda found: found @ torch.zeros(5, 5))


def fails_when_made(classes: int) -> nn.Module:
    raise RuntimeError(f"no network of {classes} classes")


def not_a_module(classes: int) -> Any:
    return [classes]


def without_parameters() -> nn.Module:
    return nn.Flatten()


def needs_depth(image_shape: tuple[int, int, int], classes: int, depth: int) -> nn.Module:
    return nn.Linear(depth, classes * image_shape[0])


def other_weights(classes: int) -> nn.Module:
    torch.manual_seed(int.from_bytes(os.urandom(7), "big"))
    return nn.Sequential(nn.Flatten(), nn.Linear(8 * 8 * 3, classes))


def other_layers(classes: int) -> nn.Module:
    units = 4 + int(torch.randint(100, ()))
    return nn.Sequential(nn.Flatten(), nn.Linear(8 * 8 * 3, units), nn.Linear(units, classes))


class HiddenTensor(nn.Module):
    """A network with random numbers that are no part of its weights."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.projection = torch.randn(8 * 8 * 3, 5)
        self.out = nn.Linear(5, classes)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.out(x.flatten(1) @ self.projection)
        return found


class ExtraState(nn.Linear):
    """A network that stores more than tensors."""

    def __init__(self, classes: int) -> None:
        super().__init__(8 * 8 * 3, classes)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.flatten(1))

    def get_extra_state(self) -> dict[str, int]:
        return {"version": 1}

    def set_extra_state(self, state: Any) -> None: ...


def epochs_is_a_setting(classes: int, epochs: int = 3) -> nn.Module:
    return nn.Linear(epochs, classes)


def cnn(classes: int) -> nn.Module:
    return _Wrapped(classes)
