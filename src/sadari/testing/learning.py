"""Do optimisers and losses keep what is promised of all of them? They learn, they are deterministic, and they go on."""

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sadari.errors import SadariError
from sadari.settings import Settings
from sadari.testing.suites import Contract, seeded
from sadari.training.loss import CrossEntropy, loss_of
from sadari.training.optim.build import (
    SHARE,
    load_optimizer_tensors,
    make_optimizer,
    optimizer_tensors,
    peak_learning_rate,
)

STEPS, CLASSES = 12, 5


class Point(nn.Module):
    """A module of a matrix and a vector."""

    def __init__(self, wide: int = 4) -> None:
        super().__init__()
        self.matrix = nn.Parameter(torch.randn(3, wide, generator=seeded(1)))
        self.vector = nn.Parameter(torch.randn(wide, generator=seeded(2)))

    def pull(self, step: int) -> None:
        """Set the gradients of one step; some of their values are zero."""
        for number, each in enumerate(self.parameters()):
            each.grad = torch.randn(each.shape, generator=seeded(100 * number + step))
            each.grad.flatten()[step % each.numel()] = 0.0

    def equals(self, other: "Point") -> bool:
        """Return whether both have the same numbers."""
        return torch.equal(self.matrix, other.matrix) and torch.equal(self.vector, other.vector)


class OptimizerContract(Contract):
    """The contract of optimisers."""

    def test_it_has_a_learning_rate_of_its_own_and_takes_another(self, name: str) -> None:
        rate = peak_learning_rate(Settings(optimizer=name))
        assert rate > 0 and math.isfinite(rate)
        assert peak_learning_rate(Settings(optimizer=name, learning_rate=0.3)) == 0.3
        optimizer = make_optimizer(Point(), Settings(optimizer=name, learning_rate=0.3))
        assert all(group["lr"] == 0.3 * group.get(SHARE, 1.0) for group in optimizer.param_groups)

    def test_a_higher_rate_goes_further(self, name: str) -> None:
        moved = []
        for rate in (0.001, 0.01):
            point = Point()
            optimizer = make_optimizer(point, Settings(optimizer=name, learning_rate=rate))
            point.pull(0)
            optimizer.step()
            moved.append((point.matrix - Point().matrix).abs().sum().item())
        assert moved[1] > moved[0] > 0

    def test_the_same_gradients_make_the_same_steps(self, name: str) -> None:
        points = Point(), Point()
        optimizers = [make_optimizer(each, Settings(optimizer=name)) for each in points]
        for step in range(STEPS):
            for point, optimizer in zip(points, optimizers, strict=True):
                torch.rand(step)  # nothing depends on what others draw
                point.pull(step)
                optimizer.step()
        assert points[0].equals(points[1])

    def test_memory_is_kept_and_given_back(self, name: str) -> None:
        one, other = Point(), Point()
        first, second = (make_optimizer(each, Settings(optimizer=name)) for each in (one, other))
        for step in range(STEPS):
            for point, optimizer in ((one, first), (other, second)):
                point.pull(step)
                optimizer.step()
            if step == 4:
                stored = {key: tensor.clone() for key, tensor in optimizer_tensors(second).items()}
                second = make_optimizer(other, Settings(optimizer=name))
                load_optimizer_tensors(second, stored)
        assert one.equals(other), "a resumed run would end in other bytes"

    def test_the_memory_of_another_network_is_refused(self, name: str) -> None:
        point = Point()
        optimizer = make_optimizer(point, Settings(optimizer=name))
        point.pull(0)
        optimizer.step()
        stored = optimizer_tensors(optimizer)
        if not any(tensor.ndim for tensor in stored.values()):
            pytest.skip("it remembers nothing")
        again = make_optimizer(Point(wide=6), Settings(optimizer=name))
        with pytest.raises(SadariError, match="remembers of another network; delete its folder to start over"):
            load_optimizer_tensors(again, stored)

    def test_it_learns(self, name: str) -> None:
        """Fit a line through points without noise; 300 steps at its own rate, or at ten times that."""
        x = torch.randn(64, 4, generator=seeded(3))
        y, best = x @ torch.tensor([[1.0], [-1.0], [0.5], [0.0]]), math.inf
        for times in (1.0, 10.0):
            line = nn.Linear(4, 1)
            nn.init.zeros_(line.weight)
            nn.init.zeros_(line.bias)
            rate = times * peak_learning_rate(Settings(optimizer=name))
            optimizer = make_optimizer(line, Settings(optimizer=name, learning_rate=rate))
            for _ in range(300):
                error = F.mse_loss(line(x), y)
                optimizer.zero_grad(set_to_none=True)
                error.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
            best = min(best, F.mse_loss(line(x), y).item())
        assert best < 0.5 * y.square().mean().item()


