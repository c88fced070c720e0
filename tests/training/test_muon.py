"""Does Muon step as torch's own does, on kernels of every shape, and does the class layer learn from AdamW?"""

import pytest
import torch
from torch import Tensor, nn

from sadari.settings import Settings
from sadari.training.optim.build import load_optimizer_tensors, make_optimizer, optimizer_tensors
from sadari.training.optim.muon import orthogonal

STEPS = 6
SETTINGS = Settings(optimizer="muon", learning_rate=0.02, weight_decay=0.1)


def small_network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 9), nn.Linear(9, 3))


def kernels(network: nn.Module) -> list[nn.Parameter]:
    return [each for each in network.parameters() if each.ndim > 1]


def biases(network: nn.Module) -> list[nn.Parameter]:
    return [each for each in network.parameters() if each.ndim == 1]


def grads_of(network: nn.Module) -> list[list[Tensor]]:
    generator = torch.Generator().manual_seed(1)
    return [[torch.randn(each.shape, generator=generator) for each in network.parameters()] for _ in range(STEPS)]


def learn(network: nn.Module, optimizer: torch.optim.Optimizer, grads: list[list[Tensor]]) -> None:
    for grad in grads:
        for parameter, gradient in zip(network.parameters(), grad, strict=True):
            parameter.grad = gradient.clone().to(memory_format=torch.preserve_format)
        optimizer.step()


def test_hidden_kernels_step_as_torchs_muon_and_the_others_as_adamw() -> None:
    ours, theirs = small_network(), small_network()
    grads = grads_of(ours)
    learn(ours, make_optimizer(ours, SETTINGS), grads)
    *hidden, of_class_layer = kernels(theirs)
    muon = torch.optim.Muon(hidden, lr=0.02, weight_decay=0.1, momentum=0.95, adjust_lr_fn="match_rms_adamw")
    rest = [
        {"params": [of_class_layer], "weight_decay": 0.1},
        {"params": biases(theirs), "weight_decay": 0.0},
    ]
    for grad in grads:
        for parameter, gradient in zip(theirs.parameters(), grad, strict=True):
            parameter.grad = gradient.clone()
        muon.step()  # type: ignore[no-untyped-call]
    learn(theirs, torch.optim.AdamW(rest, lr=0.02, eps=1e-7), grads)
    for mine, its in zip([*biases(ours), kernels(ours)[2]], [*biases(theirs), of_class_layer], strict=True):
        assert torch.allclose(mine, its, atol=1e-6)
    for start, mine, its in zip(kernels(small_network()), kernels(ours)[:2], hidden, strict=False):
        # torch's products are bfloat16, ours float32 here
        assert (mine - its).norm() < 0.03 * (its - start).norm()


@pytest.mark.parametrize("shape", [(8, 30), (30, 8), (16, 16)])
def test_singular_values_become_about_one(shape: tuple[int, int]) -> None:
    torch.manual_seed(3)
    values = torch.linalg.svdvals(orthogonal(torch.randn(shape) * torch.logspace(0, -1, shape[1])))
    assert values.min() > 0.5 and values.max() < 1.3
    assert torch.equal(orthogonal(torch.zeros(shape)), torch.zeros(shape))


def test_a_convolutions_kernel_is_a_matrix_whatever_its_memory_order() -> None:
    def convolutions() -> nn.Sequential:
        torch.manual_seed(0)
        return nn.Sequential(nn.Conv2d(3, 5, 3), nn.Flatten(), nn.Linear(5, 2))

    plain, last = convolutions(), convolutions().to(memory_format=torch.channels_last)
    grads = grads_of(plain)
    for network in (plain, last):
        learn(network, make_optimizer(network, SETTINGS), grads)
    matrix = nn.Sequential(nn.Linear(27, 5), nn.Linear(5, 2))
    with torch.no_grad():
        for mine, other in zip(matrix.parameters(), convolutions().parameters(), strict=True):
            mine.copy_(other.view_as(mine))
    flat = [[each.view_as(mine) for each, mine in zip(grad, matrix.parameters(), strict=True)] for grad in grads]
    learn(matrix, make_optimizer(matrix, SETTINGS), flat)
    assert torch.allclose(kernels(plain)[0], kernels(last)[0], atol=1e-6)
    assert torch.allclose(kernels(plain)[0].flatten(1), kernels(matrix)[0], atol=1e-6)


def test_memory_is_kept_and_given_back() -> None:
    one, other = small_network(), small_network()
    grads = grads_of(one)
    first, second = make_optimizer(one, SETTINGS), make_optimizer(other, SETTINGS)
    learn(one, first, grads[:3])
    other.load_state_dict(one.state_dict())
    load_optimizer_tensors(second, {name: each.clone() for name, each in optimizer_tensors(first).items()})
    learn(one, first, grads[3:])
    learn(other, second, grads[3:])
    for mine, its in zip(one.parameters(), other.parameters(), strict=True):
        assert torch.equal(mine, its)
