"""Which few numbers of an image stay when it is saved again, resized or made brighter? The signs of its differences.

A difference hash has one bit for each of 256 places of a small grey copy of the image: is it brighter there than to the
left? (Krawetz, *Kind of Like That*, 2013, http://www.hackerfactor.com/blog/?/archives/529-Kind-of-Like-That.html.) In
the plain parts of a photograph, such as a white background, that bit is chance. Here each place has three values:
brighter, darker, or neither; two images are compared on the places where they are not plain.
"""

from functools import cache
from math import prod

import numpy as np
from numpy.typing import NDArray

from sadari.values import RowAccess

SIDE = 16  # places in each direction: 256 in all
LEAST_STEP = 1.0  # levels of grey of 255; smaller differences change when a photograph is saved again (measured)
LEAST_PLACES = 40  # with fewer that are not plain, two images are alike by chance (assumed)
SMALLEST = 64  # pixels of the shorter side; of smaller images, those of one kind have codes that are alike (assumed)
COARSE = 40  # pixels of the side of a copy from which images of 28 or 32 lose little, and photographs much
# Measured: digits, fashion-mnist and shapes enlarged to 64 and 224 pixels lose 0.02 to 0.11, animals and flowers read
# at 64 pixels 0.16 and 0.21, at 224 pixels 0.25 and 0.35.
LEAST_DETAIL = 0.13
SAMPLE = 24  # images that are looked at (assumed)
GREY = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601
AT_ONCE = 64 * 2**20  # bytes of float32 images (assumed: small beside everything else)

Codes = NDArray[np.int8]


def have_codes(images: RowAccess) -> bool:
    """Return whether the images, uint8 (N, H, W, C), are large enough to be told apart by codes.

    Small images that were enlarged, as for a pre-trained network, are blurred and all alike: they are known by how
    little of them a copy of COARSE pixels loses, in the median of some of them.
    """
    if min(images.shape[1:3]) < SMALLEST or not len(images):
        return False
    some = np.unique(np.linspace(0, len(images) - 1, SAMPLE).astype(np.int64))
    return float(np.median([_detail(np.asarray(images[at])) for at in some])) >= LEAST_DETAIL


def _detail(image: NDArray[np.uint8]) -> float:
    """Return the deviation of what a copy of COARSE pixels lacks, over that of the image; 0 for a plain one."""
    grey = _grey(image)
    height, width = grey.shape
    small = _means(COARSE, height) @ grey @ _means(COARSE, width).T
    lost = grey - _between(COARSE, height) @ small @ _between(COARSE, width).T
    return float(lost.std() / max(grey.std(), 1.0))


def difference_codes(pixels: NDArray[np.uint8]) -> Codes:
    """Return the code of each image: int8 (N, 256), with 1 for brighter than to the left, -1 for darker, 0 for neither.

    pixels: uint8 (N, height, width, channels) of one or three channels. An image with fewer than LEAST_PLACES values
    that are not 0 is plain, and its code is 0 everywhere: it is like no other.
    """
    at_once = max(1, AT_ONCE // (4 * prod(pixels.shape[1:])))
    blocks = [_codes(pixels[start : start + at_once]) for start in range(0, len(pixels), at_once)]
    return np.concatenate(blocks) if blocks else np.empty((0, SIDE * SIDE), dtype=np.int8)


def mirrored(codes: Codes) -> Codes:
    """Return the codes of the mirror images: left and right are exchanged, and so are brighter and darker."""
    return np.ascontiguousarray(-codes.reshape(-1, SIDE, SIDE)[:, :, ::-1]).reshape(codes.shape)


def _codes(pixels: NDArray[np.uint8]) -> Codes:
    grey = _grey(pixels)
    small = _means(SIDE, grey.shape[1]) @ grey @ _means(SIDE + 1, grey.shape[2]).T
    steps = np.diff(small, axis=2)
    codes = (np.sign(steps) * (np.abs(steps) > LEAST_STEP)).astype(np.int8).reshape(len(pixels), -1)
    codes[np.count_nonzero(codes, axis=1) < LEAST_PLACES] = 0
    return codes


def _grey(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.asarray(pixels.astype(np.float32) @ (GREY if pixels.shape[-1] == 3 else np.ones(1, dtype=np.float32)))


@cache
def _between(places: int, size: int) -> NDArray[np.float32]:
    """Return the matrix, float32 (size, places), that enlarges a row of `places` pixels linearly."""
    at = (np.arange(size) + 0.5) * places / size - 0.5
    lower = np.clip(np.floor(at), 0, places - 2).astype(np.int64)
    share = np.clip(at - lower, 0, 1)
    weights = np.zeros((size, places), dtype=np.float32)
    weights[np.arange(size), lower], weights[np.arange(size), lower + 1] = 1 - share, share
    return weights


@cache
def _means(places: int, size: int) -> NDArray[np.float32]:
    """Return the matrix, float32 (places, size), that takes the means of equally wide stretches of a row of pixels."""
    ends = np.linspace(0, size, places + 1)
    pixel = np.arange(size)
    shared = np.minimum(ends[1:, None], pixel + 1) - np.maximum(ends[:-1, None], pixel)
    weights = np.clip(shared, 0, None)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float32)
