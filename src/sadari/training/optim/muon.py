"""How does a kernel learn from every direction of its gradient at one pace? Muon: momentum, made orthogonal.

The momentum of a kernel, seen as a matrix (outputs, all that one output reads), is replaced by the nearest matrix whose
singular values are all one. Sources: K. Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks",
with the polynomial found there; Liu et al. 2025 (arXiv:2502.16982) for the size of a step, which is that of Adam's,
so that both share one learning rate.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.optim import Optimizer

from sadari.training.optim.adam import LeanAdamW

# a x + b x^3 + c x^5 brings singular values to about one; cited: Jordan et al. 2024.
POLYNOMIAL = (3.4445, -4.7750, 2.0315)
TIMES = 5  # cited: likewise
SIZE_OF_ADAM = 0.2  # root mean square of Adam's steps; cited: Liu et al. 2025
ORTHOGONAL = "orthogonal"  # the key of a group of parameters: whether Muon updates it, else AdamW


class TwoWays(Optimizer):
    """The half of an optimiser that has a step of its own, `_learn`, for the groups marked `orthogonal`.

    The class behind it in a list of bases steps the other groups.
    """

    param_groups: list[dict[str, Any]]

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Update every parameter that has a gradient; `closure` is not used."""
        del closure
        groups = self.param_groups
        self.param_groups = [group for group in groups if not group[ORTHOGONAL]]
        try:
            super().step()
        finally:
            self.param_groups = groups
        for group in groups:
            if group[ORTHOGONAL]:
                for kernel in group["params"]:
                    if kernel.grad is not None:
                        self._learn(kernel, kernel.grad, group["lr"], group["weight_decay"])

    def _learn(self, kernel: Parameter, grad: Tensor, rate: float, decay: float) -> None:
        raise NotImplementedError


class Muon(TwoWays, LeanAdamW):  # type: ignore[misc, valid-type]
    """Muon for the groups marked `orthogonal`, which hold kernels, and AdamW for the others, with one learning rate.

    momentum: of Muon, in Nesterov's form. precision: dtype of the products that make a matrix orthogonal.
    """

    def __init__(
        self, groups: list[dict[str, Any]], rate: float, *, momentum: float, epsilon: float, precision: torch.dtype
    ) -> None:
        super().__init__(groups, rate, eps=epsilon, fused=True)  # type: ignore[arg-type, call-arg]
        self._momentum = momentum
        self._precision = precision

    def _learn(self, kernel: Parameter, grad: Tensor, rate: float, decay: float) -> None:
        state = self.state[kernel]
        if not state:
            state["step"] = torch.tensor(0.0)  # AdamW's loader expects it
            state["momentum"] = torch.zeros_like(kernel)
        state["momentum"].lerp_(grad, 1 - self._momentum)
        direction = grad.lerp(state["momentum"], self._momentum)
        matrix = direction.flatten(1)
        size = SIZE_OF_ADAM * max(matrix.shape) ** 0.5
        kernel.mul_(1 - rate * decay)
        kernel.add_(orthogonal(matrix.to(self._precision)).view_as(direction), alpha=-rate * size)


def orthogonal(matrix: Tensor, times: int = TIMES) -> Tensor:
    """Return about the nearest matrix to `matrix` (M, N) with singular values of one: they are between 0.7 and 1.2.

    times: applications of the polynomial; with fewer than TIMES, small singular values stay below that.
    """
    a, b, c = POLYNOMIAL
    tall = matrix.shape[0] > matrix.shape[1]
    x: Tensor = matrix.T if tall else matrix
    x = x / x.norm().clamp(min=1e-7)
    for _ in range(times):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x.T if tall else x


def marked(groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the groups of parameters with kernels in marked groups of their own, except the last of the first group.

    That is the kernel of the class layer, which learns better by AdamW (Jordan et al. 2024).
    """
    last = [each for each in groups[0]["params"] if each.ndim >= 2][-1]
    split: list[dict[str, Any]] = []
    for group in groups:
        for mark in (True, False):
            some = [each for each in group["params"] if (each.ndim >= 2 and each is not last) is mark]
            if some:
                split.append({**group, "params": some, ORTHOGONAL: mark})
    return split
