"""Do the leaner Adam and AdamW step as torch's own, to the bit, and go on from a stored state?"""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import Parameter
from torch.optim import Adam, AdamW

from sadari.training.optim import adam
from sadari.training.optim.adam import LeanAdam, LeanAdamW

PAIRS = [(LeanAdam, Adam), (LeanAdamW, AdamW)]


def parameters() -> list[Parameter]:
    generator = torch.Generator().manual_seed(0)
    return [Parameter(torch.randn(shape, generator=generator)) for shape in ((5, 4), (4,), (3, 2, 2))]


def groups(some: list[Parameter]) -> list[dict[str, Any]]:
    return [{"params": some[:2], "weight_decay": 0.1}, {"params": some[2:], "weight_decay": 0.0, "lr": 0.3}]


def stepped(optimizer: Any, some: list[Parameter], steps: range) -> list[Tensor]:
    for step in steps:
        generator = torch.Generator().manual_seed(step + 1)
        for number, parameter in enumerate(some):
            if step != 1 or number != 1:  # once, one of them has no gradient
                parameter.grad = torch.randn(parameter.shape, generator=generator)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        assert all(each.grad is None for each in some)
    return [each.detach().clone() for each in some]


@pytest.mark.parametrize(("lean", "plain"), PAIRS)
def test_they_step_as_torchs_own(lean: Any, plain: Any) -> None:
    ours, theirs = parameters(), parameters()
    mine = stepped(lean(groups(ours), 0.05, eps=1e-7, fused=True), ours, range(5))
    expected = stepped(plain(groups(theirs), 0.05, eps=1e-7, fused=True), theirs, range(5))
    assert all(torch.equal(one, other) for one, other in zip(mine, expected, strict=True))
    assert not torch.equal(mine[0], parameters()[0])


@pytest.mark.parametrize(("lean", "plain"), PAIRS)
def test_they_go_on_from_a_kept_state(lean: Any, plain: Any) -> None:
    whole, pieces = parameters(), parameters()
    expected = stepped(lean(groups(whole), 0.05, fused=True), whole, range(5))
    first = lean(groups(pieces), 0.05, fused=True)
    stepped(first, pieces, range(3))
    second = plain(groups(pieces), 0.05, fused=True)
    second.load_state_dict(first.state_dict())  # torch's own understands it too
    third = lean(groups(pieces), 0.05, fused=True)
    third.load_state_dict(second.state_dict())
    found = stepped(third, pieces, range(3, 5))
    assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))


@pytest.mark.parametrize("missing", ["_fused_adam_", "_fused_adamw_", "_foreach_add_"])
@pytest.mark.parametrize(("lean", "plain"), PAIRS)
def test_where_torch_lacks_a_private_name_its_own_step_is_taken(
    missing: str, lean: Any, plain: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = {name: getattr(torch, name) for name in ("_fused_adam_", "_fused_adamw_", "_foreach_add_")}
    del there[missing]
    monkeypatch.setattr(adam, "torch", SimpleNamespace(**there))
    test_they_step_as_torchs_own(lean, plain)


@pytest.mark.parametrize(("lean", "plain"), PAIRS)
def test_where_torch_keeps_another_state_its_own_step_is_taken(
    lean: Any, plain: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adam, "STATE", frozenset(("step", "first_moment", "second_moment")))
    monkeypatch.setattr(adam, "_step", None)  # which is not called
    test_they_step_as_torchs_own(lean, plain)


def test_a_group_of_another_version_has_no_arithmetic() -> None:
    assert adam._arithmetic({"lr": 0.1}) is None
    assert adam._arithmetic({"decoupled_weight_decay": True}) is torch._fused_adamw_
