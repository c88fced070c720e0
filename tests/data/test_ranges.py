"""16-bit values get one range for a whole set, which the run keeps, and what tags say of pixels is heeded."""

import io
import json
import struct
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from PIL import Image

from sadari.data.convert import convert
from sadari.data.decode import Frame, decode_image
from sadari.data.image_file import UnreadableImageError, has_deep_colours, has_more_pages
from sadari.data.levels import RANGES, Levels16, range_of, to_8_bits
from sadari.data.load import load
from sadari.data.prepare import Preprocess
from sadari.deploy.onnx_graph import make_onnx, preprocess_sentence
from sadari.inference.classifier import Classifier
from sadari.inference.evaluate import evaluate
from sadari.settings import Settings
from support.photographs import raw_png, trained
from support.sets import encode

pytestmark = pytest.mark.usefixtures("own_cache")


def deep_set(root: Path, low: int, high: int, kind: str = "png", seed: int = 0) -> Path:
    """Write 40 images of 16 bits whose two classes have values around `low` and `high`."""
    generator = np.random.default_rng(seed)
    for at in range(40):
        values = generator.normal((low, high)[at % 2], (high - low) / 8, (8, 8)).clip(0, 65535).astype(np.uint16)
        path = root / "ab"[at % 2] / f"{at:02d}.{kind}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(values).save(path)
    return root


