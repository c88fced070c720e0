"""Do the lines of docs/deploying.md, which use no Sadari, answer what Sadari answers, for every kind of image file?"""

import inspect
import re
import subprocess
import sys
import warnings
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pillow_heif import HeifImageFile

import sadari
from sadari.data.image_file import UnreadableImageError
from sadari.deploy import alone
from sadari.inference.pixels import PixelForm
from sadari.settings import Value
from support.heic import heic
from support.hostile import scan_bomb
from support.photographs import photograph, photographs, raw_png, trained
from support.sets import encode, write_folder

PAGE = Path(__file__).parents[2] / "docs" / "deploying.md"
COLOUR = photograph()
GREY = COLOUR[:, :, 1]
DEEP = GREY.astype(np.uint16) * 16
ALPHA = np.linspace(0, 255, GREY.size).reshape(GREY.shape).astype(np.uint8)
FITS = ("crop", "pad", "squash")


def lines_of_the_page() -> str:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    return str(code)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    file = BytesIO()
    image.save(file, format=kind, **options)
    return file.getvalue()


def turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 8
    return exif


def files_by_kind() -> dict[str, dict[str, bytes]]:
    """Return files of each kind of the table, by their names."""
    colour, grey, deep = Image.fromarray(COLOUR), Image.fromarray(GREY), Image.fromarray(DEEP)
    few = colour.quantize(40)
    large = np.kron(COLOUR, np.ones((4, 4, 1), np.uint8))
    see_through = Image.fromarray(np.dstack([COLOUR, ALPHA]))
    pgm = b"P5 64 48 65535\n" + DEEP.astype(">u2").tobytes()
    return {
        "turned by EXIF": {"turned.jpg": saved(colour, "JPEG", exif=turned())},
        "grey of 16 bits (PNG, TIFF, PGM)": {
            "deep.png": saved(deep, "PNG"), "deep.tif": saved(deep, "TIFF"), "deep.pgm": pgm,
        },
        "TIFF of 16 bits whose 0 is white": {"white0.tif": saved(deep, "TIFF", tiffinfo={262: 0})},
        "transparent, in part": {
            "rgba.png": saved(see_through, "PNG"), "rgba.webp": saved(see_through, "WEBP", lossless=True),
            "la.png": saved(Image.fromarray(np.dstack([GREY, ALPHA]), "LA"), "PNG"),
            "one.png": saved(colour, "PNG", transparency=tuple(map(int, COLOUR[0, 0]))),
        },
        "alpha that is 0 everywhere": {"empty.png": saved(Image.fromarray(np.dstack([COLOUR, ALPHA * 0])), "PNG")},
        "palette, with or without transparency": {
            "few.png": saved(few, "PNG"), "holes.png": saved(few, "PNG", transparency=3),
            "greys.png": saved(grey.convert("P"), "PNG"),
        },
        "CMYK": {"cmyk.jpg": saved(colour.convert("CMYK"), "JPEG")},
        "black and white (1 bit)": {"bits.png": saved(grey.convert("1"), "PNG")},
        "colour, for a model of grey images": {"colour.png": saved(colour, "PNG")},
        "grey, for a model of colour images": {"grey.png": saved(grey, "PNG")},
        "several frames (GIF, WebP, TIFF)": {
            "frames.gif": saved(few, "GIF", save_all=True, append_images=[few.transpose(Image.Transpose.ROTATE_180)]),
            "frames.tif": saved(grey, "TIFF", save_all=True, append_images=[Image.fromarray(255 - GREY)]),
        },
        "JPEG of more than 4 times the side": {
            "large.jpg": saved(Image.fromarray(large), "JPEG"),
            "large grey.jpg": saved(Image.fromarray(large[..., 0]), "JPEG"),
        },
        "another shape": {
            "tall.png": saved(colour.resize((9, 41)), "PNG"), "small.png": saved(grey.resize((3, 2)), "PNG"),
        },
    }  # fmt: skip


