"""Do the depthwise convolutions of a backbone learn in float32 where the others are in bfloat16?"""

import copy

import pytest
import torch
from torch import Tensor, nn

from sadari.models.backbone.depthwise import keep_depthwise_exact


class Small(nn.Module):
    """A pointwise and a depthwise convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.wide = nn.Conv2d(3, 8, 1)
        self.deep = nn.Conv2d(8, 8, 3, padding=1, groups=8)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.deep(self.wide(x))
        return out


@pytest.fixture
def network() -> Small:
    torch.manual_seed(0)
    made = Small()
    keep_depthwise_exact(made)
    return made


def dtypes(network: Small, x: Tensor) -> tuple[torch.dtype, torch.dtype]:
    """Return the dtypes of both layers' outputs under autocast."""
    seen = []
    hooks = [each.register_forward_hook(lambda *args: seen.append(args[2].dtype)) for each in network.children()]
    with torch.autocast("cpu", torch.bfloat16):
        network(x)
    for hook in hooks:
        hook.remove()
    return seen[0], seen[1]


def test_a_depthwise_convolution_that_learns_is_in_float32_and_the_others_are_not(network: Small) -> None:
    x = torch.randn(2, 3, 5, 5)
    assert dtypes(network, x) == (torch.bfloat16, torch.float32)
    network.deep.requires_grad_(False)
    assert dtypes(network, x) == (torch.bfloat16, torch.float32)  # gradients go through it
    network.wide.requires_grad_(False)
    assert dtypes(network, x) == (torch.bfloat16, torch.bfloat16)
    network.requires_grad_(True)
    with torch.no_grad():
        assert dtypes(network, x) == (torch.bfloat16, torch.bfloat16)


def test_names_values_and_answers_stay(network: Small) -> None:
    torch.manual_seed(0)
    plain, x = Small(), torch.randn(2, 3, 5, 5)
    assert network.state_dict().keys() == plain.state_dict().keys()
    assert str(network) == str(plain)
    plain.load_state_dict(network.state_dict())
    assert torch.equal(network(x), plain(x))
    kind = type(network.deep)
    keep_depthwise_exact(network)
    assert type(network.deep) is kind
    assert torch.equal(copy.deepcopy(network)(x), network(x))
