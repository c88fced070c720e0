"""Is the loss of a student that of the paper, and are its gradients written out as autograd finds them?"""

from itertools import product

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from sadari.data.prepare import Preprocess
from sadari.inference.predict import Inputs
from sadari.training.batches import Batches
from sadari.training.loss import CrossEntropy, Distillation, softened
from support.batches import parsed
from support.engines import CPU
from support.jobs import parts, patterns

CLASSES = 4
WEIGHTS = torch.tensor([0.5, 1.0, 2.0, 0.25])


def made_up(seed: int = 4, count: int = 23) -> tuple[Tensor, Tensor, Tensor]:
    """Return logits of a student, labels, and logits of a teacher."""
    generator = torch.Generator().manual_seed(seed)
    logits, teachers = torch.randn(2, count, CLASSES, generator=generator).unbind(0)
    return 3 * logits, torch.randint(0, CLASSES, (count,), generator=generator), 5 * teachers


def of_the_paper(
    logits: Tensor, labels: Tensor, teachers: Tensor, alpha: float, t: float, smoothing: float, weights: Tensor | None
) -> Tensor:
    """Return the loss of each image as the formula has it, in float64: nothing of it is shared with the code."""
    losses = []
    for z, y, v in zip(logits.double(), labels.tolist(), teachers.double(), strict=True):
        p, q = [(each / t).exp() / (each / t).exp().sum() for each in (v, z)]
        kl = sum(p[k] * (p[k].log() - q[k].log()) for k in range(CLASSES))
        log_q = z - z.exp().sum().log()
        target = [(1 - smoothing) * (k == y) + smoothing / CLASSES for k in range(CLASSES)]
        counts = [1.0] * CLASSES if weights is None else weights.tolist()
        ce = -sum(counts[k] * target[k] * log_q[k] for k in range(CLASSES))
        importance = sum(counts[k] * target[k] for k in range(CLASSES))
        losses.append(alpha * t**2 * kl * importance + (1 - alpha) * ce)
    return torch.stack(losses)


CASES = list(product([0.0, 0.3, 1.0], [0.5, 1.0, 4.0], [0.0, 0.2], [None, WEIGHTS]))


@pytest.mark.parametrize(("alpha", "t", "smoothing", "weights"), CASES)
def test_loss_and_gradient_are_those_of_the_formula(
    alpha: float, t: float, smoothing: float, weights: Tensor | None
) -> None:
    logits, labels, teachers = made_up()
    leaf = logits.double().requires_grad_()
    theirs = of_the_paper(leaf, labels, teachers, alpha, t, smoothing, weights)
    theirs.sum().backward()  # type: ignore[no-untyped-call]
    assert leaf.grad is not None
    loss = Distillation(CLASSES, smoothing, weights, alpha, t)
    targets = loss.targets(labels, softened(teachers.numpy(), t))
    assert torch.allclose(loss.losses(logits, targets).double(), theirs.detach(), rtol=1e-4, atol=1e-5)
    assert torch.allclose(loss.grad(logits, targets).double(), leaf.grad, rtol=1e-4, atol=1e-5)


def test_it_is_torchs_kl_divergence() -> None:
    logits, labels, teachers = made_up()
    loss = Distillation(CLASSES, weight=1.0, temperature=2.0)
    ours = loss.losses(logits, loss.targets(labels, softened(teachers.numpy(), 2.0)))
    theirs = F.kl_div((logits / 2).log_softmax(1), (teachers / 2).softmax(1), reduction="none").sum(1) * 4
    assert torch.allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_without_weight_it_is_the_cross_entropy_to_the_bit() -> None:
    logits, labels, teachers = made_up()
    for smoothing, weights in product([0.0, 0.2], [None, WEIGHTS]):
        student, plain = Distillation(CLASSES, smoothing, weights, 0.0, 4.0), CrossEntropy(CLASSES, smoothing, weights)
        targets = student.targets(labels, softened(teachers.numpy(), 4.0))
        assert torch.equal(student.losses(logits, targets), plain.losses(logits, plain.targets(labels)))
        assert torch.equal(student.grad(logits, targets), plain.grad(logits, plain.targets(labels)))


def test_with_all_the_weight_labels_make_no_difference() -> None:
    logits, labels, teachers = made_up()
    loss, soft = Distillation(CLASSES, 0.1, None, 1.0, 3.0), softened(teachers.numpy(), 3.0)
    one, other = loss.targets(labels, soft), loss.targets((labels + 1) % CLASSES, soft)
    assert torch.equal(loss.grad(logits, one), loss.grad(logits, other))
    assert torch.equal(loss.losses(logits, one), loss.losses(logits, other))


def test_nothing_is_lost_where_a_student_answers_as_its_teacher() -> None:
    logits, labels, _ = made_up()
    loss = Distillation(CLASSES, weight=1.0, temperature=2.0)
    targets = loss.targets(labels, softened(logits.numpy(), 2.0))
    assert loss.losses(logits, targets).abs().max() < 1e-5
    assert loss.grad(logits, targets).abs().max() < 1e-6


def test_a_teacher_that_is_sure_beyond_measure_gives_numbers() -> None:
    logits, labels, teachers = made_up()
    loss = Distillation(CLASSES, weight=0.5, temperature=0.1)
    targets = loss.targets(labels, softened(1000 * teachers.numpy(), 0.1))
    assert loss.losses(logits, targets).isfinite().all()
    assert loss.grad(logits, targets).isfinite().all()


def batches_of(augment: str, soft: Tensor | None) -> Batches:
    images, augmentation = patterns(), parsed(augment, 8, 8) if augment else None
    split, classes = parts(images), len(images.classes)
    inputs = Inputs.pixels(images.images, Preprocess.fitted(images, split.train, "unit", "crop"))
    loss = CrossEntropy(classes) if soft is None else Distillation(classes, weight=0.5, temperature=2.0)
    return Batches(inputs, images, split.train, 16, 3, CPU, loss, augmentation, soft=soft)


@pytest.mark.parametrize("augment", ["", "flip", "mixup 0.5", "cutmix 1, flip"])
def test_each_image_meets_its_own_answers(augment: str) -> None:
    images = patterns()
    train, classes = parts(images).train, len(images.classes)
    own = torch.eye(classes)[torch.from_numpy(images.labels[train])]  # answers that are the labels: both must agree
    taught, plain = batches_of(augment, own), batches_of(augment, None)
    for step in range(taught.steps_per_epoch):
        one, other = taught.batch(1, step), plain.batch(1, step)
        assert torch.equal(one.x, other.x)
        assert torch.equal(one.labels, other.labels)
        assert torch.equal(one.targets[:, 0], other.targets)
        assert torch.equal(one.targets[:, 1], other.targets)


def test_answers_follow_their_images_into_every_batch() -> None:
    images = patterns()
    train, classes = parts(images).train, len(images.classes)
    soft = torch.arange(len(train), dtype=torch.float32)[:, None].expand(-1, classes)
    batches = batches_of("", soft)
    seen = torch.cat([batches.batch(0, step).targets[:, 1, 0] for step in range(batches.steps_per_epoch)])
    labels = torch.cat([batches.batch(0, step).labels for step in range(batches.steps_per_epoch)])
    assert sorted(seen.tolist()) == list(range(len(train)))
    assert np.array_equal(labels.numpy(), images.labels[train][seen.long().numpy()])
