"""Are photographs told from small and grey images by their headers, whatever they are stored in?"""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sadari.data.look import Look, look
from sadari.progress import Silent
from sadari.settings import Settings
from support.sets import encode_all, small_pixels, write_csv, write_folder, write_npz, write_tar, write_zip


@pytest.mark.parametrize("form", ["folder", "zip", "tar", "tar.gz", "csv", "npz"])
def test_every_form_of_a_set_is_looked_at(form: str, tmp_path: Path) -> None:
    pixels = small_pixels(3, side=72)
    files = encode_all(pixels)
    made = {
        "folder": lambda: write_folder(tmp_path / "photos", files),
        "zip": lambda: write_zip(tmp_path / "photos.zip", files),
        "tar": lambda: write_tar(tmp_path / "photos.tar", files),
        "tar.gz": lambda: write_tar(tmp_path / "photos.tar.gz", files),
        "csv": lambda: write_csv(tmp_path / "photos.csv", files),
        "npz": lambda: write_npz(tmp_path / "photos.npz", pixels),
    }[form]()
    assert look(made, Settings(), Silent()) == Look(72, True)


@pytest.mark.parametrize(
    ("channels", "side", "photographs"), [(3, 64, True), (3, 63, False), (1, 64, False), (1, 28, False)]
)
def test_photographs_are_large_and_in_colour(channels: int, side: int, photographs: bool, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "set", encode_all(small_pixels(channels, side)))
    found = look(folder, Settings(), Silent())
    assert found == Look(side, channels == 3) and found.photographs == photographs


def test_named_sets_and_what_is_no_image() -> None:
    assert look("digits", Settings(), Silent()) == Look(8, False)


def test_the_shorter_side_counts_and_files_that_are_no_images_do_not(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((90, 200, 3), dtype=np.uint8)).save(buffer, "JPEG")
    files = {f"{name}/{number}.jpg": buffer.getvalue() for name in ("a", "b") for number in range(3)}
    folder = write_folder(tmp_path / "set", {**files, "a/broken.jpg": b"no image", "b/broken.jpg": b""})
    assert look(folder, Settings(), Silent()) == Look(90, True)
    nothing = write_folder(tmp_path / "nothing", {"a/1.jpg": b"no image", "b/1.jpg": b"neither"})
    assert not look(nothing, Settings(), Silent()).photographs
