"""With which filters does a network that whitens images begin? With those of its training images.

They are taken once, before the first step, and stored with the weights: a run that goes on, and a finished one, read
them from there.
"""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sadari.inference.predict import Inputs
from sadari.models.layers.whiten import Whiten

IMAGES = 5000  # at most; cited: Jordan 2024 (arXiv:2404.00498)


def start_whitening(network: nn.Module, inputs: Inputs, train: NDArray[np.int64]) -> None:
    """Give the layers of `network` that whiten images their filters, from up to 5,000 images evenly among `train`.

    inputs: what the network reads, prepared pixels, float32 (N, C, H, W). train: positions of the training images,
    int64 (N,), of which the same ones are taken by every seed. Does nothing where no layer whitens.
    """
    layers = [each for each in network.modules() if isinstance(each, Whiten)]
    if layers:
        places = np.linspace(0, len(train), min(IMAGES, len(train)), endpoint=False)
        chosen = train[places.astype(np.int64)]
        for layer in layers:
            layer.fit(_prepared(inputs, chosen, layer.weight.device))


def _prepared(inputs: Inputs, chosen: NDArray[np.int64], device: torch.device) -> Iterator[Tensor]:
    """Yield the images at `chosen` as the network reads them, float32 (n, C, H, W), as many as fit at once.

    They are on `device`.
    """
    for start in range(0, len(chosen), inputs.at_once):
        rows = torch.from_numpy(inputs.rows[chosen[start : start + inputs.at_once]])
        yield inputs.prepare(rows.to(device))
