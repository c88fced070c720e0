"""Is an optimiser without its wrappers for torch's compiler the same optimiser?"""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD, Adadelta, Adam, AdamW, Optimizer, RMSprop

from sadari.training.optim.uncompiled import uncompiled


def learned(optimizer: Optimizer, network: nn.Module) -> list[Tensor]:
    """Return the parameters of `network` after three steps, and the state of the optimiser."""
    generator = torch.Generator().manual_seed(1)
    for _ in range(3):
        network(torch.randn(8, 5, generator=generator)).square().sum().backward()
        optimizer.step()
        optimizer.zero_grad()
    assert all(each.grad is None for each in network.parameters())
    state = optimizer.state_dict()["state"]
    return [*network.parameters(), *(value for each in state.values() for value in each.values())]


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3))


@pytest.mark.parametrize("kind", [SGD, Adam, AdamW, RMSprop, Adadelta])
def test_its_steps_are_the_same_to_the_bit(kind: Any) -> None:
    ours, theirs = network(), network()
    found = learned(uncompiled(kind)(ours.parameters(), lr=0.01), ours)
    wanted = learned(kind(theirs.parameters(), lr=0.01), theirs)
    assert len(found) == len(wanted)
    assert all(torch.equal(each, other) for each, other in zip(found, wanted, strict=True))
    assert not torch.equal(next(iter(network().parameters())), found[0])


def test_what_it_remembers_is_given_back() -> None:
    first = network()
    first_optimizer = uncompiled(Adam)(first.parameters(), lr=0.01)
    learned(first_optimizer, first)
    again = uncompiled(Adam)(first.parameters(), lr=0.5)
    again.load_state_dict(first_optimizer.state_dict())
    assert again.param_groups[0]["lr"] == 0.01
    assert torch.equal(
        again.state[next(first.parameters())]["exp_avg"], first_optimizer.state[next(first.parameters())]["exp_avg"]
    )


def test_its_steps_leave_no_graph() -> None:
    ours = network()
    learned(uncompiled(SGD)(ours.parameters(), lr=0.01), ours)
    assert all(each.is_leaf and each.grad_fn is None for each in ours.parameters())
    assert torch.is_grad_enabled()
