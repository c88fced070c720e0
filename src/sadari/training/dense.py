"""How does a network of nothing but dense layers learn? By gradients written out, as autograd would find them.

Autograd and autocast keep books on every operation, which takes as long as the products of so small a network; and
where a step takes half a millisecond, each call counts. Measured on two cores, images a second: RESULTS.md.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from sadari.models.frozen import Head
from sadari.models.layers.modules import Dense, Flatten, activate, may_have_hooks
from sadari.models.network import Network
from sadari.training.batches import Batch
from sadari.training.loss import CrossEntropy

_flat = Flatten().forward
# The gradient at the input of an activation, from the gradient at its output and that output.
_BACK: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "linear": lambda grad, _: grad,
    "relu": lambda grad, left: torch.ops.aten.threshold_backward.default(grad, left, 0),
    "sigmoid": lambda grad, left: torch.ops.aten.sigmoid_backward.default(grad, left),
    "tanh": lambda grad, left: torch.ops.aten.tanh_backward.default(grad, left),
}


class _Layer(NamedTuple):
    """One dense layer and its tensors, looked up once: a module looks them up by name at every access."""

    dense: Dense
    weight: Tensor
    bias: Tensor
    activation: str


@dataclass(frozen=True)
class DenseStack:
    """The dense `layers` of a network, one behind the other, that computes and learns nothing else."""

    layers: tuple[_Layer, ...]

    @classmethod
    def of(cls, learner: nn.Module) -> "DenseStack | None":
        """Return `learner` as a stack, on the processor and behind a flatten or nothing; None for any other learner.

        None also where a layer has a hook, since only the way through autograd calls hooks.
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
        hooked = any(may_have_hooks(each) for each in learner.modules())
        if not stack or not plain or hooked or layers not in (stack, [*begins[:1], *stack]):
            return None
        return cls(tuple(_Layer(each, each.weight, each.bias, each.activation) for each in stack))

    @torch.no_grad()
    def learn(self, batch: Batch, loss: CrossEntropy, normaliser: float | Tensor, precision: torch.dtype) -> Tensor:
        """Add the gradients of the sum of `loss` over `normaliser` to those of the layers' parameters.

        precision: dtype of those products that are faster when rounded. Returns the logits, float32 (N, K).
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
    """One layer on the way back: its input and weight in the dtype of its product, and its output."""

    layer: _Layer
    entered: Tensor
    weight: Tensor
    left: Tensor


def _add(parameter: Tensor, gradient: Tensor) -> None:
    gradient = _exact(gradient)
    parameter.grad = gradient if parameter.grad is None else parameter.grad.add_(gradient)


def _exact(tensor: Tensor) -> Tensor:
    """Return the tensor in float32, without a call where it is that already."""
    return tensor if tensor.dtype == torch.float32 else tensor.float()
