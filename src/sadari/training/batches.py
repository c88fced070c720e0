"""Which images come in which step? Decided by seed, epoch and step alone, gathered as whole tensors."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sadari.data.augment import Augmentation
from sadari.training.randomness import generator_for, seed_for
from sadari.values import ImageSet, RowAccess, expect


class Batches:
    """The training images, batch by batch; `rows` holds what is learnt from of each of `images`, such as its pixels.

    Every epoch visits each position once, in an order of its own; the last batch may be smaller. A single
    image left over joins the batch before it, because batch normalisation cannot learn from one image.
    views: instead, for each of a few epochs in turn, the rows of the images at `positions` as they were drawn for it.
    """

    def __init__(
        self,
        rows: RowAccess,
        images: ImageSet,
        positions: NDArray[np.int64],
        batch_size: int,
        seed: int,
        device: torch.device,
        augmentation: Augmentation | None = None,
        views: Sequence[NDArray[Any]] = (),
    ) -> None:
        self._rows = rows
        self._views = views
        self._labels = images.labels
        self._classes = len(images.classes)
        self._positions = positions
        self._batch_size = batch_size
        self._seed = seed
        self._device = device
        self._augmentation = augmentation
        self._epoch = -1
        self._order = np.arange(0)
        whole, left_over = divmod(len(positions), batch_size)
        self.steps_per_epoch = max(1, whole + (left_over > 1))

    def __len__(self) -> int:
        return len(self._positions)

    def batch(self, epoch: int, step: int) -> tuple[Tensor, Tensor]:
        """The rows of some images (such as uint8, N, H, W, C) and their labels, for one step, on the device.

        The labels are int64 (N,), or, where an augmentation mixes images, float32 (N, K): each row sums to 1.
        """
        start = step * self._batch_size
        if epoch != self._epoch:
            self._order = np.random.default_rng(seed_for(self._seed, "order", epoch)).permutation(len(self))
            self._epoch = epoch
            if not self._views:
                expect(self._rows, self._positions[self._order[start:]])
        end = None if step == self.steps_per_epoch - 1 else start + self._batch_size
        chosen = self._order[start:end]
        rows = self._views[epoch % len(self._views)][chosen] if self._views else self._rows[self._positions[chosen]]
        pixels = torch.from_numpy(rows).to(self._device)
        labels = torch.from_numpy(self._labels[self._positions[chosen]]).to(self._device)
        if self._augmentation is None:
            return pixels, labels
        generator = generator_for(self._seed, "augment", epoch, step)
        pixels = self._augmentation.apply(pixels, generator)
        return self._augmentation.mix(pixels, labels, self._classes, generator)