@pytest.mark.parametrize("white", RANGES)
def test_a_range_is_the_least_that_holds_all_values(white: int) -> None:
    assert range_of(white) == white
    assert range_of(white // 2 + 1) == white
    values = np.array([0, white // 2, white, 65535], dtype=np.uint16)
    assert to_8_bits(values, white).tolist() == [0, 127, 255, 255]


@pytest.mark.parametrize("kind", ["png", "tif"])
@pytest.mark.parametrize("stream", ["never", "always"])
def test_12_bits_in_16_use_the_whole_of_8(kind: str, stream: str, tmp_path: Path) -> None:
    images = load(deep_set(tmp_path / "set", 1000, 3000, kind), Settings(stream=stream))
    assert images.white_level == 4095
    assert any("4095 became white (255) in all of them" in note for note in images.notes)
    for name, pixels in zip(images.ids, images.images[:], strict=True):
        values = np.asarray(Image.open(tmp_path / "set" / str(name))).astype(np.uint16)
        np.testing.assert_array_equal(pixels[:, :, 0], to_8_bits(values, 4095))


def test_one_bright_image_widens_the_range_of_all(tmp_path: Path) -> None:
    path = deep_set(tmp_path / "set", 1000, 3000)
    Image.fromarray(np.full((8, 8), 9000, np.uint16)).save(path / "b" / "99.png")
    images = load(path, Settings())
    assert images.white_level == 16383
    chosen = load(path, Settings(white_level=4095))
    assert int(chosen.images[-1].max()) == 255 and not any("became white (255)" in note for note in chosen.notes)


def test_8_bit_images_know_no_range(tmp_path: Path) -> None:
    for at in range(4):
        (tmp_path / "set" / "ab"[at % 2]).mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / "ab"[at % 2] / f"{at}.png").write_bytes(encode(np.full((4, 4, 1), 90 + at, np.uint8)))
    assert load(tmp_path / "set", Settings()).white_level == 0


def test_uint16_arrays_of_0_to_255_are_those_of_uint8(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 256, (12, 6, 6))
    labels = np.arange(12) % 2
    np.savez(tmp_path / "u8.npz", X=values.astype(np.uint8), y=labels)
    np.savez(tmp_path / "u16.npz", X=values.astype(np.uint16), y=labels)
    eight, sixteen = (load(tmp_path / f"{name}.npz", Settings()) for name in ("u8", "u16"))
    np.testing.assert_array_equal(eight.images, sixteen.images)
    assert (eight.white_level, sixteen.white_level) == (0, 255)
    assert "255 became white" in sixteen.notes[0]


def test_dark_colours_of_16_bits_are_told(tmp_path: Path) -> None:
    for at in range(4):
        (tmp_path / "set" / "ab"[at % 2]).mkdir(parents=True, exist_ok=True)
        rows = (b"\0" + struct.pack(">3H", 4000, 3000, 500 * at) * 4) * 4  # 12 bits in 16
        (tmp_path / "set" / "ab"[at % 2] / f"{at}.png").write_bytes(raw_png(4, 4, rows, depth=16, colour=2))
    deep, dark = load(tmp_path / "set", Settings()).notes
    assert "brightest value is 15 of 255" in dark
    assert deep.startswith(
        "4 images have colours of 16 bits (a/0.png, a/2.png, b/1.png and 1 more), of which only the "
    )


DEEP = np.zeros((6, 5, 3), dtype=np.uint16) + np.array([0x12F0, 0x80FF, 0xFF01], dtype=np.uint16)


def deep_png(values: NDArray[np.uint16], colour: int) -> bytes:
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    return raw_png(values.shape[1], values.shape[0], rows, depth=16, colour=colour)


def deep_tiff(values: NDArray[np.uint16], order: str) -> bytes:
    """Write uint16 (H, W, 3) as an uncompressed TIFF by hand, since Pillow writes none. order: "<" or ">"."""
    height, width, channels = values.shape
    data = values.astype(f"{order}u2").tobytes()
    tags = {256: width, 257: height, 259: 1, 262: 2, 273: 8, 277: channels, 278: height, 279: len(data)}
    at = 8 + len(data) + 2 + 12 * (len(tags) + 1) + 4
    rows = {tag: struct.pack(f"{order}HHII", tag, 4, 1, value) for tag, value in tags.items()}
    rows[258] = struct.pack(f"{order}HHII", 258, 3, channels, at)
    table = struct.pack(f"{order}H", len(rows)) + b"".join(rows[tag] for tag in sorted(rows)) + bytes(4)
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8 + len(data))
    return head + data + table + struct.pack(f"{order}{channels}H", *[16] * channels)


def with_alpha(values: NDArray[np.uint16]) -> NDArray[np.uint16]:
    return np.concatenate([values, np.full_like(values[..., :1], 65535)], axis=2)


@pytest.mark.parametrize(
    "content",
    [deep_png(DEEP, 2), deep_png(with_alpha(DEEP), 6), deep_tiff(DEEP, "<"), deep_tiff(DEEP, ">")],
    ids=["png", "png with alpha", "tiff of Intel", "tiff of Motorola"],
)
def test_of_colours_with_16_bits_the_upper_8_are_read_and_a_note_says_so(content: bytes, tmp_path: Path) -> None:
    """In bright images too: the note is about the file, not about how it looks."""
    assert decode_image(content)[0, 0].tolist() == [0x12, 0x80, 0xFF]
    for name in ("a/0.png", "b/1.png"):
        path = tmp_path / "set" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (note,) = (each for each in load(tmp_path / "set", Settings()).notes if "16 bits" in each)
    assert note.startswith("2 images have colours of 16 bits (a/0.png, b/1.png), of which only the upper 8 are read")
    assert has_deep_colours(content)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "JPEG", "BMP"])
def test_no_other_image_has_deep_colours(kind: str) -> None:
    assert not has_deep_colours(encode(np.zeros((4, 4, 3), np.uint8), kind))
    for grey in (np.zeros((4, 4), np.uint16), np.zeros((4, 4), np.uint8)):
        if kind in ("PNG", "TIFF"):
            out = io.BytesIO()
            Image.fromarray(grey).save(out, kind)
            assert not has_deep_colours(out.getvalue())
    assert not has_deep_colours(b"") and not has_deep_colours(b"II*\0" + bytes(20))


