"""Which images come in which step? Decided by seed, epoch and step alone, gathered as whole tensors."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sadari.data.augment import Augmentation
from sadari.training.randomness import generator_for, seed_for
from sadari.values import ImageSet


class Batches:
    """The training images, batch by batch.

    Every epoch visits each position once, in an order of its own; the last batch may be smaller. A single
    image left over joins the batch before it, because batch normalisation cannot learn from one image.
    """

    def __init__(
        self,
        images: ImageSet,
        positions: NDArray[np.int64],
        batch_size: int,
        seed: int,
        device: torch.device,
        augmentation: Augmentation | None = None,
    ) -> None:
        self._images = images.images
        self._labels = images.labels
        self._classes = len(images.classes)
        self._positions = positions
        self._batch_size = batch_size
        self._seed = seed
        self._device = device
        self._augmentation = augmentation
        self._epoch = -1
        self._order = positions
        whole, left_over = divmod(len(positions), batch_size)
        self.steps_per_epoch = max(1, whole + (left_over > 1))

    def __len__(self) -> int:
        return len(self._positions)

    def batch(self, epoch: int, step: int) -> tuple[Tensor, Tensor]:
        """The images (uint8, N, H, W, C) and labels of one step, on the device.

        The labels are int64 (N,), or, where an augmentation mixes images, float32 (N, K): each row sums to 1.
        """
        if epoch != self._epoch:
            self._order = np.random.default_rng(seed_for(self._seed, "order", epoch)).permutation(self._positions)
            self._epoch = epoch
        start = step * self._batch_size
        end = None if step == self.steps_per_epoch - 1 else start + self._batch_size
        chosen = self._order[start:end]
        pixels = torch.from_numpy(self._images[chosen]).to(self._device)
        labels = torch.from_numpy(self._labels[chosen]).to(self._device)
        if self._augmentation is None:
            return pixels, labels
        generator = generator_for(self._seed, "augment", epoch, step)
        pixels = self._augmentation.apply(pixels, generator)
        return self._augmentation.mix(pixels, labels, self._classes, generator)
