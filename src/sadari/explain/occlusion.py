"""What does the class lose where the image is covered?

Source: Zeiler & Fergus 2014 (arXiv:1311.2901), section 4.2.
"""

import numpy as np
from numpy.typing import NDArray

from sadari.explain.activations import Maps, Pixels
from sadari.inference.model import TrainedModel
from sadari.inference.predict import Inputs, predict_logits

# The side of the covering window, as a share of the shorter side of the image (assumed: as large as a part of an
# object), and how far it moves, as a share of its own side: every pixel is covered about four times.
WINDOW, MOVE = 0.2, 0.5


def occlusion(model: TrainedModel, pixels: Pixels, label: int) -> Maps:
    """Return how much the output for class `label` falls where a window of the image is covered.

    pixels: uint8 (H, W, C). A pixel's value is the mean loss (of the class's output before the softmax) over all
    windows that cover it; above 0 speaks for the class. Returns float32 (H, W). The cover has the mean colour of the
    image, so that an image of one colour gets 0 everywhere.
    """
    windows = _windows(pixels.shape[0], pixels.shape[1])
    cover = np.rint(pixels.mean(axis=(0, 1))).astype(np.uint8)
    images = np.repeat(pixels[np.newaxis], len(windows) + 1, axis=0)
    for image, (rows, columns) in zip(images[1:], windows, strict=True):
        image[rows, columns] = cover
    outputs = predict_logits(model.network, Inputs.pixels(images, model.preprocess), np.arange(len(images)))
    of_class = outputs[:, label].double().numpy()
    return _spread(of_class[0] - of_class[1:], windows, (pixels.shape[0], pixels.shape[1]))


Window = tuple[slice, slice]


def _windows(height: int, width: int) -> list[Window]:
    side = max(1, round(WINDOW * min(height, width)))
    step = max(1, round(MOVE * side))
    return [(rows, columns) for rows in _places(height, side, step) for columns in _places(width, side, step)]


def _places(length: int, side: int, step: int) -> list[slice]:
    """Return places from one end to the other; the last one touches the end."""
    starts = dict.fromkeys([*range(0, length - side, step), length - side])
    return [slice(start, start + side) for start in starts]


def _spread(losses: NDArray[np.float64], windows: list[Window], shape: tuple[int, int]) -> Maps:
    """Return each pixel's mean over the windows that cover it."""
    total, covered = np.zeros(shape), np.zeros(shape)
    for loss, window in zip(losses, windows, strict=True):
        total[window] += loss
        covered[window] += 1
    return (total / covered).astype(np.float32)
