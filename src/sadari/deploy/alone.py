"""How does a program without Sadari read an image file into the pixels that Sadari reads? With NumPy and Pillow.

`read_image` is never called here: its source is what docs/deploying.md and the model cards print. A test runs it on a
file of each kind in `KINDS` and compares.
"""

import inspect
from dataclasses import dataclass
from io import BytesIO
from math import ceil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

IMPORTS = """\
from io import BytesIO
from math import ceil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
"""


def read_image(
    path: str, height: int, width: int, channels: int, fit: str, interpolation: str, white_level: int
) -> NDArray[np.uint8]:
    """Return the pixels of an image file as the model was trained on them, uint8 (1, height, width, channels)."""
    photo = Image.open(BytesIO(Path(path).read_bytes()))
    side = max(photo.size) if fit == "pad" else min(photo.size)
    if photo.format == "JPEG" and height == width and side > 4 * width:  # at a half, a quarter or an eighth
        factor = 4 * width / side
        photo.draft(None, (ceil(photo.width * factor), ceil(photo.height * factor)))
    ImageOps.exif_transpose(photo, in_place=True)
    tags = getattr(photo, "tag_v2", {})
    picture: Image.Image = photo
    if photo.mode.startswith("I;16") or (photo.mode == "I" and photo.format == "PPM"):
        white = white_level or 65535
        values = np.minimum(np.asarray(photo).astype(np.uint32), white)
        eight = ((values * 255 + white // 2) // white).astype(np.uint8)
        picture = Image.fromarray(255 - eight if tags.get(262) == 0 else eight)  # a TIFF whose 0 is white
    elif photo.mode in ("I", "F"):
        raise ValueError("pixels of 32 bits, whose range is not known")
    mode = "L" if picture.mode in ("1", "L", "LA", "La") else "RGB"
    if picture.has_transparency_data:
        picture = picture.convert(f"{mode}A")
        alpha = picture.getchannel("A")
        if alpha.getextrema() != (0, 0):  # else the channel was left empty
            paper = Image.new(mode, picture.size, "white")
            paper.paste(picture.convert(mode), mask=alpha)
            picture = paper
    picture = picture.convert(mode).convert("L" if channels == 1 else "RGB")
    resample = Image.Resampling[interpolation.upper()]
    if picture.size != (width, height) and fit == "crop":
        left = (picture.width - min(picture.width, picture.height * width / height)) / 2
        top = (picture.height - min(picture.height, picture.width * height / width)) / 2
        box = (left, top, picture.width - left, picture.height - top)
        picture = picture.resize((width, height), resample, box)
    elif picture.size != (width, height) and fit == "pad":
        scale = min(width / picture.width, height / picture.height)
        inner = picture.resize((max(1, round(picture.width * scale)), max(1, round(picture.height * scale))), resample)
        picture = Image.new(picture.mode, (width, height))
        picture.paste(inner, ((width - inner.width) // 2, (height - inner.height) // 2))
    elif picture.size != (width, height):
        picture = picture.resize((width, height), resample)
    return np.array(picture).reshape(1, height, width, channels)


@dataclass(frozen=True)
class Kind:
    """A kind of image file. sadari: what Sadari makes of it. alone: what `read_image` makes of it."""

    name: str
    sadari: str
    alone: str = "the same"


KINDS = (
    Kind("turned by EXIF", "turned upright"),
    Kind("grey of 16 bits (PNG, TIFF, PGM)", "`white_level` and all above it become 255; 65535 does where it is 0"),
    Kind("TIFF of 16 bits whose 0 is white", "turned"),
    Kind("transparent, in part", "put on white"),
    Kind("alpha that is 0 everywhere", "alpha is left out"),
    Kind("palette, with or without transparency", "its colours; RGB, also where all of them are grey"),
    Kind("CMYK", "RGB by Pillow's formula, without a colour profile"),
    Kind("black and white (1 bit)", "grey"),
    Kind("colour, for a model of grey images", "grey by ITU-R 601-2"),
    Kind("grey, for a model of colour images", "repeated"),
    Kind("several frames (GIF, WebP, TIFF)", "the first one"),
    Kind("JPEG of more than 4 times the side", "decoded at a half, a quarter or an eighth, then resized"),
    Kind("another shape", "by `fit`, with `interpolation`, antialiased"),
    Kind(
        "HEIC of a phone",
        "its main picture, turned by the file's own boxes",
        "refused by Pillow; the same after `pillow_heif.register_heif_opener()`",
    ),
    Kind("pixels of 32 bits", "refused", "refused (ValueError)"),
    Kind("damaged or cut short", "refused, with the reason", "refused, by an exception of Pillow"),
    Kind("EXIF that is damaged", "its orientation is left out", "left out, or an exception of Pillow"),
    Kind("JPEG of more than 100 scans", "refused: it takes too long", "read"),
    Kind(
        "over 120 megapixels, or over 256 MiB",
        "refused",
        "read up to 178 megapixels (Pillow warns from 89 on), then refused",
    ),
)


def source() -> str:
    """Return the source of `read_image` with its imports."""
    return f"{IMPORTS}\n\n{inspect.getsource(read_image)}"


def table(alone: bool = False) -> list[str]:
    """Return `KINDS` as the lines of a table in Markdown; alone: with what `read_image` makes of them."""
    if alone:
        rows = [f"| {each.name} | {each.sadari} | {each.alone} |" for each in KINDS]
        return ["| file | Sadari | `read_image` |", "|---|---|---|", *rows]
    return ["| file | what is read |", "|---|---|", *(f"| {each.name} | {each.sadari} |" for each in KINDS)]
