"""Which images come in which step? Seed, epoch and step alone decide, and whole tensors are gathered."""

from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor
from torch.nn import functional as F

from sadari.data.augment.geometry import mirrored_half
from sadari.data.augment.pipeline import Augmentation
from sadari.data.augment.sampling import ShareGenerator
from sadari.data.prepare import to_device
from sadari.inference.predict import Inputs
from sadari.settings import steps_per_epoch
from sadari.training.devices.share import ALL, Share
from sadari.training.loss import CrossEntropy
from sadari.training.randomness import generator_for, seed_for
from sadari.values import ImageSet, prefetch

# Values of the steps that are gathered together, since a call for each step costs more than its work. Measured with
# batches of 32 and 256 images of 784 pixels, between 2**16 and 2**21.
STRETCH_VALUES = 1 << 20


class Batch(NamedTuple):
    """The images of one step with their labels, on the device; with several devices, the share of this one.

    x: what the network reads, float32 (N, ...). labels: int64 (N,), or, where an augmentation mixes images, float32
    (N, K): each row sums to 1. targets: what the loss compares the answers with, as it made them: float32 (N, ...).
    """

    x: Tensor
    labels: Tensor
    targets: Tensor

    def split(self, sizes: int | list[int]) -> "list[Batch]":
        """Return the batch as several, of these sizes, or of one size and a last one with what is left."""
        return [Batch(*parts) for parts in zip(*(torch.split(each, sizes) for each in self), strict=True)]


