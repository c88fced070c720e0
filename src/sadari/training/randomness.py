"""Which random numbers does step k see? They depend on the seed and on k alone, so nothing has to be stored.

A run that was interrupted goes on with exactly the draws that it would have made: there is no generator whose
state could be lost. Each purpose (order, augmentation, dropout, initial weights) has a stream of its own.
"""

from hashlib import blake2b

import torch


def seed_for(seed: int, *purpose: str | int) -> int:
    """A seed in [0, 2**63) for one purpose, such as `seed_for(seed, "order", epoch)`."""
    text = "/".join(str(part) for part in (seed, *purpose))
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def generator_for(seed: int, *purpose: str | int) -> torch.Generator:
    """A torch generator (on the processor) seeded by `seed_for`."""
    return torch.Generator().manual_seed(seed_for(seed, *purpose))
