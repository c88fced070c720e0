"""Did memory run out? torch reports it in several ways, depending on the allocator."""

import torch
from torch import nn

from sadari.errors import SadariError
from sadari.models.layers.batchnorm import learning_norms

_CPU_MESSAGES = ("can't allocate memory", "not enough memory", "bad_alloc")  # torch's allocators on the processor


def is_out_of_memory(error: Exception) -> bool:
    """Return whether `error` is one by which torch or Python reports that memory ran out, on any device."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(each in str(error) for each in _CPU_MESSAGES)


def smaller_micro_batch(network: nn.Module, current: int, batch: int) -> int:
    """Return how many images to compute at a time after `current` (0: all `batch` of them) were too many.

    That is half as many, in multiples of 8 where possible (so that dropout draws the same for the same images).
    Gradients are summed over the pieces, so the step stays the same step. Only batch normalisation would see smaller
    pieces and so learn something else: there, and for a single image, SadariError is raised and names what to set.
    """
    before = current or batch
    if before == 1:
        raise SadariError("memory does not hold this network with a single image; use smaller images or a smaller one")
    if learning_norms(network):
        raise SadariError(
            f"memory does not hold a batch of {before} images, and this network's batch normalisation would learn"
            f" something else from smaller pieces; set batch_size={before // 2} and train again"
        )
    half = (before + 1) // 2
    return half if half < 8 else -(-half // 8) * 8