class Batches:
    """The training images, batch by batch.

    Every epoch visits each position once, in an order of its own; the last batch may be smaller. A single image that
    is left over joins the batch before it, because batch normalisation cannot learn from one image. inputs: a row for
    each of `images`, such as its pixels. loss: the loss of an answer about them. views: where there are any, they
    replace the rows of `inputs`: for each of a few epochs in turn, the rows of the images at `positions` as they were
    drawn for it. soft: where there is a teacher, its probabilities for the images at `positions`, float32 (N, K), which
    an augmentation that mixes images mixes too. side: that of the images as `inputs` prepares them, where it is another
    than that of the rows; else 0. share: the part of every batch that is gathered here; no other row is read.
    """

    def __init__(
        self,
        inputs: Inputs,
        images: ImageSet,
        positions: NDArray[np.int64],
        batch_size: int,
        seed: int,
        device: torch.device,
        loss: CrossEntropy,
        augmentation: Augmentation | None = None,
        views: Sequence[NDArray[Any]] = (),
        soft: Tensor | None = None,
        side: int = 0,
        share: Share = ALL,
    ) -> None:
        self._inputs = inputs
        self._soft = soft
        self._views = views
        self._labels = images.labels
        self._positions = positions
        self._batch_size = batch_size
        self._seed = seed
        self._device = device
        self.loss = loss
        self._augmentation = augmentation
        self._side = side
        self._share = share
        self._epoch = -1
        self._order = np.arange(0)
        self._first_turned: Tensor | None = None  # which images an alternating flip mirrors in even epochs
        if augmentation and augmentation.alternates:
            self._first_turned = mirrored_half(len(positions), generator_for(seed, "alternate"))
        self._ready: dict[int, Batch] = {}
        self.steps_per_epoch = steps_per_epoch(len(positions), batch_size, share.count)
        values = batch_size * (prod(inputs.rows.shape[1:]) + loss.classes)
        self._at_once = 1 if augmentation else max(1, STRETCH_VALUES // values)

    def __len__(self) -> int:
        return len(self._positions)

    def images_in(self, step: int) -> int:
        """Return the number of images in the whole batch of a step of any epoch."""
        start, end = self._bounds(step)
        return end - start

    def batch(self, epoch: int, step: int) -> Batch:
        """Return the batch of one step.

        Stretches have fixed places in an epoch, at whatever step a run begins it.
        """
        first = step - step % self._at_once
        if epoch != self._epoch:
            self._order = np.random.default_rng(seed_for(self._seed, "order", epoch)).permutation(len(self))
            self._epoch, self._ready = epoch, {}
            if not self._views:
                order = np.concatenate(self._chosen(range(first, self.steps_per_epoch)))
                prefetch(self._inputs.rows, self._positions[order])
        if step not in self._ready:
            self._ready = self._stretch(epoch, first)
        return self._ready.pop(step)

    def _stretch(self, epoch: int, first: int) -> dict[int, Batch]:
        """Gather and prepare the batches of a few steps from `first` on together: many small calls take time."""
        steps = range(first, min(first + self._at_once, self.steps_per_epoch))
        chosen = self._chosen(steps)
        x, labels, soft = self._drawn(epoch, first, np.concatenate(chosen))
        together = Batch(self._inputs.prepare(x), labels, self.loss.targets(labels, soft))
        return dict(zip(steps, together.split([len(each) for each in chosen]), strict=True))

    def _chosen(self, steps: range) -> list[NDArray[np.int64]]:
        """Return which of the training images each of `steps` has in this epoch, its share of them."""
        bounds = [self._bounds(step) for step in steps]
        return [self._order[start:end][self._share.of(end - start)] for start, end in bounds]

    def _bounds(self, step: int) -> tuple[int, int]:
        """Return where the whole batch of a step begins and ends in the order of its epoch."""
        start = step * self._batch_size
        return start, len(self) if step == self.steps_per_epoch - 1 else start + self._batch_size

    def _drawn(self, epoch: int, step: int, chosen: NDArray[np.int64]) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return the rows of the images that are `chosen`, as they are drawn for this step, their labels and `soft`."""
        positions = self._positions[chosen]
        rows = self._views[epoch % len(self._views)][chosen] if self._views else self._inputs.rows[positions]
        drawn = to_device(torch.from_numpy(rows), self._device)
        labels = to_device(torch.from_numpy(self._labels[positions]), self._device)
        soft = None if self._soft is None else to_device(self._soft[torch.from_numpy(chosen)], self._device)
        turned = None if self._first_turned is None else self._first_turned[torch.from_numpy(chosen)] ^ bool(epoch % 2)
        drawn, labels, soft = self._augmented(drawn, labels, soft, self._generator(epoch, step), turned)
        return (reduced(drawn, self._side) if self._side else drawn), labels, soft

    def _generator(self, epoch: int, step: int) -> Generator:
        """Return what draws the augmentation of a step, for each image the same on whichever device it is."""
        if self._share == ALL:
            return generator_for(self._seed, "augment", epoch, step)
        generator = ShareGenerator()
        generator.manual_seed(seed_for(self._seed, "augment", epoch, step))
        generator.total = self.images_in(step)
        generator.own = self._share.of(generator.total)
        return generator

    def _augmented(
        self, drawn: Tensor, labels: Tensor, soft: Tensor | None, generator: Generator, turned: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return rows, labels and teacher's answers as the augmentation changes them."""
        if self._augmentation is None:
            return drawn, labels, soft
        drawn = self._augmentation.apply(drawn, generator, turned)
        if soft is None or not self._augmentation.mixes:
            return *self._augmentation.mix(drawn, labels, self.loss.classes, generator), soft
        # Labels and teacher's answers side by side, so that both are mixed by the same draws.
        shares = torch.cat([F.one_hot(labels, self.loss.classes), soft], 1)
        drawn, mixed = self._augmentation.mix(drawn, shares, self.loss.classes, generator)
        return drawn, mixed[:, : self.loss.classes], mixed[:, self.loss.classes :]


def reduced(pixels: Tensor, side: int) -> Tensor:
    """Return images, uint8 (N, H, W, C), reduced to sides of `side` pixels: bilinear, without aliases."""
    planes = pixels.permute(0, 3, 1, 2)
    return F.interpolate(planes, (side, side), mode="bilinear", antialias=True).permute(0, 2, 3, 1).contiguous()
