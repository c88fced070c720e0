"""Every kind of image file becomes the pixels that it shows, or is refused with a reason."""

import io
import re
import struct
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter, thread_time
from unittest.mock import patch

import numpy as np
import pytest
from PIL import Image

from sadari.data import image_file
from sadari.data.decode import decode_image, fit_square
from sadari.data.image_file import MAX_PIXELS, UnreadableImageError
from sadari.data.levels import over_white, to_8_bits, to_channels
from support.hostile import many_chunks, many_segments, scan_bomb, slow_bitmap
from support.photographs import raw_png
from support.sets import encode

GENERATOR = np.random.default_rng(0)
GREY = GENERATOR.integers(0, 256, (6, 9, 1), dtype=np.uint8)
COLOUR = GENERATOR.integers(0, 256, (6, 9, 3), dtype=np.uint8)


def saved(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF"])
@pytest.mark.parametrize("pixels", [GREY, COLOUR], ids=["grey", "rgb"])
def test_lossless_kinds_keep_their_pixels(kind: str, pixels: np.ndarray) -> None:
    decoded = decode_image(encode(pixels, kind))
    assert decoded.dtype == np.uint8
    np.testing.assert_array_equal(decoded, pixels)
    decoded[0] = 0  # the caller may write to what it gets


def test_lossless_webp_and_first_frame_of_gif() -> None:
    webp = saved(Image.fromarray(COLOUR), "WEBP", lossless=True)
    np.testing.assert_array_equal(decode_image(webp), COLOUR)
    red, blue = (Image.new("RGB", (5, 4), name) for name in ("red", "blue"))
    gif = saved(red, "GIF", save_all=True, append_images=[blue])
    assert decode_image(gif).shape == (4, 5, 3)
    assert (decode_image(gif) == (255, 0, 0)).all()


def test_jpeg_is_near() -> None:
    smooth = np.broadcast_to(np.linspace(0, 255, 32, dtype=np.uint8)[:, None, None], (32, 32, 3))
    decoded = decode_image(saved(Image.fromarray(np.ascontiguousarray(smooth)), "JPEG", quality=95))
    assert np.abs(decoded.astype(int) - smooth).max() <= 4


def test_one_bit_is_black_and_white() -> None:
    bits = GREY[:, :, 0] > 127
    np.testing.assert_array_equal(decode_image(saved(Image.fromarray(bits)))[:, :, 0], bits * 255)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bit_grey_is_scaled_not_clipped(kind: str) -> None:
    values = np.array([[0, 128, 129, 257, 32768, 65406, 65535]], dtype=np.uint16)
    decoded = decode_image(saved(Image.fromarray(values), kind))
    np.testing.assert_array_equal(decoded[:, :, 0], [[0, 0, 1, 1, 128, 254, 255]])


def test_16_bits_to_8_is_rounding_for_every_value() -> None:
    every = np.arange(65536, dtype=np.uint16)
    np.testing.assert_array_equal(to_8_bits(every), np.round(np.arange(65536) / 257))


def test_16_bit_rgb_png() -> None:
    rows = b"\0" + struct.pack(">6H", 0, 32896, 65535, 65535, 0, 257)
    decoded = decode_image(raw_png(2, 1, rows, depth=16, colour=2))
    np.testing.assert_array_equal(decoded, [[[0, 128, 255], [255, 0, 1]]])


def test_palette_becomes_its_colours() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putpixel((1, 0), 1)
    np.testing.assert_array_equal(decode_image(saved(image)), [[[10, 20, 30], [200, 100, 50]]])
    clear = saved(image, transparency=1)
    np.testing.assert_array_equal(decode_image(clear), [[[10, 20, 30], [255, 255, 255]]])


def test_alpha_is_laid_over_white() -> None:
    rgba = np.array([[[200, 100, 0, 255], [200, 100, 0, 0], [200, 100, 0, 51]]], dtype=np.uint8)
    expected = [[[200, 100, 0], [255, 255, 255], [244, 224, 204]]]
    np.testing.assert_array_equal(decode_image(saved(Image.fromarray(rgba))), expected)
    np.testing.assert_array_equal(over_white(rgba), expected)


def test_grey_with_alpha_stays_grey() -> None:
    image = Image.merge("LA", [Image.new("L", (3, 2), 100), Image.new("L", (3, 2), 51)])
    decoded = decode_image(saved(image))
    assert decoded.shape == (2, 3, 1)
    assert (decoded == 224).all()


def test_cmyk_becomes_rgb() -> None:
    for ink, seen in {(0, 0, 0, 0): (255, 255, 255), (0, 255, 255, 0): (255, 0, 0), (0, 0, 0, 255): (0, 0, 0)}.items():
        for kind in ("JPEG", "TIFF"):
            decoded = decode_image(saved(Image.new("CMYK", (16, 16), ink), kind))
            assert np.abs(decoded.astype(int) - seen).max() <= 2, (ink, kind)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int) -> None:
    """The eight ways a camera can be held, written out as NumPy turns of what should be seen."""
    stored = {
        1: lambda seen: seen,
        2: lambda seen: seen[:, ::-1],
        3: lambda seen: seen[::-1, ::-1],
        4: lambda seen: seen[::-1],
        5: lambda seen: seen.transpose(1, 0, 2),
        6: lambda seen: np.rot90(seen, 1),
        7: lambda seen: seen[::-1, ::-1].transpose(1, 0, 2),
        8: lambda seen: np.rot90(seen, -1),
    }[orientation](COLOUR)
    exif = Image.Exif()
    exif[0x0112] = orientation
    for kind in ("PNG", "TIFF"):
        content = saved(Image.fromarray(np.ascontiguousarray(stored)), kind, exif=exif)
        np.testing.assert_array_equal(decode_image(content), COLOUR)


