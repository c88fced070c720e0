"""What does a network say about images? The only inference code: training, scoring and serving all come here."""

from contextlib import nullcontext
from time import perf_counter

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sadari.data.prepare import Preprocess
from sadari.values import ImageSet, Predictions

# Values per forward pass (images x height x width x channels of the input): large enough to fill two cores, small
# enough that the maps of cnn2 (32 channels at full size) stay below 1 GiB. Measured on 28x28 and 32x32 images.
VALUES_PER_PASS = 400_000


def images_per_pass(preprocess: Preprocess) -> int:
    """How many images go through the network at once."""
    return max(1, VALUES_PER_PASS // (preprocess.height * preprocess.width * preprocess.channels))


@torch.inference_mode()
def predict_logits(
    network: nn.Module,
    preprocess: Preprocess,
    images: NDArray[np.uint8],
    positions: NDArray[np.int64],
    precision: torch.dtype = torch.float32,
) -> Tensor:
    """Which logits does `network` give the images at `positions`?

    images: uint8 (N, H, W, C). Returns float32 (len(positions), K) on the processor, in the order of
    `positions`. The network is left in the mode that it came in. precision: float32, or bfloat16 for speed.
    """
    device = next(network.parameters()).device
    autocast = nullcontext() if precision == torch.float32 else torch.autocast(device.type, precision)
    was_training = network.training
    network.eval()
    at_once = images_per_pass(preprocess)
    try:
        with autocast:
            blocks = [
                network(preprocess.apply(torch.from_numpy(images[positions[start : start + at_once]]).to(device)))
                for start in range(0, len(positions), at_once)
            ]
    finally:
        network.train(was_training)
    return torch.cat(blocks).float().cpu() if blocks else torch.empty(0, 0)


def predict(network: nn.Module, preprocess: Preprocess, images: ImageSet, positions: NDArray[np.int64]) -> Predictions:
    """What does `network` say about the images at `positions`, in float32, with ids, labels and time taken?"""
    start = perf_counter()
    logits = predict_logits(network, preprocess, images.images, positions)
    probabilities = torch.softmax(logits, dim=1).numpy()
    return Predictions(
        ids=images.ids[positions],
        labels=images.labels[positions],
        probabilities=probabilities.reshape(len(positions), len(images.classes)),
        classes=images.classes,
        seconds=perf_counter() - start,
    )
