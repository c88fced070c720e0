"""Which pixels does an image file hold, and how do images of any size become equal? uint8, upright, grey or RGB.

Formats: JPEG, PNG, BMP, GIF (first frame), WebP, TIFF, PPM and PGM, AVIF and JPEG 2000 where Pillow has them, and HEIC
(the main picture) where pillow-heif is installed. EXIF orientation is applied; a HEIC file has boxes in its place.
16-bit grey is scaled to 8 bits, so that one value of 16 bits is white in all images of a set; transparent pixels are
put on white, where not everything is transparent; palettes and CMYK become RGB.
An image is grey by the mode that its file declares (1-bit, grey, 16-bit grey, grey with alpha), not by its pixels.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImageOps

from sadari.data.image_file import MAX_FILE_BYTES, MAX_PIXELS, UnreadableImageError, open_image, quiet_pillow, reason_of
from sadari.data.levels import FULL_LEVELS, Levels16, RangeExceeded
from sadari.settings import Settings

WHITE_IS_ZERO = 262  # the tag of TIFF that says so with the value 0
# A JPEG is decoded at a reduced scale only while it stays this many times larger than wanted, so that the final resize
# still averages over source pixels. Measured on 150 photographs of 256 pixels made 28 and 32 pixels, against decoding
# at full scale: the mean difference is 0.6 and 0.1 of 255 levels (the largest 21 and 7); with 2 it was 2.1 and 0.9 (48
# and 42). A photograph of 12 megapixels made 224 pixels takes 39 ms instead of 103; with 3 it would be 28 for other
# pixels in every pack and cached feature (benchmarks/speed/large_photographs.json).
DRAFT_MARGIN = 4
FITS = ("crop", "pad", "squash")
RESAMPLING = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
TURNED = frozenset(("exif", "xmp"))  # where a JPEG says its orientation
GREY_MODES = frozenset(("1", "L", "LA", "La"))

Shape = tuple[int, int, int]


def decode_image(
    content: bytes,
    channels: int = 0,
    size: int = 0,
    fit: str = "crop",
    interpolation: str = "bilinear",
    levels: Levels16 = FULL_LEVELS,
    max_pixels: int = 0,
) -> NDArray[np.uint8]:
    """Decode the bytes of an image file to uint8 (H, W, C).

    channels: 1 (grey) or 3 (RGB); 0 keeps what the file declares. size: 0 keeps the size, otherwise the
    image becomes (size, size) by `fit` ("crop", "pad", "squash") and `interpolation`; see `fit_square`. levels: how 16
    bits become 8. Raises UnreadableImageError for anything that is no complete image, has more than `max_pixels` pixels
    (0: MAX_PIXELS) or more than MAX_FILE_BYTES bytes, and RangeExceeded as `levels` says.
    """
    if not content:
        raise UnreadableImageError("the file is empty")
    if len(content) > MAX_FILE_BYTES:
        raise UnreadableImageError(f"the file is larger than {MAX_FILE_BYTES / 2**20:.0f} MiB")
    quiet_pillow()
    try:
        image = open_image(content, max_pixels or MAX_PIXELS)
        if size:
            draft(image, size, fit)
        image.load()
        upright = _flat(_upright(image), levels)
    except (UnreadableImageError, RangeExceeded):
        raise
    except MemoryError:
        raise UnreadableImageError("it does not fit into memory") from None
    except Exception as error:  # hostile bytes make Pillow raise almost anything: struct, zlib, Index, Type errors
        raise UnreadableImageError(reason_of(error, content)) from None
    if channels and upright.mode != (mode := "L" if channels == 1 else "RGB"):
        upright = upright.convert(mode)
    if size:
        upright = _fitted(upright, size, size, fit, interpolation)
    return _pixels(upright)


def draft(image: ImageFile.ImageFile, size: int, fit: str) -> None:
    """Let a JPEG decode at 1/2, 1/4 or 1/8 where that is still DRAFT_MARGIN times what is wanted."""
    if image.format != "JPEG":
        return
    width, height = image.size
    wanted = DRAFT_MARGIN * size
    factor = wanted / (max(width, height) if fit == "pad" else min(width, height))
    if factor < 1:
        image.draft(None, (int(np.ceil(width * factor)), int(np.ceil(height * factor))))


def _upright(image: Image.Image) -> Image.Image:
    if image.format == "JPEG" and not TURNED & image.info.keys():  # a tenth of the time for a small one (measured)
        return image
    if image.format == "HEIF":  # libheif has turned it; what EXIF says of it does not count (ISO/IEC 23008-12)
        return image
    # Malformed EXIF does not make the pixels unreadable: the image then keeps its orientation.
    try:
        ImageOps.exif_transpose(image, in_place=True)
    except Exception:
        return image
    return image


def _flat(image: Image.Image, levels: Levels16) -> Image.Image:
    """Return the image as "L" or "RGB", without alpha."""
    if image.mode.startswith("I;16") or (image.mode == "I" and getattr(image, "format", "") == "PPM"):
        # Grey HEIC of 10 or 12 bits comes as 16, so that its white is known.
        of_image = FULL_LEVELS if getattr(image, "format", "") == "HEIF" else levels
        eight = of_image.scale(np.asarray(image).astype(np.uint16))
        return Image.fromarray(255 - eight if _white_is_zero(image) else eight)
    if image.mode in ("I", "F"):
        raise UnreadableImageError(
            "it has signed or 32-bit pixels, whose range is not known; convert it to 8 or 16 bits"
        )
    mode = "L" if image.mode in GREY_MODES else "RGB"
    if not image.has_transparency_data:
        return image if image.mode == mode else image.convert(mode)
    see_through = image if image.mode == f"{mode}A" else image.convert(f"{mode}A")  # an equal mode would be copied
    if see_through.getchannel("A").getextrema() == (0, 0):  # written by programs that leave the channel empty
        return see_through.convert(mode)
    background = Image.new(mode, image.size, 255 if mode == "L" else (255, 255, 255))
    background.paste(see_through, mask=see_through)
    return background


def _white_is_zero(image: Image.Image) -> bool:
    """Return whether a TIFF says that its value 0 is white; Pillow turns such an image itself where it has 8 bits."""
    tags = getattr(image, "tag_v2", None)
    return tags is not None and tags.get(WHITE_IS_ZERO) == 0


def fit_square(image: NDArray[np.uint8], size: int, fit: str, interpolation: str = "bilinear") -> NDArray[np.uint8]:
    """Make uint8 (H, W, C) a square, (size, size, C); see `fit_rectangle`."""
    return fit_rectangle(image, size, size, fit, interpolation)


def fit_rectangle(
    image: NDArray[np.uint8], height: int, width: int, fit: str, interpolation: str = "bilinear"
) -> NDArray[np.uint8]:
    """Make uint8 (H, W, C) an image of (height, width, C). Antialiased (the filter is wider when shrinking).

    crop: the largest centred window of the wanted shape is resized; of a square, the short side fits. pad: all of the
    image fits, and the rest is black. squash: both sides fit, the shape is lost. An image of the wanted size is
    returned as it is.
    """
    if image.shape[:2] == (height, width):
        return image
    picture = Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image)
    return _pixels(_fitted(picture, height, width, fit, interpolation))


def _fitted(picture: Image.Image, height: int, width: int, fit: str, interpolation: str) -> Image.Image:
    if picture.size == (width, height):
        return picture
    resample = RESAMPLING[interpolation]
    if fit == "squash":
        return picture.resize((width, height), resample)
    if fit == "crop":
        # In this order the window of a square is exact.
        left = (picture.width - min(picture.width, picture.height * width / height)) / 2
        top = (picture.height - min(picture.height, picture.width * height / width)) / 2
        box = (left, top, picture.width - left, picture.height - top)
        return picture.resize((width, height), resample, box=box)
    scale = min(width / picture.width, height / picture.height)
    inner = picture.resize((max(1, round(picture.width * scale)), max(1, round(picture.height * scale))), resample)
    background = Image.new(picture.mode, (width, height))
    background.paste(inner, ((width - inner.width) // 2, (height - inner.height) // 2))
    return background


def _pixels(picture: Image.Image) -> NDArray[np.uint8]:
    pixels = np.array(picture)
    return pixels[:, :, np.newaxis] if pixels.ndim == 2 else pixels


@dataclass(frozen=True)
class Frame:
    """The form that every image gets.

    size: the side of the square in pixels; 0 keeps each image's own. fit: "crop", "pad" or "squash". channels: 1, 3, or
    0 for what the file declares. least_channels: 3 where all become colour because one image is. interpolation:
    "bilinear" or "bicubic". levels: how 16 bits become 8. max_pixels: of one image; 0 takes MAX_PIXELS.
    """

    size: int
    fit: str
    channels: int
    least_channels: int = 1
    interpolation: str = "bilinear"
    levels: Levels16 = FULL_LEVELS
    max_pixels: int = 0

    @classmethod
    def of(cls, settings: Settings) -> "Frame":
        """Read the frame from `settings`; where these give no white level, it is to be found by measuring."""
        return cls(
            settings.image_size,
            settings.fit,
            settings.channels,
            interpolation=settings.interpolation,
            levels=Levels16(settings.white_level, measuring=not settings.white_level),
            max_pixels=round(settings.max_megapixels * 1e6),
        )

    def decode(self, content: bytes) -> NDArray[np.uint8]:
        """Decode the bytes of an image file to uint8 (H, W, C) of this frame; raises as `decode_image` does."""
        return decode_image(
            content, self.channels, self.size, self.fit, self.interpolation, self.levels, self.max_pixels
        )

    def resize(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Give uint8 (H, W, C) `image` the size of this frame."""
        return fit_square(image, self.size, self.fit, self.interpolation) if self.size else image


class ShapeDiffers(Exception):  # noqa: N818 - control flow, not a failure
    """An image that does not fit the frame of the images before it; `channels` or its size is what differs."""

    def __init__(self, *, channels: bool) -> None:
        super().__init__("channels" if channels else "size")
        self.channels = channels


def common_shape(before: Shape | None, image: NDArray[np.uint8], least_channels: int) -> Shape:
    """Return the (H, W, C) that the images so far and uint8 (H, W, C) `image` have in common.

    before: that of the images so far, None for the first one, which sets height and width, and the channels unless
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