@pytest.mark.parametrize(("highest", "told"), [(1, True), (16, True), (200, False)])
def test_arrays_that_end_at_a_low_value_are_told(highest: int, told: bool, tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, highest + 1, (12, 6, 6)).astype(np.uint8)
    np.savez(tmp_path / "x.npz", X=values, y=np.arange(12) % 2)
    images = load(tmp_path / "x.npz", Settings())
    assert any(f"brightest value is {highest} of 255" in note for note in images.notes) == told


def test_the_range_of_training_is_that_of_every_image_that_is_judged(tmp_path: Path) -> None:
    run = trained(deep_set(tmp_path / "set", 1000, 3000), tmp_path / "run", "logistic", epochs=5)
    assert json.loads((run.path / "preprocess.json").read_text())["white_level"] == 4095
    classifier = Classifier.open(run.path)
    one = next((tmp_path / "set" / "b").iterdir())
    values = np.asarray(Image.open(one)).astype(np.uint16)
    np.testing.assert_array_equal(classifier.decode(one.read_bytes())[:, :, 0], to_8_bits(values, 4095))
    darker = evaluate(run, str(deep_set(tmp_path / "dark", 100, 900, seed=1)))  # alone it would get the range 1023
    assert set(darker.predicted.tolist()) == {0}


def test_the_range_is_in_what_is_exported(tmp_path: Path) -> None:
    run = trained(deep_set(tmp_path / "set", 1000, 3000), tmp_path / "run", "logistic", epochs=5)
    model = Classifier.open(run.path).model
    assert "of 16-bit images the value 4095 is 255" in preprocess_sentence(model.preprocess)
    metadata = {each.key: each.value for each in onnx.load_from_string(make_onnx(model, {})).metadata_props}
    assert metadata["white_level"] == "4095"


def test_a_preprocessing_without_a_range_is_the_full_one() -> None:
    document = Preprocess(4, 4, 1, "crop", "unit", np.ones((1, 1, 1), np.float32), np.zeros((1, 1, 1), np.float32))
    assert "white_level" not in document.to_json()
    assert Preprocess.from_json({**document.to_json(), "white_level": 4095}).white_level == 4095


def tiff(bits: int, values: NDArray[np.int64]) -> bytes:
    """A grey TIFF whose 0 is white."""
    data = values.astype(f"<u{bits // 8}").tobytes()
    height, width = values.shape
    tags = {256: width, 257: height, 258: bits, 259: 1, 262: 0, 273: 8, 277: 1, 278: height, 279: len(data)}
    wide = (256, 257, 273, 278, 279)
    table = b"".join(struct.pack("<HHII", tag, 4 if tag in wide else 3, 1, each) for tag, each in tags.items())
    return b"II*\0" + struct.pack("<I", 8 + len(data)) + data + struct.pack("<H", len(tags)) + table + bytes(4)


def test_16_bits_far_from_0_that_leave_few_levels_are_told(tmp_path: Path) -> None:
    for at, value in enumerate((30000, 30400, 30600, 31000)):
        (tmp_path / "set" / "ab"[at % 2]).mkdir(parents=True, exist_ok=True)
        image = Image.fromarray(np.full((6, 6), value, dtype=np.uint16))
        image.save(tmp_path / "set" / "ab"[at % 2] / f"{at}.png")
    notes = load(tmp_path / "set", Settings()).notes
    assert notes[1].startswith("the 16-bit images have only 5 of 256 grey levels left (117 to 121)")
    Image.fromarray(np.arange(0, 36 * 1000, 1000, dtype=np.uint16).reshape(6, 6)).save(tmp_path / "set" / "a" / "x.png")
    assert len(load(tmp_path / "set", Settings()).notes) == 1


