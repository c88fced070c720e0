"""Which GPU does each of several runs at once get? One for itself: its process sees no other one.

CUDA_VISIBLE_DEVICES says which GPUs of the machine are used; without it, all are. A process that is started for one of
them gets that name as its own CUDA_VISIBLE_DEVICES, so that `cuda` means this GPU there, in the job as in its run.
"""

import os
from collections.abc import Mapping

import torch

from sadari.inference.device import resolve_machine
from sadari.job import Job

VARIABLE = "CUDA_VISIBLE_DEVICES"


def visible_gpus() -> tuple[str, ...]:
    """Return the GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them; none where torch sees none."""
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    named = os.environ.get(VARIABLE)
    if named is None:
        return tuple(map(str, range(count)))
    return tuple(each.strip() for each in named.split(","))[:count]  # behind a wrong name, CUDA sees no more of them


def takes_any_gpu(job: Job) -> bool:
    """Return whether a run of `job` would train on the GPU that its process sees first: not on one with a number.

    False too for a run that takes several.
    """
    return job.devices == 1 and resolve_machine(job.settings).device == "cuda"


def sees_only(gpu: str) -> Mapping[str, str]:
    """Return what is added to the environment of a process that trains on `gpu`; nothing for ""."""
    return {VARIABLE: gpu} if gpu else {}
