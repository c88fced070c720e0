"""Which weights does a network start from? Those of Keras's initialisers, drawn from one generator.

Source: keras/src/initializers/random_initializers.py (Keras 3.15): GlorotUniform and Orthogonal.
"""

import torch
from torch import Tensor


def glorot_uniform(weight: Tensor, fan_in: int, fan_out: int, generator: torch.Generator) -> None:
    """Fill `weight` in place from the uniform distribution within +-sqrt(6 / (fan_in + fan_out))."""
    limit = (6 / (fan_in + fan_out)) ** 0.5
    with torch.no_grad():
        weight.uniform_(-limit, limit, generator=generator)


def orthogonal(weight: Tensor, generator: torch.Generator) -> None:
    """Fill the tall matrix `weight` (rows >= columns) in place with orthonormal columns.

    The sign correction by R's diagonal makes the draw uniform over such matrices, as in Keras.
    """
    drawn = torch.randn(weight.shape, generator=generator)
    q, r = torch.linalg.qr(drawn)
    with torch.no_grad():
        weight.copy_(q * r.diagonal().sign())
