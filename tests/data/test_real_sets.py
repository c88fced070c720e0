"""Real sets at their real size, where they are at hand."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from sadari.data.decode import decode_image, fit_square
from sadari.data.load import load
from sadari.settings import Settings

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("own_cache")]

MEASURED = """
import sys, time
from pathlib import Path
from sadari.data.load import load
from sadari.settings import Settings
started = time.perf_counter()
images = load(sys.argv[1], Settings())
seconds = time.perf_counter() - started
# Not ru_maxrss, which begins with what the process of the tests has had.
peak = int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) / 1024
print(seconds, peak, images.images.shape)
"""


def real(name: str) -> Path:
    path = Path(os.environ.get("SADARI_DATA_DIR", "/nowhere")) / name
    if not path.exists():
        pytest.skip(f"{name} is not in SADARI_DATA_DIR")
    return path


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux says how much memory a process has had")
def test_60_000_images_of_an_archive_in_time_and_memory() -> None:
    path = real("cifar10-images.tar.gz")
    for seconds in (30, 1):
        done = subprocess.run(
            [sys.executable, "-c", MEASURED, str(path)], capture_output=True, text=True, check=True
        ).stdout.split(maxsplit=2)
        assert float(done[0]) < seconds
        assert float(done[1]) < 1024
        assert done[2].strip() == "(60000, 32, 32, 3)"


def test_photographs_of_mixed_sizes() -> None:
    images = load(real("animals"), Settings(image_size=64))
    assert images.shape == (64, 64, 3)
    assert images.name == "animals"
    for split_name, count in {"train": 320, "test": 80}.items():
        assert list(np.bincount(images.labels[images.source_split == split_name])) == [count] * 3


def test_photographs_decoded_at_a_reduced_scale_stay_within_the_stated_bound() -> None:
    """Those of `animals` (short side 256) made 28 and 32 pixels, where the reduced scale shows most."""
    photos = sorted(real("animals").rglob("*.jpg"))[::24]
    differences = [
        np.abs(decode_image(content, 3, size).astype(int) - fit_square(decode_image(content, 3), size, "crop"))
        for content in (path.read_bytes() for path in photos)
        for size in (28, 32)
    ]
    assert any(each.any() for each in differences)  # else nothing was decoded at a reduced scale
    assert np.mean([each.mean() for each in differences]) < 0.6
    assert max(each.max() for each in differences) <= 24


def test_1_200_photographs_are_packed_in_time() -> None:
    """Processor seconds of all threads, which other programs do not change much; 2 s were measured."""
    started = time.process_time()
    images = load(real("animals"), Settings(image_size=224, channels=3))
    assert images.images.shape == (1200, 224, 224, 3)
    assert time.process_time() - started < 10
