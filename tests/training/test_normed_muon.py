"""Does normed-muon step as its recipe says: kernels of one norm by Muon, the class layer and biases by descent?"""

import torch
from torch import Tensor, nn

from sadari.models.network import Network, build
from sadari.models.parse import parse
from sadari.settings import Settings
from sadari.training.optim.build import load_optimizer_tensors, make_optimizer, optimizer_tensors, set_learning_rate
from sadari.training.optim.muon import orthogonal

LAYERS = "conv 4 same linear, batchnorm, relu, conv 6 same, globalavgpool"
BATCH, STEPS, DECAY = 50, 5, 0.1


def network() -> Network:
    return build(parse(LAYERS, {}), (6, 6, 3), 3, seed=0)


def grads_of(made: nn.Module) -> list[list[Tensor]]:
    generator = torch.Generator().manual_seed(1)
    return [[torch.randn(each.shape, generator=generator) for each in made.parameters()] for _ in range(STEPS)]


def learn(made: nn.Module, optimizer: torch.optim.Optimizer, grads: list[list[Tensor]], rate: float) -> None:
    for number, grad in enumerate(grads):
        set_learning_rate(optimizer, rate / (1 + number))
        for parameter, gradient in zip(made.parameters(), grad, strict=True):
            parameter.grad = gradient.clone()
        optimizer.step()


def test_every_parameter_steps_as_the_recipe_says() -> None:
    made, rate = network(), 0.12
    settings = Settings(optimizer="normed-muon", learning_rate=rate, batch_size=BATCH, weight_decay=DECAY)
    before = {name: each.detach().clone() for name, each in made.named_parameters()}
    grads = grads_of(made)
    learn(made, make_optimizer(made, settings), grads, rate)
    for number, (name, found) in enumerate(made.named_parameters()):
        expected, momentum = before[name], torch.zeros_like(before[name])
        decay = DECAY if found.ndim > 1 else 0.0
        for step, grad in enumerate(each[number] for each in grads):
            share = rate / (1 + step) / 0.24
            if found.ndim == 4:
                momentum = 0.6 * momentum + grad
                turned = orthogonal((grad + 0.6 * momentum).flatten(1), 3).view_as(grad)
                expected = expected * len(expected) ** 0.5 / expected.norm() - 0.24 * share * turned
                continue
            of_class_layer = name.startswith("head")
            own = BATCH * (0.67 / 256 / 6 if of_class_layer else 0.053)
            grad = grad + decay * expected
            momentum = 0.85 * momentum + grad
            expected = expected - own * share * (grad + 0.85 * momentum)
        assert torch.allclose(found, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max())), name


def test_memory_is_kept_and_given_back() -> None:
    one, other = network(), network()
    settings = Settings(optimizer="normed-muon")
    grads = grads_of(one)
    first, second = make_optimizer(one, settings), make_optimizer(other, settings)
    learn(one, first, grads[:3], 0.1)
    other.load_state_dict(one.state_dict())
    load_optimizer_tensors(second, {name: each.clone() for name, each in optimizer_tensors(first).items()})
    learn(one, first, grads[3:], 0.1)
    learn(other, second, grads[3:], 0.1)
    for mine, its in zip(one.parameters(), other.parameters(), strict=True):
        assert torch.equal(mine, its)


def test_a_kernel_of_zeros_stays_finite() -> None:
    made = network()
    with torch.no_grad():
        made.get_parameter("features.0.weight").zero_()
    optimizer = make_optimizer(made, Settings(optimizer="normed-muon"))
    learn(made, optimizer, grads_of(made)[:1], 0.1)
    assert all(each.isfinite().all() for each in made.parameters())
