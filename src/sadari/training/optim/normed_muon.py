"""How do kernels of a fixed norm learn? By Muon, while the class layer and all biases learn by descent with momentum.

In front of a batch normalisation the size of a kernel changes nothing but how far a step turns it: with the norm set
before every step, the learning rate alone says that. Source: Jordan 2024 (arXiv:2404.00498), with Muon since; all
numbers are cited from that recipe.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.optim import SGD

from sadari.training.optim.muon import ORTHOGONAL, TwoWays, marked, orthogonal
from sadari.training.optim.uncompiled import uncompiled

RATE = 0.24
MOMENTUM = 0.6  # of kernels, in Nesterov's form
MOMENTUM_OF_OTHERS = 0.85  # likewise
TIMES = 3  # applications of the polynomial
# The recipe adds the gradients of a batch up, where here their mean is taken: these rates are for each of its images.
BIAS_RATE = 0.053
CLASS_RATE = 0.67 / 256  # over the number of features; the recipe divides answers by 256, the number of its features

_SGD = uncompiled(SGD)


class NormedMuon(TwoWays, _SGD):  # type: ignore[misc, valid-type]
    """Muon with kernels of norm sqrt(outputs) for the groups marked `orthogonal`, descent with momentum for the others.

    precision: dtype of the products that make a matrix orthogonal.
    """

    def __init__(self, groups: list[dict[str, Any]], rate: float, precision: torch.dtype) -> None:
        others: dict[str, Any] = {"momentum": MOMENTUM_OF_OTHERS, "nesterov": True, "fused": True}
        super().__init__(groups, rate, **others)  # type: ignore[arg-type]
        self._precision = precision

    def _learn(self, kernel: Parameter, grad: Tensor, rate: float, decay: float) -> None:
        """Turn the kernel; `decay` is not used, since its norm is set anyway."""
        del decay
        state = self.state[kernel]
        if not state:
            state["momentum_buffer"] = torch.zeros_like(kernel)
        momentum = state["momentum_buffer"].mul_(MOMENTUM).add_(grad)
        direction = grad.add(momentum, alpha=MOMENTUM)
        turned = orthogonal(direction.flatten(1).to(self._precision), TIMES)
        kernel.mul_(len(kernel) ** 0.5 / kernel.norm().clamp(min=1e-7))
        kernel.add_(turned.view_as(direction), alpha=-rate)


def shared_out(groups: list[dict[str, Any]], batch_size: int, share: str) -> list[dict[str, Any]]:
    """Return the groups of parameters in three kinds: hidden kernels, marked; the class layer; and all other biases.

    share: the key of a group for its fraction of the learning rate, which this sets for the last two kinds.
    """
    split = marked(groups)
    last = [each for each in groups[0]["params"] if each.ndim >= 2][-1]
    biases = [each for group in groups for each in group["params"] if each.ndim < 2 and len(each) == len(last)]
    of_class_layer = {id(last), *(id(each) for each in biases[-1:])}
    shared: list[dict[str, Any]] = []
    for group in split:
        if group[ORTHOGONAL]:
            shared.append(group)
            continue
        for rate, inside in ((CLASS_RATE / last.shape[1], True), (BIAS_RATE, False)):
            some = [each for each in group["params"] if (id(each) in of_class_layer) is inside]
            if some:
                shared.append({**group, "params": some, share: group[share] * rate * batch_size / RATE})
    return shared