def differing() -> dict[str, dict[str, bytes]]:
    """Return files of the kinds that are refused, or that `read_image` reads otherwise."""
    return {
        "HEIC of a phone": {"phone.heic": heic(Image.fromarray(COLOUR), exif=turned())},
        "pixels of 32 bits": {"float.tif": saved(Image.fromarray(GREY.astype(np.float32)), "TIFF")},
        "damaged or cut short": {"cut.png": encode(COLOUR)[:300]},
        "EXIF that is damaged": {"exif.jpg": saved(Image.fromarray(COLOUR), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0")},
        "JPEG of more than 100 scans": {"scans.jpg": scan_bomb(64, 101)},
        "over 120 megapixels, or over 256 MiB": {
            "wide.png": raw_png(12_000, 10_001, bytes(1501) * 10_001),
            "wider.png": raw_png(20_000, 10_000, bytes(2501) * 10_000),
        },
    }


def test_every_row_of_the_table_has_its_files() -> None:
    assert [*files_by_kind(), *differing()] == [each.name for each in alone.KINDS]
    assert {each.alone for each in alone.KINDS if each.name in files_by_kind()} == {"the same"}
    page = PAGE.read_text(encoding="utf-8")
    assert "\n".join(alone.table(alone=True)) in page
    assert inspect.getsource(alone.read_image) in lines_of_the_page()


@pytest.mark.parametrize(
    ("channels", "fit", "interpolation", "white_level"),
    [
        (1, "crop", "bilinear", 4095),
        *(pytest.param(3, *ways, marks=pytest.mark.slow) for ways in (("crop", "bicubic", 0), ("pad", "bilinear", 0))),
    ],
)
def test_the_lines_of_the_page_run_alone_and_agree(
    channels: int, fit: str, interpolation: str, white_level: int, tmp_path: Path
) -> None:
    files = photographs(9, ((16, 16),), "PNG")
    if white_level:
        files |= {"train/bird/deep.png": saved(Image.fromarray(DEEP[:16, :16]), "PNG")}
    data = write_folder(tmp_path / "photos", files)
    settings: dict[str, Value] = {"fit": fit, "interpolation": interpolation, "white_level": white_level}
    run = trained(data, tmp_path / "run", "mlp", channels=channels, epochs=2, **settings)
    sadari.export(run.path, out=tmp_path / "model.onnx")
    named = {name: content for files in files_by_kind().values() for name, content in files.items()}
    write_folder(tmp_path / "new", named)
    code = lines_of_the_page()
    assert "sadari" not in code.lower()
    loop = "for path in sys.argv[1:]:\n" + "".join(f"    {line}\n" for line in of_one_photo(code))
    script = f"import sys\nsys.modules['torch'] = sys.modules['sadari'] = None\n{before_the_photo(code)}\n{loop}"
    paths = [str(tmp_path / "new" / name) for name in named]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script, *paths], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    for line, answer in zip(done.stdout.splitlines(), sadari.predict(run.path, *paths), strict=True):
        label, probability = line.split()
        ((wanted, share),) = answer.top(1)
        assert label == wanted, answer.file
        assert float(probability) == pytest.approx(share, abs=1e-6), answer.file


def before_the_photo(code: str) -> str:
    return code.partition("pixels = read_image(")[0]


def of_one_photo(code: str) -> list[str]:
    """Return the lines that answer for one photograph, with a variable in the place of its name."""
    lines = code.removeprefix(before_the_photo(code)).replace('"photo.jpg"', "path")
    return lines.splitlines()


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("shape", [(16, 16), (11, 30), (48, 64)])
def test_the_pixels_are_the_same(shape: tuple[int, int], fit: str, tmp_path: Path) -> None:
    for files in files_by_kind().values():
        for name, content in files.items():
            (tmp_path / name).write_bytes(content)
            for channels in (1, 3):
                form = PixelForm(*shape, channels, fit, "bilinear", 4095)
                found = alone.read_image(str(tmp_path / name), *shape, channels, fit, "bilinear", 4095)
                np.testing.assert_array_equal(found[0], form.decode(content), err_msg=name)


def test_heic_is_the_same_where_pillow_opens_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it does once `register_heif_opener` was called, which would stay for all tests."""
    ((name, content),) = differing()["HEIC of a phone"].items()
    (tmp_path / name).write_bytes(content)
    form = PixelForm(11, 30, 3, "crop", "bilinear")
    monkeypatch.setattr(Image, "open", HeifImageFile)
    found = alone.read_image(str(tmp_path / name), 11, 30, 3, "crop", "bilinear", 0)
    np.testing.assert_array_equal(found[0], form.decode(content))


def test_what_differs_differs_as_the_table_says(tmp_path: Path) -> None:
    form = PixelForm(16, 16, 3, "crop", "bilinear")

    def outcomes(name: str, content: bytes) -> tuple[str, str]:
        """Return what Sadari and `read_image` make of a file: the name of the error, or "read"."""
        path = tmp_path / name
        path.write_bytes(content)
        found = []
        for theirs in (False, True):
            try:
                alone.read_image(str(path), 16, 16, 3, "crop", "bilinear", 0) if theirs else form.decode(content)
                found.append("read")
            except Exception as error:
                found.append(type(error).__name__)
        return found[0], found[1]

    refused = UnreadableImageError.__name__
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = {name: outcomes(name, content) for files in differing().values() for name, content in files.items()}
    assert made == {
        "phone.heic": ("read", "UnidentifiedImageError"),
        "float.tif": (refused, "ValueError"),
        "cut.png": (refused, "OSError"),
        "exif.jpg": ("read", "read"),
        "scans.jpg": (refused, "read"),
        "wide.png": (refused, "read"),
        "wider.png": (refused, "DecompressionBombError"),
    }
