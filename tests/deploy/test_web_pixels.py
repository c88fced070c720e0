"""Does the page read the pixels that Sadari reads? Its script, without a model, against `PixelForm`, by files."""

from base64 import b64encode
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from sadari.deploy.browser.page import script_of
from sadari.inference.pixels import PixelForm
from support.browser import NEEDS_BROWSER
from support.photographs import picture

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = NEEDS_BROWSER

Read = Callable[[bytes, str, PixelForm], NDArray[np.uint8]]
# Levels of 255. Pillow rounds between its two passes, in an order that depends on the shape since version 13; browsers
# have another JPEG decoder. Measured on photographs: 7 and 0.25.
LARGEST, MEAN = 8, 0.5
READ = """async ([text, type, form]) => {
    const content = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const picture = await pixels_module.decoded(new Blob([content], { type }));
    return Array.from(pixels_module.pixelsOf(picture, form, type === "image/jpeg"));
}"""


@pytest.fixture(scope="module")
def read(browser: "Browser") -> Iterator[Read]:
    """Return what the page makes of a file."""
    page = browser.new_page()
    page.add_script_tag(content=script_of("pixels.js"))

    def reading(content: bytes, kind: str, form: PixelForm) -> NDArray[np.uint8]:
        wanted = {
            "height": form.height, "width": form.width, "channels": form.channels, "fit": form.fit,
            "interpolation": form.interpolation,
        }  # fmt: skip
        values = page.evaluate(READ, [b64encode(content).decode(), f"image/{kind.lower()}", wanted])
        return np.array(values, np.uint8).reshape(form.height, form.width, form.channels)

    yield reading
    page.close()


def form_of(fit: str = "crop", side: int = 16, channels: int = 3, interpolation: str = "bicubic") -> PixelForm:
    return PixelForm(side, side, channels, fit, interpolation)


def scene(height: int, width: int) -> Image.Image:
    """Draw a picture with broad and with fine parts."""
    small = Image.fromarray(picture(9, 12, 1, np.random.default_rng(3)))
    large = np.asarray(small.resize((width, height), Image.Resampling.BICUBIC)).astype(int)
    return Image.fromarray(
        (large + np.random.default_rng(4).integers(-9, 10, large.shape)).clip(0, 255).astype(np.uint8)
    )


def saved(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def turned(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[274] = orientation
    return saved(scene(40, 60), "JPEG", quality=95, subsampling=0, exif=exif)


FILES = {
    "landscape": ("PNG", saved(scene(40, 61))),
    "portrait": ("PNG", saved(scene(61, 40))),
    "smaller": ("PNG", saved(scene(9, 7))),
    "of the size": ("PNG", saved(scene(16, 16))),
    "grey": ("PNG", saved(scene(40, 61).convert("L"))),
    "palette": ("PNG", saved(scene(40, 61).quantize(40))),
    "transparent in part": ("PNG", saved(Image.merge("RGBA", (*scene(40, 61).split(), scene(40, 61).getchannel(0))))),
    "16 bits": ("PNG", saved(Image.fromarray(np.asarray(scene(40, 61).convert("L")).astype(np.uint16) * 257))),
    "JPEG": ("JPEG", saved(scene(48, 64), "JPEG", quality=90)),
    "large JPEG": ("JPEG", saved(scene(300, 401), "JPEG", quality=90)),
    "huge JPEG": ("JPEG", saved(scene(700, 1000), "JPEG", quality=90)),
    **{f"turned {each}": ("JPEG", turned(each)) for each in (3, 6, 8)},
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_has_the_same_pixels(read: Read, name: str) -> None:
    kind, content = FILES[name]
    for form in (form_of(), form_of("pad", channels=1, interpolation="bilinear")):
        differ = np.abs(read(content, kind, form).astype(int) - form.decode(content))
        assert differ.max() <= LARGEST, form
        assert differ.mean() <= MEAN, form


@pytest.mark.parametrize("fit", ["crop", "pad", "squash"])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_resizing_is_pillows(read: Read, fit: str, interpolation: str) -> None:
    form, content = form_of(fit, interpolation=interpolation), saved(scene(33, 47))
    assert np.array_equal(read(content, "PNG", form), form.decode(content))


def test_what_is_no_image_is_said(read: Read) -> None:
    with pytest.raises(Exception, match="This browser cannot read this image; choose a JPEG or a PNG"):
        read(b"no image", "PNG", form_of())
