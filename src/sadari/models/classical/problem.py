"""What does a classical model fit, and what has it learned after a pass? The values between it and its run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sadari.settings import Value

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Problem:
    """What is there to fit?

    pixels: float32 (N, D). labels: int64 (N,), in 0..classes-1. variables: the model's own ones. from_pass, state:
    how many passes lie behind, and the `state` of the last of them; 0 and nothing at the start.
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
    """What has been learned after a pass: scores = x @ weight.T + bias.

    weight: (K, D), bias: (K,). state: what the next pass needs besides, as arrays; it is kept in checkpoints.
    scored: mean log loss and accuracy of the problem's images, where fitting found them on its way.
    """

    weight: Floats
    bias: Floats
    state: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    scored: tuple[float, float] | None = None


@dataclass(frozen=True, eq=False)
class Remembered:
    """What has been learned where the training images themselves are the model: vectors (N, D), labels (N,)."""

    vectors: Floats
    labels: NDArray[np.int64]
    state: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    scored: tuple[float, float] | None = None


Learned = Linear | Remembered
AfterPass = Callable[[Learned], None]
