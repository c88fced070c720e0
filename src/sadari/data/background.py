"""Which pixels are background, and which other background could replace it? Known masks, or a flat colour."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sadari.values import ImageSet

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]

# Grey levels by which a pixel may differ from a flat background: one step of the 16 of scikit-learn's digits.
TOLERANCE = 16
# Share of the training images' border within TOLERANCE of one colour from which a set has a flat background. Measured:
# MNIST 1.00, Fashion-MNIST 0.88, digits 0.74 (both fill their frames), the textured background of `shapes` 0.21.
FLAT_FROM = 2 / 3
SAMPLE = 2000  # training images whose border is examined (assumed: the share is then known within 0.02)


@dataclass(frozen=True, eq=False)
class Background:
    """A rule for what is background: everything outside the evidence, or what has the `colour` of the border.

    colour: uint8 (C,) of a flat background; None where the images carry masks of their evidence.
    """

    colour: Pixels | None = None

    def mask(self, images: ImageSet, positions: NDArray[np.int64]) -> Mask:
        """Mark the background of the images at `positions`, bool (n, H, W).

        A flat background is what is near its colour and connected with the border, so that a part of the object of
        the same colour does not count, and the hole of a drawn 0 does not either.
        """
        if self.colour is None:
            assert images.evidence is not None  # `find_background` sets a colour otherwise
            return np.asarray(~images.evidence[positions])
        far = np.abs(images.images[positions].astype(np.int16) - self.colour.astype(np.int16)).max(axis=3)
        return _connected_with_border(far <= TOLERANCE)


def find_background(images: ImageSet, train: NDArray[np.int64]) -> Background | None:
    """Find what the background of these images is; None where it cannot be told from the object.

    The evidence shows it where the set carries it, otherwise the border of the images at `train`.
    """
    if images.evidence is not None:
        return Background()
    if not len(train):
        return None
    sample = train[np.linspace(0, len(train) - 1, min(len(train), SAMPLE)).astype(np.int64)]
    border = _border(np.asarray(images.images[sample]))
    colour = np.median(border, axis=0).astype(np.uint8)
    near = np.abs(border.astype(np.int16) - colour.astype(np.int16)).max(axis=1) <= TOLERANCE
    return Background(colour) if float(near.mean()) >= FLAT_FROM else None


def other_backgrounds(images: ImageSet, positions: NDArray[np.int64]) -> Pixels:
    """Return the images at `positions` with their objects removed, uint8 (n, H, W, C).

    Only for sets with evidence. What the object hides is filled with the same image's background half a side away,
    which continues stripes, and where the object is there too, with the mean of its background.
    """
    assert images.evidence is not None
    pixels, object_ = np.array(images.images[positions]), np.asarray(images.evidence[positions])
    background = ~object_[..., None]
    counts = np.maximum(background.sum(axis=(1, 2), keepdims=True), 1)
    mean = np.rint((pixels * background).sum(axis=(1, 2), keepdims=True) / counts).astype(np.uint8)
    half = (images.shape[0] // 2, images.shape[1] // 2)
    moved = np.roll(pixels, half, axis=(1, 2))
    hidden_there = np.roll(object_, half, axis=(1, 2))[..., None]
    fill = np.where(hidden_there, mean, moved)
    return np.where(background, pixels, fill)


def _border(pixels: Pixels) -> Pixels:
    """Return the outermost pixels of all images, uint8 (m, C)."""
    sides = (pixels[:, 0], pixels[:, -1], pixels[:, 1:-1, 0], pixels[:, 1:-1, -1])
    return np.concatenate([side.reshape(-1, pixels.shape[3]) for side in sides])


def _connected_with_border(mask: Mask) -> Mask:
    """Keep the pixels of each mask (n, H, W) that direct neighbours connect with the border."""
    from scipy.ndimage import label

    within_one_image = np.zeros((3, 3, 3), dtype=np.int8)
    within_one_image[1] = ((0, 1, 0), (1, 1, 1), (0, 1, 0))
    regions, count = label(mask, structure=within_one_image)
    at_border = np.zeros(count + 1, dtype=np.bool_)
    for side in (regions[:, 0], regions[:, -1], regions[:, :, 0], regions[:, :, -1]):
        at_border[np.unique(side)] = True
    at_border[0] = False  # 0 is what is outside the mask
    return np.asarray(at_border[regions])
