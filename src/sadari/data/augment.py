"""Which other views of a training image count as the same image? Whole batches at once, each image for itself."""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from sadari.errors import UsageError


@dataclass(frozen=True)
class Augmentation:
    """How are training images redrawn? As integer maps of rows and columns, so that one gather does it all.

    flip: mirror left-right with probability 1/2.
    rows, columns: the largest move up or down, left or right, in pixels; each is drawn evenly.
    What a move uncovers shows the nearest pixel of the image.
    """

    flip: bool
    rows: int
    columns: int

    def apply(self, pixels: Tensor, generator: Generator) -> Tensor:
        """Redraw uint8 (N, H, W, C); the draws come from `generator` (on the processor) alone."""
        count, height, width, _ = pixels.shape
        rows = torch.arange(height) + _moves(count, self.rows, generator)
        columns = torch.arange(width) + _moves(count, self.columns, generator)
        rows, columns = rows.clamp_(0, height - 1), columns.clamp_(0, width - 1)
        if self.flip:
            mirrored = torch.randint(2, (count, 1), generator=generator) == 1
            columns = torch.where(mirrored, columns.flip(1), columns)
        device = pixels.device
        which = torch.arange(count, device=device)
        return pixels[which[:, None, None], rows.to(device)[:, :, None], columns.to(device)[:, None, :]]


def _moves(count: int, most: int, generator: Generator) -> Tensor:
    return torch.randint(-most, most + 1, (count, 1), generator=generator)


def parse_augmentation(text: str, height: int, width: int) -> Augmentation | None:
    """Which augmentation does `text` ask for, such as "flip, shift 0.1" or "flip, crop 4"? None for "".

    `shift f` moves by up to the fraction f of the side; `crop n` by up to n pixels, as cropping from an image
    padded by n does. Raises UsageError for anything else.
    """
    flip, rows, columns = False, 0, 0
    for step in filter(None, (part.strip() for part in text.split(","))):
        words = step.split()
        if words == ["flip"]:
            flip = True
        elif len(words) == 2 and words[0] == "shift" and (share := _number(words[1])) is not None and share < 1:
            rows, columns = max(rows, round(share * height)), max(columns, round(share * width))
        elif (
            len(words) == 2 and words[0] == "crop" and (pixels := _number(words[1])) is not None and pixels.is_integer()
        ):
            rows, columns = max(rows, int(pixels)), max(columns, int(pixels))
        else:
            raise UsageError(f"augment takes flip, shift FRACTION and crop PIXELS, separated by commas, not '{step}'")
    return Augmentation(flip, rows, columns) if flip or rows or columns else None


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value < float("inf") else None
