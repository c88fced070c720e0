"""What does a network say about images? The only inference code: training, scoring and serving all come here."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import chain
from math import prod
from time import perf_counter

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sadari.data.prepare import Preprocess
from sadari.errors import SadariError
from sadari.evaluation.memory import is_out_of_memory
from sadari.values import ImageSet, Predictions, RowAccess, expect

# Values per forward pass (images x height x width x channels of the input): large enough to fill two cores, small
# enough that the maps of cnn2 (32 channels at full size) stay below 1 GiB. Measured on 28x28 and 32x32 images.
VALUES_PER_PASS = 400_000
# Yet so many images at least, as each pass reads all weights anew. Measured on MobileNet's last maps and A1's dense
# layers, on which an epoch of 768 images took 2.0 s where 192 were judged 4 at a time. VGG16's widest maps of so many
# 224x224 images take 205 MB.
IMAGES_PER_PASS = 16


@dataclass(frozen=True, eq=False)
class Inputs:
    """What is a network given of each image of a set? Its pixels, or what frozen layers made of them before.

    rows: (N, ...), one row an image, in the order of the set. prepare: turns some of them, on the network's device,
    into what the network reads.
    """

    rows: RowAccess
    prepare: Callable[[Tensor], Tensor]

    @classmethod
    def pixels(cls, images: RowAccess, preprocess: Preprocess) -> "Inputs":
        """uint8 (N, H, W, C), prepared by `preprocess`."""
        return cls(images, preprocess.apply)

    @property
    def at_once(self) -> int:
        """How many images go through a network at once."""
        return max(IMAGES_PER_PASS, VALUES_PER_PASS // prod(self.rows.shape[1:]))


@torch.inference_mode()
def predict_logits(
    network: nn.Module,
    inputs: Inputs,
    positions: NDArray[np.int64],
    precision: torch.dtype = torch.float32,
) -> Tensor:
    """Which logits does `network` give the images at `positions`?

    Returns float32 (len(positions), K) on the processor, in the order of `positions`. The network is left in the mode
    that it came in. precision: float32, or bfloat16 for speed. Raises SadariError where memory does not hold a single
    image.
    """
    device = next(chain(network.parameters(), network.buffers())).device
    autocast = nullcontext() if precision == torch.float32 else torch.autocast(device.type, precision)
    was_training = network.training
    network.eval()
    try:
        with autocast:
            return _logits(network, inputs, positions, device)
    finally:
        network.train(was_training)


def _logits(network: nn.Module, inputs: Inputs, positions: NDArray[np.int64], device: torch.device) -> Tensor:
    """Block by block; where memory runs out, in blocks of half the size from there on.

    The logits of all lie in one tensor. A small one kept of each block would lie between the large ones that come and
    go, and malloc would find no place for the next: the heap grew by up to 1.3 GB over 1,500 blocks of 8 photographs in
    three runs of five, and in none of four this way (glibc 2.36).
    """
    logits = torch.empty(0, 0)
    at_once, start = inputs.at_once, 0
    expect(inputs.rows, positions)
    while start < len(positions):
        chosen = positions[start : start + at_once]
        try:
            some = network(inputs.prepare(torch.from_numpy(inputs.rows[chosen]).to(device)))
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if at_once == 1:
                raise SadariError(
                    "memory does not hold this network with a single image; use smaller images or a smaller network"
                ) from error
            at_once = (len(chosen) + 1) // 2
        else:
            if not len(logits):
                logits = torch.empty(len(positions), some.shape[1], device=device)
            logits[start : start + len(chosen)] = some
            start += len(chosen)
    return logits.cpu()


def predict(network: nn.Module, inputs: Inputs, images: ImageSet, positions: NDArray[np.int64]) -> Predictions:
    """What does `network` say about the images at `positions`, in float32, with ids, labels and time taken?

    inputs: what it is given of each of `images`.
    """
    start = perf_counter()
    logits = predict_logits(network, inputs, positions)
    probabilities = torch.softmax(logits, dim=1).numpy()
    return Predictions(
        ids=images.ids[positions],
        labels=images.labels[positions],
        probabilities=probabilities.reshape(len(positions), len(images.classes)),
        classes=images.classes,
        seconds=perf_counter() - start,
    )
