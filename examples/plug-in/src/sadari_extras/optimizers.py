"""An optimiser: Lion (Chen et al. 2023, https://arxiv.org/abs/2302.06675)."""

from typing import Any

import torch
from torch.optim import Optimizer

import sadari


@sadari.optimizer("lion", learning_rate=0.0003)
class Lion(Optimizer):
    """Steps of one size in the direction of a running mean of the gradients."""

    def __init__(self, params: Any, lr: float) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": 0.0})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # noqa: ARG002
        for group in self.param_groups:
            for each in (each for each in group["params"] if each.grad is not None):
                mean = self.state[each].setdefault("mean", torch.zeros_like(each))
                each.mul_(1 - group["lr"] * group["weight_decay"])
                each.sub_(mean.lerp(each.grad, 0.1).sign(), alpha=group["lr"])
                mean.lerp_(each.grad, 0.01)
