"""What is on this encoded image? Bytes become uint8 pixels, upright, grey or RGB, in the wanted size.

Formats: JPEG, PNG, BMP, GIF (first frame), WebP, TIFF. EXIF orientation is applied. 16-bit grey is scaled to
8 bits by 65535 / 255 = 257 and rounded; transparent pixels are laid over white; palettes and CMYK become RGB.
An image is grey by the mode that its file declares (1-bit, grey, 16-bit grey, grey with alpha), not by its pixels.
"""

import re
import warnings
from dataclasses import dataclass
from io import BytesIO
from threading import Lock

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from sadari.errors import SadariError

FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF")
SUFFIXES = frozenset((".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff"))
# Assumed: above any single photograph (phones reach 200 megapixels only when asked to), and 300 MB once decoded.
MAX_PIXELS = 100_000_000
# Assumed: a file above this is no photograph; it bounds what one reader holds in memory.
MAX_FILE_BYTES = 256 * 2**20
# A JPEG is decoded at a reduced scale only while it stays this many times larger than wanted, so that the final resize
# still averages over source pixels. Measured on 150 photographs of 256 pixels made 28 and 32 pixels, against decoding
# at full scale: the mean difference is 0.6 and 0.1 of 255 levels (the largest 21 and 7); with 2 it was 2.1 and 0.9 (48
# and 42). A photograph of 12 megapixels made 224 pixels takes 51 ms instead of 125.
DRAFT_MARGIN = 4
_PILLOW = re.compile(r"PIL\.")
_QUIETENING = Lock()
RESAMPLING = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
GREY_MODES = frozenset(("1", "L", "LA", "La"))


class UnreadableImageError(SadariError):
    """The bytes are not an image that can be decoded; the message says why, without a file name."""


def decode_image(
    content: bytes, channels: int = 0, size: int = 0, fit: str = "crop", interpolation: str = "bilinear"
) -> NDArray[np.uint8]:
    """Which pixels do the bytes of an image file hold? uint8 (H, W, C).

    channels: 1 (grey) or 3 (RGB); 0 keeps what the file declares. size: 0 keeps the size, otherwise the
    image becomes (size, size) by `fit` ("crop", "pad", "squash") and `interpolation`; see `fit_square`. Raises
    UnreadableImageError for anything that is no complete image, has more than MAX_PIXELS pixels or more than
    MAX_FILE_BYTES bytes.
    """
    if not content:
        raise UnreadableImageError("the file is empty")
    if len(content) > MAX_FILE_BYTES:
        raise UnreadableImageError(f"the file is larger than {MAX_FILE_BYTES / 2**20:.0f} MiB")
    quiet_pillow()
    try:
        image = _open(content)
        if size:
            _draft(image, size, fit)
        image.load()
        upright = _flat(_upright(image))
    except UnreadableImageError:
        raise
    except MemoryError:
        raise UnreadableImageError("it does not fit into memory") from None
    except Exception as error:  # hostile bytes make Pillow raise almost anything: struct, zlib, Index, Type errors
        raise UnreadableImageError(_reason(error)) from None
    if channels:
        upright = upright.convert("L" if channels == 1 else "RGB")
    if size:
        upright = _square(upright, size, fit, RESAMPLING[interpolation])
    pixels = np.array(upright)
    return pixels[:, :, np.newaxis] if pixels.ndim == 2 else pixels


def fit_square(image: NDArray[np.uint8], size: int, fit: str, interpolation: str = "bilinear") -> NDArray[np.uint8]:
    """What does uint8 (H, W, C) look like as (size, size, C)? Antialiased (the filter is wider when shrinking).

    crop: the largest centred square is resized, so that the short side fits. pad: the long side fits, the
    rest is black. squash: both sides fit, the shape is lost.
    """
    grey = image.shape[2] == 1
    picture = Image.fromarray(image[:, :, 0] if grey else image)
    fitted = np.asarray(_square(picture, size, fit, RESAMPLING[interpolation]))
    return fitted[:, :, np.newaxis] if grey else fitted


