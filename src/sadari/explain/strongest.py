"""Which images of a set does a channel respond to most?"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sadari.errors import UsageError
from sadari.explain.activations import output_of
from sadari.inference.model import TrainedModel
from sadari.inference.predict import Inputs, predict_logits
from sadari.values import ImageSet


@dataclass(frozen=True, eq=False)
class Strongest:
    """The images that make `channel` of `layer` largest at any position, the largest first.

    positions: int64 (n,), in the image set. peaks: float32 (n,), each image's largest value of the channel.
    """

    layer: str
    channel: int
    positions: NDArray[np.int64]
    peaks: NDArray[np.float32]


def strongest(
    model: TrainedModel, images: ImageSet, positions: NDArray[np.int64], layer: str, channel: int, count: int = 9
) -> Strongest:
    """Return the `count` images at `positions` that the channel responds to most.

    Of vectors, a channel is one value; of sequences, one feature over all steps. The network stays in its mode. Raises
    UsageError for an unknown layer or channel.
    """
    peaks = predict_logits(_Peaks(model, layer), Inputs.pixels(images.images, model.preprocess), positions)
    if not 0 <= channel < peaks.shape[1]:
        raise UsageError(f"{layer} has the channels 0 to {peaks.shape[1] - 1}, not {channel}")
    largest = torch.argsort(peaks[:, channel], descending=True, stable=True)[:count].numpy()
    return Strongest(layer, channel, positions[largest], peaks[largest, channel].numpy())


class _Peaks(nn.Module):
    """A module from prepared images to (N, C): the largest value of each channel of a layer."""

    def __init__(self, model: TrainedModel, layer: str) -> None:
        super().__init__()
        self.network = model.network
        self.training = model.network.training  # which `predict_logits` goes back to
        self._model = model
        self._layer = layer

    def forward(self, x: Tensor) -> Tensor:
        values = output_of(self._model, x, self._layer)
        if values.ndim == 4:
            return values.amax(dim=(2, 3))
        return values.amax(dim=1) if values.ndim == 3 else values
