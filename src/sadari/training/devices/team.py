"""What do the processes of one training settle between them? One that is alone agrees with itself."""

from contextlib import AbstractContextManager, nullcontext
from inspect import signature
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from sadari.errors import SadariError
from sadari.models.layers.batchnorm import BatchNorm, single_values_evaluated
from sadari.training.devices.norms import NormsOfWholeBatch
from sadari.training.devices.share import ALL, Share


class Team:
    """The processes that train one network together; this class is the one of an ordinary run, which is alone.

    share: the part of every batch that this process computes.
    """

    share: Share = ALL

    def shared(self, learner: nn.Module) -> nn.Module:
        """Return what computes the answers of `learner`, such that backward leaves the mean gradient of all."""
        return learner

    def single_values(self, learner: nn.Module) -> AbstractContextManager[None]:
        """Let batch norms stand a batch with one value per channel inside."""
        return single_values_evaluated(learner)

    def agreed(self, wanted: bool) -> bool:
        """Return what the first process says, after as many steps in all of them."""
        return wanted

    def of_first(self, value: float) -> float:
        """Return the number that the first process has."""
        return value

    def summed(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sums of the values (...) of all processes, added in the order of their ranks."""
        return values

    def gathered(self, rows: Tensor, total: int, width: int) -> Tensor:  # noqa: ARG002 - of several
        """Return all `total` rows of which each process has computed its share, float32 (total, width)."""
        return rows

    def require_one(self, images: int) -> None:
        """Raise SadariError where several processes cannot go on after memory did not hold so many images here."""

    def require_gradients(self, learner: nn.Module) -> None:
        """Raise SadariError where several processes wait for the gradient of a parameter that `learner` did not use."""


class DeviceTeam(Team):
    """A process of several that train one network, each on a device of its own.

    group: that of the gradients. control: one on processors, for numbers that decide what all do next. Each method is
    called by all processes, at the same place of the training; it raises RuntimeError where one of them has ended.
    """

    def __init__(self, share: Share, group: "dist.ProcessGroup", control: "dist.ProcessGroup") -> None:
        self.share = share
        self._group, self._control = group, control

    def shared(self, learner: nn.Module) -> nn.Module:
        for each in learner.modules():
            if isinstance(each, BatchNorm):
                each.shared = True
        return _Shared(learner, self.share.count, self._group)

    def single_values(self, learner: nn.Module) -> AbstractContextManager[None]:
        del learner  # a whole batch has at least one image for each of several devices
        return nullcontext()

    def agreed(self, wanted: bool) -> bool:
        return bool(self.of_first(float(wanted)))

    def of_first(self, value: float) -> float:
        number = torch.tensor([value], dtype=torch.float64)
        dist.broadcast(number, 0, group=self._control)
        return number.item()

    def summed(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        mine = torch.from_numpy(np.ascontiguousarray(values))
        of_each = [torch.empty_like(mine) for _ in range(self.share.count)]
        dist.all_gather(of_each, mine, group=self._control)
        total: NDArray[np.float64] = of_each[0].numpy()
        for each in of_each[1:]:
            total = total + each.numpy()
        return total

    def gathered(self, rows: Tensor, total: int, width: int) -> Tensor:
        sizes = self.share.sizes(total)
        padded = torch.zeros(max(sizes), width)
        padded[: len(rows)] = rows.view(len(rows), width)
        of_each = [torch.empty_like(padded) for _ in sizes]
        dist.all_gather(of_each, padded, group=self._control)
        return torch.cat([each[:size] for each, size in zip(of_each, sizes, strict=True)])

    def require_one(self, images: int) -> None:
        raise SadariError(
            f"memory does not hold the {images} images of a batch that one of {self.share.count} devices has; set a "
            "lower batch_size, or more devices, and train in another --out"
        )

    def require_gradients(self, learner: nn.Module) -> None:
        idle = (name for name, each in learner.named_parameters() if each.requires_grad and each.grad is None)
        if name := next(idle, ""):
            raise SadariError(
                f"devices={self.share.count} needs a network that uses all of its parameters in every step, and this "
                f"one does not use '{name}'; train with devices=1 in another --out"
            )


class _Shared(nn.Module):
    """A learner whose gradients torch averages over all processes while they go backward.

    More than two addends are added in an order that depends on where in a message a gradient is. torch arranges its
    messages anew behind the first step, and a run that goes on has another first step: there, each parameter is a
    message of its own, so that the bytes stay the same.
    """

    def __init__(self, learner: nn.Module, count: int, group: "dist.ProcessGroup") -> None:
        super().__init__()
        # Buffers are equal already, as every process computes them alike; torch 2.15 has another name for that.
        known = signature(DistributedDataParallel).parameters
        name = "forward_sync_buffers" if "forward_sync_buffers" in known else "broadcast_buffers"
        unsynced: dict[str, Any] = {name: False}
        self._parallel = DistributedDataParallel(learner, process_group=group, **unsynced)
        if count > 2:
            # Not by its name: torch refuses other annotations than its own, and those that are text.
            self._parallel.register_comm_hook(group, lambda group, bucket: _averaged_alone(group, bucket))
        self._group = group

    def forward(self, x: Tensor) -> Tensor:
        with NormsOfWholeBatch(self._group):
            return self._parallel(x)  # type: ignore[no-any-return]


def _averaged_alone(group: "dist.ProcessGroup", bucket: Any) -> "torch.futures.Future[Tensor]":
    """Average every gradient of `bucket`, a GradBucket of torch, in a message of its own."""
    together = bucket.buffer().div_(dist.get_world_size(group))
    sizes = [each.numel() for each in bucket.gradients()]
    works = [dist.all_reduce(each, group=group, async_op=True) for each in together.split(sizes)]
    for work in works:
        work.wait()
    done: torch.futures.Future[Tensor] = torch.futures.Future()
    done.set_result(together)
    return done