def to_channels(images: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    """What are uint8 (..., 1 or 3) images with 1 or 3 channels? Grey is ITU-R 601-2 luma, rounded as Pillow does."""
    if images.shape[-1] == channels:
        return images
    if channels == 3:
        return np.repeat(images, 3, axis=-1)
    luma = images.astype(np.uint32) @ np.array([19595, 38470, 7471], dtype=np.uint32)
    return ((luma + 0x8000) >> 16).astype(np.uint8)[..., np.newaxis]


def to_8_bits(values: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """What are 16-bit values in 8 bits? round(value / 257), so that 0 and 65535 become 0 and 255."""
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)


def over_white(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What does uint8 (..., 4) RGBA look like on a white ground? uint8 (..., 3)."""
    alpha = images[..., 3:].astype(np.uint32)
    mixed = images[..., :3] * alpha + 255 * (255 - alpha)
    return ((mixed + 127) // 255).astype(np.uint8)


def _open(content: bytes) -> ImageFile.ImageFile:
    try:
        image = Image.open(BytesIO(content), formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise UnreadableImageError(f"it is too large: {_first_clause(error)}") from None
    if image.width * image.height > MAX_PIXELS:
        raise UnreadableImageError(
            f"it is too large: {image.width} x {image.height} pixels, over the limit of {MAX_PIXELS:,}"
        )
    return image


def _first_clause(error: Exception) -> str:
    return str(error).partition(",")[0]


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "it is no JPEG, PNG, BMP, GIF, WebP or TIFF image"
    return f"it is damaged or cut short ({str(error) or type(error).__name__})"


def _draft(image: ImageFile.ImageFile, size: int, fit: str) -> None:
    """Let a JPEG decode at 1/2, 1/4 or 1/8 where that is still DRAFT_MARGIN times what is wanted."""
    if image.format != "JPEG":
        return
    width, height = image.size
    wanted = DRAFT_MARGIN * size
    factor = wanted / (max(width, height) if fit == "pad" else min(width, height))
    if factor < 1:
        image.draft(None, (int(np.ceil(width * factor)), int(np.ceil(height * factor))))


def _upright(image: Image.Image) -> Image.Image:
    # Malformed EXIF does not make the pixels unreadable: the image then stays as it lies.
    try:
        ImageOps.exif_transpose(image, in_place=True)
    except Exception:
        return image
    return image


def _flat(image: Image.Image) -> Image.Image:
    """The image as "L" or "RGB", without alpha."""
    if image.mode.startswith("I;16"):
        return Image.fromarray(to_8_bits(np.asarray(image).astype(np.uint16)))
    if image.mode in ("I", "F"):
        raise UnreadableImageError("it has 32-bit pixels, whose range is not known; convert it to 8 or 16 bits")
    mode = "L" if image.mode in GREY_MODES else "RGB"
    if not image.has_transparency_data:
        return image if image.mode == mode else image.convert(mode)
    see_through = image.convert(f"{mode}A")
    background = Image.new(mode, image.size, 255 if mode == "L" else (255, 255, 255))
    background.paste(see_through.convert(mode), mask=see_through.getchannel("A"))
    return background


def _square(image: Image.Image, size: int, fit: str, resample: Image.Resampling) -> Image.Image:
    width, height = image.size
    if width == height:
        return image if width == size else image.resize((size, size), resample)
    if fit == "squash":
        return image.resize((size, size), resample)
    if fit == "crop":
        side = min(width, height)
        left, top = (width - side) / 2, (height - side) / 2
        return image.resize((size, size), resample, box=(left, top, left + side, top + side))
    scale = size / max(width, height)
    inner = image.resize((max(1, round(width * scale)), max(1, round(height * scale))), resample)
    background = Image.new(image.mode, (size, size))
    background.paste(inner, ((size - inner.width) // 2, (size - inner.height) // 2))
    return background


def quiet_pillow() -> None:
    """Keep Pillow's warnings from the user, in this process from here on: what is wrong with an image is said once.

    The filter stays. `warnings.catch_warnings` would put all filters back as they were, and while worker threads decode
    that undoes what the main thread does with its own.
    """
    with _QUIETENING:
        first = warnings.filters[0] if warnings.filters else None
        if first is None or (first[0], first[3]) != ("ignore", _PILLOW):  # somebody set another one since
            warnings.filterwarnings("ignore", module=_PILLOW.pattern)


Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Frame:
    """What every image is made to be: side (0: as it is), fit, channels (0: as it is), the least channels, and how it
    is resized."""

    size: int
    fit: str
    channels: int
    least_channels: int = 1
    interpolation: str = "bilinear"


class ShapeDiffers(Exception):  # noqa: N818 - control flow, not a failure
    """An image does not fit the frame that the images before it set; `channels` or its size is what differs."""

    def __init__(self, *, channels: bool) -> None:
        super().__init__("channels" if channels else "size")
        self.channels = channels


def common_shape(before: Shape | None, image: NDArray[np.uint8], least_channels: int) -> Shape:
    """Which (H, W, C) do the images so far have, and uint8 (H, W, C) `image` too?

    before: of the images so far, None for the first one, which sets height and width, and the channels unless
    `least_channels` is 3. A grey image fits a colour frame; a colour one in a grey frame, or another size, raises
    ShapeDiffers.
    """
    height, width, channels = image.shape
    if before is None:
        return height, width, max(channels, least_channels)
    if (height, width) != before[:2]:
        raise ShapeDiffers(channels=False)
    if channels > before[2]:
        raise ShapeDiffers(channels=True)
    return before


def fit_rectangle(
    image: NDArray[np.uint8], height: int, width: int, fit: str, interpolation: str = "bilinear"
) -> NDArray[np.uint8]:
    """What does uint8 (H, W, C) look like as (height, width, C)? Antialiased, as `data.decode.fit_square` is.

    crop: the largest centred part of the wanted shape is resized. pad: all of it is, and the rest is black. squash:
    both sides fit, the shape is lost. An image of the wanted size stays as it is.
    """
    if image.shape[:2] == (height, width):
        return image
    grey = image.shape[2] == 1
    fitted = np.asarray(_fitted(Image.fromarray(image[:, :, 0] if grey else image), height, width, fit, interpolation))
    return fitted[:, :, np.newaxis] if grey else fitted


def _fitted(picture: Image.Image, height: int, width: int, fit: str, interpolation: str) -> Image.Image:
    resample = RESAMPLING[interpolation]
    if fit == "squash":
        return picture.resize((width, height), resample)
    scales = width / picture.width, height / picture.height
    if fit == "crop":
        scale = max(scales)
        left = max(0.0, (picture.width - width / scale) / 2)  # rounding may leave it a hair below 0
        top = max(0.0, (picture.height - height / scale) / 2)
        box = (left, top, picture.width - left, picture.height - top)
        return picture.resize((width, height), resample, box=box)
    scale = min(scales)
    inner_size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    background = Image.new(picture.mode, (width, height))
    inner = picture.resize(inner_size, resample)
    background.paste(inner, ((width - inner.width) // 2, (height - inner.height) // 2))
    return background