class LossContract(Contract):
    """The contract of losses, in the form in which training uses them."""

    @pytest.fixture
    def loss(self, name: str) -> CrossEntropy:
        """Return the loss of this test."""
        return loss_of(name, CLASSES, 0.0, None)

    @staticmethod
    def _some(size: float = 3.0) -> tuple[Tensor, Tensor]:
        logits = torch.randn(23, CLASSES, generator=seeded(4)) * size
        return logits, torch.randint(0, CLASSES, (23,), generator=seeded(5))

    @pytest.mark.parametrize("size", [0.0, 3.0, 300.0])
    def test_losses_and_their_gradient_are_numbers_one_for_each_image(self, loss: CrossEntropy, size: float) -> None:
        logits, labels = self._some(size)
        before, targets = logits.clone(), loss.targets(labels)
        losses, grad = loss.losses(logits, targets), loss.grad(logits, targets)
        assert losses.shape == (23,) and grad.shape == logits.shape
        assert losses.dtype == grad.dtype == torch.float32
        assert losses.isfinite().all() and grad.isfinite().all()
        assert torch.equal(logits, before), "the input was written to"

    def test_the_gradient_is_that_of_the_losses(self, loss: CrossEntropy) -> None:
        logits, labels = self._some()
        targets, step = loss.targets(labels), 1e-2
        grad = loss.grad(logits, targets)
        for column in range(CLASSES):
            aside = torch.zeros(CLASSES)
            aside[column] = step
            slope = (loss.losses(logits + aside, targets) - loss.losses(logits - aside, targets)) / (2 * step)
            torch.testing.assert_close(grad[:, column], slope, rtol=0.02, atol=2e-3)

    def test_an_image_costs_the_same_alone(self, loss: CrossEntropy) -> None:
        logits, labels = self._some()
        targets = loss.targets(labels)
        alone = [loss.losses(*each) for each in zip(torch.split(logits, 1), torch.split(targets, 1), strict=True)]
        torch.testing.assert_close(torch.cat(alone), loss.losses(logits, targets))

    def test_right_answers_cost_less_than_wrong_ones(self, loss: CrossEntropy) -> None:
        _, labels = self._some()
        sure = 8.0 * F.one_hot(labels, CLASSES).float()
        targets = loss.targets(labels)
        assert (loss.losses(sure, targets) < loss.losses(sure.roll(1, 1), targets)).all()

    def test_steps_against_the_gradient_make_it_smaller(self, loss: CrossEntropy) -> None:
        logits, labels = self._some()
        targets = loss.targets(labels)
        start = loss.losses(logits, targets).sum()
        for _ in range(20):
            logits = logits - 0.1 * loss.grad(logits, targets)
        assert loss.losses(logits, targets).sum() < start

    def test_class_weights_smoothing_and_mixed_labels_count(self, name: str) -> None:
        logits, labels = self._some()
        weights = torch.tensor([0.5, 1.0, 2.0, 0.25, 1.5])
        plain, weighed = loss_of(name, CLASSES, 0.0, None), loss_of(name, CLASSES, 0.0, weights)
        expected = plain.losses(logits, plain.targets(labels)) * weights[labels]
        torch.testing.assert_close(weighed.losses(logits, weighed.targets(labels)), expected)
        shares = F.one_hot(labels, CLASSES).float()
        mixed = 0.7 * shares + 0.3 * shares.flip(0)
        for smoothing in (0.0, 0.2):
            of_mixed = loss_of(name, CLASSES, smoothing, None)
            assert of_mixed.losses(logits, of_mixed.targets(mixed)).isfinite().all()
