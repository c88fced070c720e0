"""How is a batch normalised that several devices share? By the mean and variance of all of it, as on one device.

Every process sends the count, mean and variance of its share, and on the way back the two sums that the gradient
needs. torch.nn.SyncBatchNorm does the same, but on graphics processors only.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode


class NormsOfWholeBatch(TorchFunctionMode):
    """Inside, every batch normalisation in training takes the statistics of the shares of all processes of `group`.

    Those of timm and torch too, since all of them call `F.batch_norm`.
    """

    def __init__(self, group: "dist.ProcessGroup") -> None:
        super().__init__()
        self._group = group

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        del types
        named: Mapping[str, Any] = kwargs or {}
        if func is F.batch_norm:
            return _batch_norm(self._group, *args, **named)
        return func(*args, **named)


def _batch_norm(
    group: "dist.ProcessGroup",
    x: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Do what `torch.nn.functional.batch_norm` does, in training by the statistics of all shares."""
    if not training:
        return F.batch_norm(x, running_mean, running_var, weight, bias, False, momentum, eps)
    scale = torch.ones(x.shape[1], device=x.device) if weight is None else weight
    offset = torch.zeros(x.shape[1], device=x.device) if bias is None else bias
    normalised, mean, var, count = _Normalise.apply(x, scale, offset, eps, group)
    if running_mean is not None and running_var is not None:
        running_mean.lerp_(mean.to(running_mean), momentum)
        running_var.lerp_((var * (count / (count - 1))).to(running_var), momentum)
    return normalised  # type: ignore[no-any-return]


class _Normalise(torch.autograd.Function):
    """Normalisation of x (N, C, ...) by the mean and variance of the shares of all processes, scaled and moved.

    Returns that, in the dtype of x, and the mean, the variance (of n, not n - 1) and the count of values per channel.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float, group: "dist.ProcessGroup"
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        unused = torch.zeros(x.shape[1], device=x.device)  # moving statistics, without which torch refuses bfloat16
        mean, var = torch.batch_norm_update_stats(x, unused, unused.clone(), 0.0)
        mine = torch.cat([mean.double(), var.double(), mean.new_full((1,), x.numel() / x.shape[1]).double()])
        of_each = [torch.empty_like(mine) for _ in range(dist.get_world_size(group))]
        dist.all_gather(of_each, mine, group=group)
        table, channels = torch.stack(of_each), x.shape[1]
        counts, means, variances = table[:, -1:], table[:, :channels], table[:, channels:-1]
        count = counts.sum()
        mean = (counts * means).sum(0) / count
        var = (counts * (variances + (means - mean).square())).sum(0) / count
        mean, var = mean.float(), var.float()
        ctx.save_for_backward(x, weight, mean, var, count.float())
        ctx.group, ctx.eps = group, eps
        normalised = F.batch_norm(x, mean, var, weight, bias, False, 0.0, eps)
        count = count.float()
        ctx.mark_non_differentiable(mean, var, count)
        return normalised, mean, var, count

    @staticmethod
    def backward(ctx: Any, grad: Tensor, *_: Any) -> tuple[Tensor, Tensor, Tensor, None, None]:
        x, weight, mean, var, count = ctx.saved_tensors
        # As if the statistics were constants; how they follow x is a multiple of x and a constant for each channel.
        of_x, of_weight, of_bias = torch.ops.aten.native_batch_norm_backward(
            grad, x, weight, mean, var, None, None, False, ctx.eps, [True, True, True]
        )
        sums = torch.stack([of_weight, of_bias])
        dist.all_reduce(sums, group=ctx.group)
        scale, offset = sums * (-weight.float() * (var + ctx.eps).rsqrt() / count)
        of_x += F.batch_norm(x, mean, var, scale, offset, False, 0.0, ctx.eps)  # in x's dtype, as `of_x` is
        # The gradients of weight and bias are averaged with those of all other parameters.
        return of_x, of_weight.to(weight.dtype), of_bias.to(weight.dtype), None, None
