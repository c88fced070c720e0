"""Can a run take as many devices as it wants? Said in one sentence before anything is begun."""

import torch

from sadari.errors import SadariError, UsageError
from sadari.inference.device import cores
from sadari.job import Job
from sadari.settings import Settings


def require_devices(job: Job) -> None:
    """Raise UsageError where the devices that `job` takes are not here, or cannot share a batch.

    Its settings are those of a machine (`resolve_machine`).
    """
    count, device = job.devices, job.settings.device
    if count == 1 or device == "cpu":
        return
    if device != "cuda":
        instead = "set device=cuda, which takes the first of them" if device.startswith("cuda") else "set device=cpu"
        raise UsageError(f"devices={count} cannot be {device} alone; {instead}, or leave devices out")
    if count > torch.cuda.device_count():
        raise UsageError(
            f"devices={count} but torch sees {torch.cuda.device_count()} graphics processors here; set fewer, or "
            "device=cpu"
        )


def require_enough_images(job: Job, train: int) -> None:
    """Raise SadariError where a device would have no image of a batch of all `train` images."""
    if train < job.devices:
        raise SadariError(f"devices={job.devices} share each batch, and there are {train} training images; set fewer")


def device_of(settings: Settings, rank: int) -> str:
    """Return the device of the process with this rank, in a run of several."""
    return f"cuda:{rank}" if settings.device == "cuda" else settings.device


def threads_of_each(threads: int, job: Job) -> int:
    """Return how many of the `threads` that one process would have each process of the run has, at least one."""
    shared = job.devices if job.settings.device == "cpu" else 1
    return max(1, min(threads, cores() // shared)) if shared > 1 else threads
