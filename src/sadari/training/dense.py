"""How does a network of dense layers alone learn? By gradients written out, as autograd would find them.

Autograd and autocast keep books on every operation, which takes as long as the products of so small a network; and
where a step takes half a millisecond, each call counts. Measured on two cores, images a second: RESULTS.md.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from sadari.models.frozen import Head
from sadari.models.layers.modules import HOOKS, Dense, Flatten, activate
from sadari.models.network import Network
from sadari.training.batches import Batch
from sadari.training.loss import CrossEntropy

_flat = Flatten().forward
# The slope of what enters an activation, from that of what leaves it and what left it.
_BACK: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "linear": lambda grad, _: grad,
    "relu": lambda grad, left: torch.ops.aten.threshold_backward.default(grad, left, 0),
    "sigmoid": lambda grad, left: torch.ops.aten.sigmoid_backward.default(grad, left),
    "tanh": lambda grad, left: torch.ops.aten.tanh_backward.default(grad, left),
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
            case Head():
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
    def learn(self, batch: Batch, loss: CrossEntropy, normaliser: float, precision: torch.dtype) -> Tensor:
        """Add the gradients of the sum of `loss` over `normaliser` to those of the layers' parameters.

        precision: dtype of the products that it pays to round. Returns the logits, float32 (N, K).
        """
        left, passed = _flat(batch.x), list[_Passed]()
        for layer in self.layers:
            entered, weight, bias = _exact(left), layer.weight, layer.bias
            if precision != torch.float32 and layer.dense.pays_to_round(len(left)):
                entered, weight, bias = left.to(precision), weight.to(precision), bias.to(precision)
            left = activate(torch.addmm(bias, entered, weight.t()), layer.activation)
            passed.append(_Passed(layer, entered, weight, left))
        logits = _exact(left)
        grad = loss.grad(logits, batch.targets).div_(normaliser)
        for layer, entered, weight, left in reversed(passed):
            if grad.dtype != left.dtype:
                grad = grad.to(left.dtype)
            grad = _BACK[layer.activation](grad, left)
            _add(layer.weight, torch.mm(grad.t(), entered))
            _add(layer.bias, grad.sum(0))
            if layer is not self.layers[0]:
                grad = _exact(torch.mm(grad, weight))
        return logits


class _Passed(NamedTuple):
    """What is known of a layer on the way back? What entered it and its weight, as its product took them; what left."""

    layer: _Layer
    entered: Tensor
    weight: Tensor
    left: Tensor


def _add(parameter: Tensor, gradient: Tensor) -> None:
    gradient = _exact(gradient)
    parameter.grad = gradient if parameter.grad is None else parameter.grad.add_(gradient)


def _exact(tensor: Tensor) -> Tensor:
    """In float32; to ask for what it is already would be a call, too."""
    return tensor if tensor.dtype == torch.float32 else tensor.float()