def test_an_orientation_in_xmp_alone_is_applied() -> None:
    """Written by programs that edit photographs and remove the EXIF."""
    tag = b'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/>'
    content = saved(
        Image.fromarray(COLOUR), "JPEG", xmp=b'<x:xmpmeta xmlns:x="adobe:ns:meta/">' + tag + b"</x:xmpmeta>"
    )
    height, width, channels = COLOUR.shape
    assert height != width
    assert decode_image(content).shape == (width, height, channels)


def test_malformed_exif_is_no_obstacle() -> None:
    content = saved(Image.fromarray(COLOUR), exif=b"Exif\0\0II*\0\xff\xff\xff\xff broken")
    np.testing.assert_array_equal(decode_image(content), COLOUR)


def test_channels_are_forced() -> None:
    assert decode_image(encode(GREY), channels=3).shape == (6, 9, 3)
    np.testing.assert_array_equal(decode_image(encode(COLOUR), channels=1), to_channels(COLOUR, 1))
    np.testing.assert_array_equal(decode_image(encode(GREY), channels=3), to_channels(GREY, 3))


def test_fit_crop_takes_the_centre() -> None:
    wide = np.zeros((10, 30, 1), dtype=np.uint8)
    wide[:, 7:23] = 200  # the triangle filter reaches one target pixel beyond the square
    assert (fit_square(wide, 5, "crop") == 200).all()
    assert (fit_square(wide.transpose(1, 0, 2), 5, "crop") == 200).all()


def test_fit_pad_keeps_everything_on_black() -> None:
    padded = fit_square(np.full((10, 30, 3), 90, dtype=np.uint8), 6, "pad")
    assert (padded[2:4] == 90).all()
    assert (padded[:2] == 0).all()
    assert (padded[4:] == 0).all()


def test_fit_squash_averages_when_shrinking() -> None:
    stripes = np.zeros((64, 32, 1), dtype=np.uint8)
    stripes[::2] = 255
    squashed = fit_square(stripes, 8, "squash")
    assert squashed.shape == (8, 8, 1)
    assert np.abs(squashed.astype(int) - 127).max() < 12


