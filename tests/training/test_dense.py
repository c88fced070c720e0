"""Do gradients that are written out equal those of autograd, and are they used only where that holds?"""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from sadari.models.frozen import Head
from sadari.models.layers import modules
from sadari.models.network import Network, build
from sadari.models.parse import parse
from sadari.training.batches import Batch
from sadari.training.dense import DenseStack
from sadari.training.loss import CrossEntropy, are_correct
from support.engines import engine_for

SHAPE, CLASSES = (4, 5, 2), 3
STACKS = ("flatten", "flatten, dense 9", "flatten, dense 9, dense 8 sigmoid, dense 7 tanh, dense 6 linear")


def network_of(layers: str) -> Network:
    network = build(parse(layers, {}), SHAPE, CLASSES, 0)
    for parameter in network.parameters():  # biases too
        torch.nn.init.normal_(parameter, std=0.5, generator=torch.Generator().manual_seed(1))
    return network.train()


def batch(count: int = 17) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(count, SHAPE[2], *SHAPE[:2], generator=generator).contiguous(memory_format=torch.channels_last)
    return x, torch.randint(0, CLASSES, (count,), generator=generator)


def by_autograd(
    network: Network, x: Tensor, labels: Tensor, smoothing: float = 0.0, rounded: bool = False
) -> tuple[float, int, list[Tensor]]:
    twin = copy.deepcopy(network)
    with torch.autocast("cpu", torch.bfloat16, enabled=rounded):
        logits = twin(x)
    loss = F.cross_entropy(logits.float(), labels, reduction="sum", label_smoothing=smoothing)
    (loss / 5).backward()  # type: ignore[no-untyped-call]
    right = int((logits.argmax(1) == labels).sum())
    return loss.item(), right, [each.grad for each in twin.parameters() if each.grad is not None]


@pytest.mark.parametrize("layers", STACKS)
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_gradients_are_those_of_autograd(layers: str, smoothing: float) -> None:
    network, (x, labels) = network_of(layers), batch()
    wanted_loss, wanted_right, wanted = by_autograd(network, x, labels, smoothing)
    stack = DenseStack.of(network)
    assert stack is not None
    loss = CrossEntropy(CLASSES, smoothing)
    targets = loss.targets(labels)
    logits = stack.learn(Batch(x, labels, targets), loss, 5.0, torch.float32)
    assert loss.losses(logits, targets).sum().item() == pytest.approx(wanted_loss, rel=1e-6)
    assert are_correct(logits, labels).sum() == wanted_right
    found = [each.grad for each in network.parameters()]
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        assert one is not None
        assert torch.allclose(one, other, rtol=1e-5, atol=1e-6)


def test_two_halves_of_a_batch_add_up() -> None:
    network, (x, labels) = network_of(STACKS[2]), batch()
    _, _, wanted = by_autograd(network, x, labels)
    loss = CrossEntropy(CLASSES)
    stack = DenseStack.of(network)
    assert stack is not None
    for some in (slice(0, 8), slice(8, None)):
        stack.learn(Batch(x[some], labels[some], loss.targets(labels[some])), loss, 5.0, torch.float32)
    for one, other in zip(network.parameters(), wanted, strict=True):
        assert one.grad is not None
        assert torch.allclose(one.grad, other, rtol=1e-5, atol=1e-6)


def test_products_that_pay_are_rounded_as_autocast_rounds_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modules, "ROUND_FROM", 1)
    monkeypatch.setattr(modules, "PRODUCTS_FROM", 17 * 40 * 9)  # the first layer's
    network, (x, labels) = network_of(STACKS[2]), batch()
    exact, rounded = (by_autograd(network, x, labels, rounded=each)[2] for each in (False, True))
    stack = DenseStack.of(network)
    assert stack is not None
    loss = CrossEntropy(CLASSES)
    stack.learn(Batch(x, labels, loss.targets(labels)), loss, 5.0, torch.bfloat16)
    for parameter, one, other in zip(network.parameters(), rounded, exact, strict=True):
        assert parameter.grad is not None
        assert parameter.grad.dtype == torch.float32
        size = float(other.abs().max())
        assert float((parameter.grad - one).abs().max()) < 0.01 * size
        assert not torch.equal(parameter.grad, other)


@pytest.mark.parametrize(
    "layers",
    [
        "conv 4, flatten",
        "maxpool, flatten, dense 4",
        "flatten, batchnorm, dense 4",
        "flatten, dense 4, dropout 0.5",
        "mirror, flatten, dense 4",
        "rows, lstm 4",
        "globalavgpool, dense 4",
    ],
)
def test_anything_else_is_left_to_autograd(layers: str) -> None:
    assert DenseStack.of(network_of(layers)) is None


def test_the_rest_behind_frozen_layers_may_be_a_stack_and_frozen_ones_never_are() -> None:
    network = network_of("conv 4, flatten, dense 5")
    behind = [*network.features, *network.head][1:]
    stack = DenseStack.of(Head(network, behind))
    assert stack is not None
    assert [each.dense.out_features for each in stack.layers] == [5, CLASSES]
    next(network.head.parameters()).requires_grad_(False)
    assert DenseStack.of(Head(network, behind)) is None


def test_a_layer_that_somebody_listens_to_is_called() -> None:
    network = network_of("flatten, dense 4")
    network.head.register_forward_hook(lambda *_: None)
    assert DenseStack.of(network) is None


def test_where_torch_names_its_hooks_otherwise_all_layers_are_called(monkeypatch: pytest.MonkeyPatch) -> None:
    assert DenseStack.of(network_of("flatten, dense 4")) is not None
    convolved, (x, _) = network_of("conv 4 same, maxpool, flatten, dense 4"), batch()
    before = convolved(x)
    monkeypatch.setattr(modules, "HOOKS", ("_hooks_of_another_version",))
    assert DenseStack.of(network_of("flatten, dense 4")) is None
    assert torch.equal(convolved(x), before)


def test_training_by_them_learns_what_autograd_learns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    losses = []
    for name, of in (("written", DenseStack.of), ("autograd", lambda _: None)):
        monkeypatch.setattr(DenseStack, "of", of)
        state = engine_for("flatten, dense 16, dense 8", tmp_path / name, epochs=4).fit()
        losses.append([row["train_loss"] for row in state.history])
    assert np.allclose(losses[0], losses[1], rtol=1e-4)
    assert losses[0][-1] < losses[0][0]
