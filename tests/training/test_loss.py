"""Is the cross-entropy that is written out the same as torch's own, with all its options?"""

import math
from itertools import product

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from sadari.evaluation.metrics import loss
from sadari.settings import LOSSES
from sadari.testing import LossContract
from sadari.training.loss import FUNCTIONS, CrossEntropy, PluginLoss, are_correct, mean_log_loss, plain
from sadari.values import Predictions

CLASSES = 5
WEIGHTS = torch.tensor([0.5, 1.0, 2.0, 0.25, 1.5])


class TestLosses(LossContract):
    names = LOSSES


def test_a_function_as_loss_has_the_gradient_that_is_written_out() -> None:
    """The cross-entropy taken for a plug-in: with class weights, smoothing and mixed labels it is the same."""
    assert tuple(FUNCTIONS.own()) == LOSSES
    for mixed, smoothing, weights in product([False, True], [0.0, 0.2], [None, WEIGHTS]):
        logits, labels = some(mixed)
        own = CrossEntropy(CLASSES, smoothing, weights)
        found = PluginLoss(CLASSES, smoothing, weights, function=plain, name="plain")
        targets = own.targets(labels)
        assert torch.allclose(found.losses(logits, targets), own.losses(logits, targets), atol=1e-6)
        assert torch.allclose(found.grad(logits, targets), own.grad(logits, targets), atol=1e-6)


def some(mixed: bool, size: float = 3.0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(4)
    logits = torch.randn(23, CLASSES, generator=generator) * size
    labels = torch.randint(0, CLASSES, (23,), generator=generator)
    if not mixed:
        return logits, labels
    shares = F.one_hot(labels, CLASSES).float()
    return logits, 0.7 * shares + 0.3 * shares.flip(0)


@pytest.mark.parametrize(
    ("smoothing", "weights", "mixed", "size"), list(product([0.0, 0.2], [None, WEIGHTS], [False, True], [3.0, 300.0]))
)
def test_loss_and_grad_are_torchs(smoothing: float, weights: Tensor | None, mixed: bool, size: float) -> None:
    logits, labels = some(mixed, size)
    loss = CrossEntropy(CLASSES, smoothing, weights)
    targets = loss.targets(labels)
    leaf = logits.double().requires_grad_()
    theirs = F.cross_entropy(
        leaf,
        labels.double() if mixed else labels,
        None if weights is None else weights.double(),
        reduction="none",
        label_smoothing=smoothing,
    )
    theirs.sum().backward()  # type: ignore[no-untyped-call]
    assert leaf.grad is not None
    assert torch.allclose(loss.losses(logits, targets).double(), theirs, rtol=1e-5, atol=1e-5)
    assert torch.allclose(loss.grad(logits, targets).double(), leaf.grad, rtol=1e-5, atol=1e-6)


def test_an_image_counts_as_its_class_does() -> None:
    for mixed in (False, True):
        _, labels = some(mixed)
        shares = labels if mixed else F.one_hot(labels, CLASSES).float()
        assert CrossEntropy(CLASSES).count(labels) == 23
        assert CrossEntropy(CLASSES, 0.2, WEIGHTS).count(labels) == pytest.approx((shares * WEIGHTS).sum().item())


def test_an_answer_is_as_right_as_its_class_is_present() -> None:
    logits = torch.tensor([[0.0, 2.0, 1.0], [5.0, 0.0, 0.0]])
    assert are_correct(logits, torch.tensor([1, 2])).tolist() == [1.0, 0.0]
    assert are_correct(logits, torch.tensor([[0.5, 0.25, 0.25], [0.75, 0.0, 0.25]])).tolist() == [0.25, 0.75]


def test_a_logit_that_is_no_number_is_seen_in_the_loss() -> None:
    logits, labels = some(False)
    loss = CrossEntropy(CLASSES)
    for spoilt in (float("inf"), float("nan")):
        broken = logits.clone()
        broken[3, 2] = spoilt
        assert not loss.losses(broken, loss.targets(labels))[3].isfinite()


@pytest.mark.parametrize("far", [10.0, 200.0])
def test_the_loss_of_an_epoch_is_clipped_as_that_of_the_scores(far: float) -> None:
    logits = torch.randn(50, 4, generator=torch.Generator().manual_seed(1))
    labels = torch.arange(50) % 4
    logits[3, labels[3]] -= far
    plain = F.cross_entropy(logits, labels).item()
    predictions = Predictions(
        np.arange(50).astype(np.str_), labels.numpy(), logits.softmax(1).numpy(), ("a", "b", "c", "d"), 1.0
    )
    assert mean_log_loss(logits, labels) == pytest.approx(loss(predictions), rel=1e-5)
    assert (mean_log_loss(logits, labels) == plain) == (far < 50)
    assert math.isnan(mean_log_loss(torch.full((2, 4), math.nan), torch.zeros(2, dtype=torch.int64)))