@pytest.mark.parametrize("fit", ["crop", "pad", "squash"])
def test_a_large_jpeg_decodes_to_what_the_full_one_resizes_to(fit: str) -> None:
    """The faster decoding at a reduced scale must not show."""
    rows, columns = np.mgrid[0:600, 0:840]
    scene = np.stack([128 + 100 * np.sin(rows / 7), 128 + 100 * np.cos(columns / 8), rows * 255 / 600], axis=2)
    content = saved(Image.fromarray(scene.astype(np.uint8)), "JPEG", quality=95)
    direct = decode_image(content, size=64, fit=fit).astype(int)
    assert np.abs(direct - fit_square(decode_image(content), 64, fit)).max() <= 6


@pytest.mark.parametrize("share", [0.02, 0.5, 0.95])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF"])
def test_cut_short_is_unreadable(kind: str, share: float) -> None:
    noise = GENERATOR.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    content = encode(noise, kind)
    with pytest.raises(UnreadableImageError):
        decode_image(content[: int(len(content) * share)])


@pytest.mark.parametrize(
    "content", [b"", b"hello, I am a text file", b"%!PS-Adobe-3.0 EPSF-3.0\n", b"\x89PNG\r\n\x1a\n"]
)
def test_no_image_is_unreadable(content: bytes) -> None:
    with pytest.raises(UnreadableImageError):
        decode_image(content)


def test_32_bit_pixels_are_not_guessed() -> None:
    with pytest.raises(UnreadableImageError, match="32-bit"):
        decode_image(saved(Image.fromarray(np.ones((3, 3), dtype=np.float32)), "TIFF"))


@pytest.mark.parametrize("side", [30_000, 11_000])
def test_decompression_bomb_is_refused_before_it_is_decoded(side: int) -> None:
    assert side * side > MAX_PIXELS
    with warnings.catch_warnings(), pytest.raises(UnreadableImageError, match="too large"):
        warnings.simplefilter("error")
        decode_image(raw_png(side, side, b"\0" * 1000))


def test_pillow_warnings_stay_inside_also_with_threads() -> None:
    just_allowed = raw_png(9_900, 10_000, b"\0" * 10)  # Pillow warns above 89 million pixels
    with warnings.catch_warnings(record=True) as seen, ThreadPoolExecutor(4) as pool:
        warnings.simplefilter("always")
        before = list(warnings.filters)
        for future in [pool.submit(decode_image, just_allowed) for _ in range(8)]:
            assert isinstance(future.exception(), UnreadableImageError)
        assert [each for each in warnings.filters if each[3] != re.compile(r"PIL\.")] == before
    assert seen == []


def test_decoding_in_a_thread_leaves_the_filters_of_another_thread_alone() -> None:
    """A thread that decodes inside another one's `catch_warnings` must not restore older filters."""
    begun, may_end = threading.Event(), threading.Event()

    def decode_slowly(*_: object) -> object:
        begun.set()
        may_end.wait(10)
        raise OSError

    with ThreadPoolExecutor(1) as pool, patch("sadari.data.decode.open_image", decode_slowly):
        future = pool.submit(decode_image, b"anything")
        assert begun.wait(10)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", category=FutureWarning)
            mine = warnings.filters[0]
            may_end.set()
            assert isinstance(future.exception(), UnreadableImageError)
            assert warnings.filters[0] == mine


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_images_are_resized_by_pillows_filter_of_that_name(interpolation: str) -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    expected = np.asarray(Image.fromarray(pixels).resize((9, 9), getattr(Image.Resampling, interpolation.upper())))
    np.testing.assert_array_equal(fit_square(pixels, 9, "crop", interpolation), expected)
    np.testing.assert_array_equal(decode_image(encode(pixels), 3, 9, "crop", interpolation), expected)


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("side", [40, 97, 17])
def test_resizing_is_that_of_torchvision_with_antialiasing(side: int, interpolation: str) -> None:
    """An independent implementation: within one level of it, growing and shrinking."""
    import torch
    from torchvision.transforms.v2 import InterpolationMode
    from torchvision.transforms.v2.functional import resize

    pixels = np.random.default_rng(3).integers(0, 256, (side, side, 3), dtype=np.uint8)
    planes = torch.from_numpy(pixels).permute(2, 0, 1)
    theirs = resize(planes, [24, 24], interpolation=InterpolationMode(interpolation), antialias=True)
    expected = theirs.permute(1, 2, 0).numpy().astype(int)
    assert np.abs(fit_square(pixels, 24, "crop", interpolation) - expected).max() <= 1


