"""Which random numbers does step k see? They depend on the seed and on k alone, so nothing has to be stored.

A run that was interrupted goes on with exactly the draws that it would have made: there is no generator whose
state could be lost. Each purpose (order, augmentation, dropout, initial weights) has a stream of its own. What layers
would otherwise remember from step to step is set from k in the same way.
"""

from collections.abc import Sequence
from hashlib import blake2b

import torch
from torch import nn

from sadari.models.layers.batchnorm import BATCHNORM_MOMENTUM, BATCHNORM_RECENT, BatchNorm
from sadari.models.layers.dropout import Dropout
from sadari.models.own.module import OwnModule

Varying = Dropout | BatchNorm | OwnModule


def seed_for(seed: int, *purpose: str | int) -> int:
    """Return a seed in [0, 2**63) for one purpose, such as `seed_for(seed, "order", epoch)`."""
    text = "/".join(str(part) for part in (seed, *purpose))
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def generator_for(seed: int, *purpose: str | int) -> torch.Generator:
    """Return a torch generator (on the processor) seeded by `seed_for`."""
    return torch.Generator().manual_seed(seed_for(seed, *purpose))


def varying_layers(network: nn.Module) -> list[tuple[int, Varying]]:
    """Return the layers that compute differently in each step, with the number of each among all modules."""
    numbered = enumerate(network.modules())
    return [(number, module) for number, module in numbered if isinstance(module, Varying)]


def begin_step(varying: Sequence[tuple[int, Varying]], seed: int, step: int, rank: int = 0) -> None:
    """Set up the `varying` layers for step number `step` of the run, so that they need no memory of their own.

    Dropout, and a network of the user's own code, get the random stream of this step; of several devices, each but the
    first (rank 0) has one of its own. Batch normalisation weighs the statistics of this step with
    max(10 / (10 + step), 0.01): a mean that leans to the newest (polynomial-decay averaging: Shamir and Zhang 2013),
    and Keras's momentum of 0.99 from the 991st step on. With 0.99 throughout, a small set is judged by statistics
    that still remember their arbitrary start.
    """
    of_device = ("device", rank) if rank else ()
    for number, module in varying:
        if isinstance(module, Dropout | OwnModule):
            module.generator.manual_seed(seed_for(seed, "dropout", number, step, *of_device))
        else:
            module.momentum = max(BATCHNORM_RECENT / (BATCHNORM_RECENT + step), BATCHNORM_MOMENTUM)
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.manual_seed(seed_for(seed, "dropout", step, *of_device))
