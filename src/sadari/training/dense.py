"""How does a network of dense layers alone learn? By gradients written out, as autograd would find them.

Autograd and autocast keep books on every operation, which takes as long as the products of so small a network; and
where a step takes half a millisecond, each call counts. Measured on two cores, images a second: RESULTS.md.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from sadari.models.modules import HOOKS, Dense, Flatten, activate
from sadari.models.prefix import Rest
from sadari.models.sequential import Network

_flat = Flatten().forward
# The slope of what enters an activation, from that of what leaves it and what left it.
_BACK: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "linear": lambda slope, _: slope,
    "relu": lambda slope, left: torch.ops.aten.threshold_backward(slope, left, 0),
    "sigmoid": lambda slope, left: torch.ops.aten.sigmoid_backward(slope, left),
    "tanh": lambda slope, left: torch.ops.aten.tanh_backward(slope, left),
}


class _Layer(NamedTuple):
    """A dense layer, taken apart once: a module looks up each of its parts by name whenever it is asked for one."""

    dense: Dense
    weight: Tensor
    bias: Tensor
    activation: str


@dataclass(frozen=True)
class DenseStack:
    """Which dense `layers`, one behind the other, are all that is computed and learnt?"""

    layers: tuple[_Layer, ...]

    @classmethod
    def of(cls, learner: nn.Module) -> "DenseStack | None":
        """The stack that `learner` is on the processor, behind a flatten or nothing; None where it is anything else.

        None also where somebody listens to a layer, which only autograd's way calls.
        """
        match learner:
            case Network():
                layers = [*learner.features, *learner.head]
            case Rest():
                layers = [*learner.layers]
            case _:
                return None
        stack = [each for each in layers if isinstance(each, Dense)]
        begins = [each for each in layers if isinstance(each, Flatten)]
        plain = all(each.requires_grad and each.device.type == "cpu" for each in learner.parameters())
        heard = any(getattr(each, hooks) for each in learner.modules() for hooks in HOOKS)
        if not stack or not plain or heard or layers not in (stack, [*begins[:1], *stack]):
            return None
        return cls(tuple(_Layer(each, each.weight, each.bias, each.activation) for each in stack))

    @torch.no_grad()
    def learn(
        self, x: Tensor, labels: Tensor, normaliser: float, smoothing: float, precision: torch.dtype
    ) -> tuple[Tensor, Tensor]:
        """Add the gradients of the sum of cross-entropies over `normaliser` to those of the layers' parameters.

        x: float32 (N, ...). labels: int64 (N,). smoothing: the part of each label that all classes share. precision:
        dtype of the products that it pays to round. Returns the sum of cross-entropies and how many answers are right,
        both of shape ().
        """
        left, passed = _flat(x), list[_Passed]()
        for layer in self.layers:
            entered, weight, bias = left.float(), layer.weight, layer.bias
            if precision != torch.float32 and layer.dense.pays_to_round(len(x)):
                entered, weight, bias = left.to(precision), weight.to(precision), bias.to(precision)
            left = activate(torch.addmm(bias, entered, weight.t()), layer.activation)
            passed.append(_Passed(layer, entered, weight, left))
        loss, right, slope = _cross_entropy(left.float(), labels, smoothing)
        slope /= normaliser
        for layer, entered, weight, left in reversed(passed):
            slope = _BACK[layer.activation](slope.to(left.dtype), left)
            _add(layer.weight, torch.mm(slope.t(), entered))
            _add(layer.bias, slope.sum(0))
            if layer is not self.layers[0]:
                slope = torch.mm(slope, weight).float()
        return loss, right


class _Passed(NamedTuple):
    """What is known of a layer on the way back? What entered it and its weight, as its product took them; what left."""

    layer: _Layer
    entered: Tensor
    weight: Tensor
    left: Tensor


def _cross_entropy(logits: Tensor, labels: Tensor, smoothing: float) -> tuple[Tensor, Tensor, Tensor]:
    """The sum of the losses, how many answers are right, and the slope of that sum (N, K)."""
    right = (logits.argmax(1) == labels).sum()
    logs = logits.log_softmax(1)
    own = labels.unsqueeze(1)
    loss = logs.gather(1, own).sum() * (smoothing - 1)
    if smoothing:
        loss -= logs.sum() * (smoothing / logits.shape[1])
    slope = logs.exp_()
    if smoothing:
        slope -= smoothing / logits.shape[1]
    slope.scatter_add_(1, own, slope.new_full(own.shape, smoothing - 1))
    return loss, right, slope


def _add(parameter: Tensor, gradient: Tensor) -> None:
    gradient = gradient.to(parameter.dtype)
    parameter.grad = gradient if parameter.grad is None else parameter.grad.add_(gradient)