@pytest.mark.parametrize("order", ["<", ">"])
def test_pages_after_the_first_one_are_told(order: str, tmp_path: Path) -> None:
    for at in range(4):
        (tmp_path / "set" / "ab"[at % 2]).mkdir(parents=True, exist_ok=True)
        page = Image.fromarray(np.full((6, 6), 60 * at, dtype=np.uint8))
        page.save(tmp_path / "set" / "ab"[at % 2] / f"{at}.tif", save_all=True, append_images=[page] * (at == 3))
    assert load(tmp_path / "set", Settings()).notes == (
        "1 image has several pages (b/3.tif), of which only the first is read",
    )
    assert not has_more_pages(deep_tiff(DEEP, order))
    for cut in range(40):
        has_more_pages(deep_tiff(DEEP, order)[:cut])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"MM\0*" + bytes(40), "it is a TIFF of a kind that is not read"),
        (b"GIF89" + bytes(40), "it is no JPEG, PNG, BMP, GIF, WebP or TIFF image"),
    ],
)
def test_what_is_unsupported_is_not_called_no_image(content: bytes, reason: str) -> None:
    with pytest.raises(UnreadableImageError, match=reason):
        decode_image(content)


def test_a_tiff_whose_0_is_white_is_turned_with_8_and_with_16_bits() -> None:
    dark = np.full((16, 16), 30)
    dark[4:12, 4:12] = 250
    eight, sixteen = tiff(8, 255 - dark), tiff(16, 65535 - 257 * dark)
    np.testing.assert_array_equal(decode_image(eight)[:, :, 0], dark)
    np.testing.assert_array_equal(decode_image(sixteen)[:, :, 0], dark)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TGA"])
def test_alpha_that_is_0_everywhere_is_left_out(kind: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 4), dtype=np.uint8)
    pixels[..., 3] = 0
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **({"lossless": True, "exact": True} if kind == "WEBP" else {}))
    np.testing.assert_array_equal(decode_image(buffer.getvalue()), pixels[..., :3])


def test_drawings_that_vanish_on_white_are_told_when_loading(tmp_path: Path) -> None:
    for at in range(6):
        pixels = np.zeros((8, 8, 4), np.uint8)
        pixels[2:6, at] = 255
        (tmp_path / "set" / "ab"[at % 2]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(tmp_path / "set" / "ab"[at % 2] / f"{at}.png")
    assert any("6 images are wholly white" in note for note in load(tmp_path / "set", Settings()).notes)


def test_formats_that_pillow_reads_are_read() -> None:
    pixels = np.full((16, 16, 3), (200, 60, 40), np.uint8)
    for kind, tolerance in (("PPM", 0), ("TGA", 0), ("AVIF", 12), ("JPEG2000", 12)):
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, kind)
        assert np.abs(decode_image(buffer.getvalue()).astype(int) - pixels).max() <= tolerance
    header = b"P5 2 1 65535\n"
    assert decode_image(header + struct.pack(">HH", 0, 65535)).ravel().tolist() == [0, 255]


def test_a_phones_108_megapixels_pass_and_a_setting_allows_more() -> None:
    def reason(side: int, **limits: float) -> str:
        frame = Frame.of(Settings(image_size=8, **limits))  # type: ignore[arg-type]
        with pytest.raises(UnreadableImageError) as caught:
            frame.decode(raw_png(side, 9000, b"\0" * 10))
        return str(caught.value)

    assert "damaged or cut short" in reason(12_000)
    assert "too large" in reason(14_000)
    assert "damaged or cut short" in reason(22_000, max_megapixels=200)
    assert "too large" in reason(23_000, max_megapixels=200)


def test_what_convert_writes_is_read_back(tmp_path: Path) -> None:
    np.savez(tmp_path / "w.npz", X=np.full((4, 4, 4), 90, np.uint8), y=np.array(["train", "test"] * 2))
    from sadari.errors import SadariError, UsageError

    images = load(tmp_path / "w.npz", Settings())
    with pytest.raises(SadariError, match=r"would be read back from a folder as other classes"):
        convert(images, tmp_path / "w")
    assert not (tmp_path / "w").exists()
    with pytest.raises(UsageError, match="begins with '~'"):
        convert(images, Path("~nobody9/x.npz"))


def test_levels_clip_what_is_above_them() -> None:
    assert Levels16(1023).scale(np.array([2000], np.uint16)).tolist() == [255]
