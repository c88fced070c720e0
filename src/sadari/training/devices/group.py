"""How do the processes of one training find each other? By a file that all of them can read, on one machine."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist

from sadari.errors import SadariError, UsageError
from sadari.training.devices.share import Share
from sadari.training.devices.team import DeviceTeam

JOINING = timedelta(minutes=5)  # assumed: all have loaded everything before they join
# Nobody waits for a process that has ended: its connections close, which is an error at once. So this only has to be
# longer than a stop by Ctrl-Z, or than the first process takes for a checkpoint or a report (assumed).
WAITING = timedelta(days=1)
# The network of the machine itself: no other machine takes part, and none may connect.
_LOOPBACK = {"linux": "lo", "darwin": "lo0"}


def require_free() -> None:
    """Raise SadariError where this torch has no collectives, UsageError where this process is in a group already."""
    if not (dist.is_available() and dist.is_gloo_available()):
        raise SadariError("this torch has no gloo, which several devices need; set devices=1, or install another torch")
    if dist.is_initialized():
        raise UsageError(
            "this process is in a group of torch.distributed already, and devices=N makes one of its own; leave the "
            "launcher (torchrun) out, or set devices=1"
        )


@contextmanager
def joined(share: Share, device: torch.device, meeting: Path) -> Iterator[DeviceTeam]:
    """Join the group of all processes of a training, and leave it at the end. meeting: a file that none has used.

    Raises RuntimeError where the others do not come.
    """
    require_free()
    store = dist.FileStore(str(meeting), share.count)  # type: ignore[attr-defined]
    with _on_this_machine():
        dist.init_process_group("gloo", store=store, rank=share.rank, world_size=share.count, timeout=JOINING)
        try:
            control = _patient_group()
            group = _group_of_gradients(device)
            yield DeviceTeam(share, group, control)
        finally:
            dist.destroy_process_group()


def _group_of_gradients(device: torch.device) -> "dist.ProcessGroup":
    """Return what averages gradients: nccl between graphics processors, gloo between processors."""
    if device.type == "cuda":
        torch.cuda.set_device(device)
        group = dist.new_group(backend="nccl")
        assert isinstance(group, dist.ProcessGroup)
        return group
    return _patient_group()


def _patient_group() -> "dist.ProcessGroup":
    """Return a group on processors whose messages may take `WAITING`, but which all have to join within `JOINING`.

    A process that has ended before its connections were made closes none.
    """
    group = dist.new_group(timeout=JOINING)
    assert isinstance(group, dist.ProcessGroup)
    # Older torch has it under a name of its own.
    set_timeout = getattr(dist, "set_timeout", None) or dist.distributed_c10d._set_pg_timeout
    set_timeout(WAITING, group)
    return group


@contextmanager
def _on_this_machine() -> Iterator[None]:
    """Let gloo listen on the machine's own network inside, unless the user names another one."""
    name, loopback = "GLOO_SOCKET_IFNAME", _LOOPBACK.get(sys.platform)
    if loopback is None or name in os.environ:
        yield
        return
    os.environ[name] = loopback
    try:
        yield
    finally:
        del os.environ[name]
