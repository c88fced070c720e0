"""How much memory does this process hold, and how much of what was freed does malloc have to fetch again?"""

import resource
from pathlib import Path

import torch

MEBIBYTES = 96  # more than any malloc keeps by itself (32 MiB at most)


def faults_of_taking_memory(less: int = 0) -> int:
    """Return the page faults of allocating, touching and freeing so much memory, `less` mebibytes less."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.empty((MEBIBYTES - less) << 20, dtype=torch.uint8).fill_(1)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def held_mebibytes() -> float:
    """Return the memory of this process without the pages of files. Linux only."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("RssAnon:")[2].split()[0]) / 1024
