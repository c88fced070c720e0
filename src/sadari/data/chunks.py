"""How many images does one operation take at a time? Enough to share among cores, few enough to bound memory."""

from torch import Tensor

# Pixels of one chunk: 41 images of 224x224, 25 MB as float32. Measured for the bilinear warp of 128 such images: on one
# thread 68 ms of processor time in chunks of 2 images and 110 ms in chunks of 32 or more; on two threads beside ten
# other busy processes 290 to 1090 ms in chunks of 2 (each operation waits for a core) and 175 to 280 ms in larger ones.
CHUNK = 1 << 21


def chunks(pixels: Tensor) -> list[slice]:
    """Which images of (N, H, W, C) go together? Slices that cover 0..N in order; all at once off the processor."""
    count, height, width, _ = pixels.shape
    size = max(1, CHUNK // (height * width)) if pixels.device.type == "cpu" else max(1, count)
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]
