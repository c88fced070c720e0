"""What does a classical model fit, and what has it learnt after a pass? The values between it and its run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sadari.settings import Value

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Problem:
    """The training images that a classical model is fitted to.

    pixels: float32 (N, D). labels: int64 (N,), in 0..classes-1. variables: the model's own ones. from_pass, state:
    how many passes are done, and the `state` after the last of them; 0 and nothing at the start.
    """

    pixels: Floats
    labels: NDArray[np.int64]
    classes: int
    variables: Mapping[str, Value]
    epochs: int
    seed: int
    from_pass: int = 0
    state: Mapping[str, NDArray[Any]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Linear:
    """A linear model after a pass: scores = x @ weight.T + bias.

    weight: (K, D), bias: (K,). state: what the next pass needs besides, as arrays; checkpoints store it.
    scored: mean log loss and accuracy on the problem's images, where fitting computes them anyway.
    """

    weight: Floats
    bias: Floats
    state: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    scored: tuple[float, float] | None = None


@dataclass(frozen=True, eq=False)
class Remembered:
    """A model that consists of the training images themselves: vectors (N, D), labels (N,)."""

    vectors: Floats
    labels: NDArray[np.int64]
    state: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    scored: tuple[float, float] | None = None


Learned = Linear | Remembered
AfterPass = Callable[[Learned], None]