def test_a_jpeg_of_many_empty_scans_is_refused_at_once() -> None:
    assert len(scan_bomb(7000, 900)) < 200_000
    started = perf_counter()
    with pytest.raises(UnreadableImageError, match="a JPEG of more than 40 scans, which takes too long"):
        decode_image(scan_bomb(7000, 900), size=28)
    with pytest.raises(UnreadableImageError, match="more than 100 scans"):
        decode_image(scan_bomb(64, 100))
    assert perf_counter() - started < 1
    assert decode_image(scan_bomb(64, 20)).shape == (64, 64, 1)


def test_what_looks_like_scans_behind_a_jpeg_is_none() -> None:
    file = io.BytesIO()
    Image.new("RGB", (64, 64), (1, 2, 3)).save(file, format="JPEG", progressive=True)
    assert decode_image(file.getvalue() + b"\xff\xda" * 1000).shape == (64, 64, 3)  # such as a phone's moving picture


def test_the_processor_time_of_one_file_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = b"P3 600 600 255\n" + b"1 " * (3 * 600 * 600)
    assert len(plain) > image_file.SMALL_BYTES
    assert decode_image(plain).shape == (600, 600, 3)
    monkeypatch.setattr(image_file, "MAX_SECONDS", 0.02)
    with pytest.raises(UnreadableImageError, match=r"takes more than 0\.02 seconds to decode; save it anew"):
        decode_image(plain)


def test_a_bitmap_that_is_slow_to_decode() -> None:
    assert decode_image(slow_bitmap(64)).shape == (64, 64, 3)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            slow_bitmap(10_900),
            "a run-length coded bitmap of 10900 x 10900 pixels, which takes too long to decode; save",
        ),
        (
            many_chunks(64, 1_100_000),
            "a PNG of more than 1,000,000 pieces, which takes too long",
        ),
        (many_segments(encode(GREY, "JPEG"), 1_100_000), "a JPEG of more than 1,000,000 pieces"),
        (b"\xff\xd8" + bytes(9_000_000) + encode(GREY, "JPEG")[2:], "a JPEG of more than 1,000,000 pieces"),
        (b"\xff\xd8" * 4_000_000 + encode(GREY, "JPEG")[2:], "a JPEG of more than 1,000,000 pieces"),
        (b"\xff\xd8" + b"\xff" * 9_000_000 + encode(GREY, "JPEG")[2:], "a JPEG of more than 1,000,000 pieces"),
    ],
    ids=["rows", "chunks", "segments", "junk", "beginnings", "filling"],
)
def test_what_few_bytes_make_slow_is_refused_at_once(content: bytes, sentence: str) -> None:
    started = thread_time()
    for _ in range(3):
        with pytest.raises(UnreadableImageError, match=sentence):
            decode_image(content, size=28)
    assert thread_time() - started < 3


def test_as_many_pieces_as_encoders_write_are_read() -> None:
    assert decode_image(many_chunks(64, 5_000)).shape == (64, 64, 1)
    assert decode_image(many_chunks(64, 10) + bytes(13_000_000)).shape == (64, 64, 1)
    plain = encode(GREY, "JPEG")
    for content in (many_segments(plain, 1_000), plain + b"\xff\xfe\0\2" * 1_100_000):
        np.testing.assert_array_equal(decode_image(content), decode_image(plain))
