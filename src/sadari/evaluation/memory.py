"""Did memory run out? torch says so in several ways, depending on who wanted it."""

import torch

_CPU_MESSAGES = ("can't allocate memory", "not enough memory", "bad_alloc")  # torch's allocators on the processor


def is_out_of_memory(error: Exception) -> bool:
    """Whether `error` is torch's or Python's way of saying that memory ran out, on any device."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(each in str(error) for each in _CPU_MESSAGES)
