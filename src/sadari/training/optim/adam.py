"""How do Adam and AdamW step? By torch's own fused arithmetic, to the same bits, without the bookkeeping around it.

torch sorts all tensors by device and dtype again in every step, which takes longer than the arithmetic of a small
network: on mlp's 218,058 parameters a step took 0.27 ms (under torch's profiler) and takes 0.15 ms (by the clock).
The arithmetic has private names in torch. Where a version lacks one, or keeps another state, torch's own step is taken.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch.optim import Adam, AdamW

from sadari.training.optim.uncompiled import uncompiled

STATE = frozenset(("step", "exp_avg", "exp_avg_sq"))  # what torch keeps of each parameter


def _lean(kind: type[Adam]) -> type[Adam]:
    base = uncompiled(kind)

    class Lean(base):  # type: ignore[misc, valid-type]
        @torch.no_grad()
        def step(self, closure: Callable[[], float] | None = None) -> None:
            """Update every parameter that has a gradient; `closure` is not used."""
            del closure
            groups = [[each for each in group["params"] if each.grad is not None] for group in self.param_groups]
            arithmetic = [_arithmetic(group) for group in self.param_groups]
            known = all(self.state.get(each, {}).keys() >= STATE for parameters in groups for each in parameters)
            if not known or None in arithmetic:
                super().step()  # which makes the state of each
                return
            for group, parameters, fused in zip(self.param_groups, groups, arithmetic, strict=True):
                if parameters and fused:
                    _step(fused, group, parameters, [self.state[each] for each in parameters])

        def zero_grad(self, set_to_none: bool = True) -> None:
            """Set all gradients to None; `set_to_none` is always true here."""
            assert set_to_none
            for group in self.param_groups:
                for parameter in group["params"]:
                    parameter.grad = None

    Lean.step.hooked = True  # type: ignore[attr-defined]  # else torch wraps it for its profiler
    Lean.__name__ = kind.__name__
    return Lean


def _arithmetic(group: dict[str, Any]) -> Callable[..., None] | None:
    """Return the function that updates the parameters of `group`; None where this version of torch has none."""
    name = {True: "_fused_adamw_", False: "_fused_adam_"}.get(group.get("decoupled_weight_decay", ""), "")
    return getattr(torch, name, None) if hasattr(torch, "_foreach_add_") else None


def _step(
    fused: Callable[..., None],
    group: dict[str, Any],
    parameters: list[torch.Tensor],
    states: list[dict[str, torch.Tensor]],
) -> None:
    steps = [each["step"] for each in states]
    torch._foreach_add_(steps, 1)
    fused(
        parameters,
        [each.grad for each in parameters if each.grad is not None],
        [each["exp_avg"] for each in states],
        [each["exp_avg_sq"] for each in states],
        [],  # the state of AMSGrad
        steps,
        lr=group["lr"],
        beta1=group["betas"][0],
        beta2=group["betas"][1],
        weight_decay=group["weight_decay"],
        eps=group["eps"],
        amsgrad=False,
        maximize=False,
    )


LeanAdam = _lean(Adam)
LeanAdamW = _lean(AdamW)
