"""Is the real Fashion-MNIST read, packed, split as the first article asks, and free of leaks?"""

import os
from pathlib import Path
from time import monotonic

import numpy as np
import pytest

from sadari.data.check import check
from sadari.data.load import load
from sadari.data.split import draw_split
from sadari.settings import Settings

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(
        not (Path(os.environ.get("SADARI_DATA_DIR", "nowhere")) / "FashionMNIST" / "raw").is_dir(),
        reason="SADARI_DATA_DIR holds no FashionMNIST",
    ),
]


def test_fashion_mnist_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SADARI_CACHE_DIR", str(tmp_path))
    images = load("fashion-mnist", Settings())
    assert images.images.shape == (70_000, 28, 28, 1)
    assert images.classes[8] == "Bag"
    assert np.bincount(images.labels[images.source_split == "test"]).tolist() == [1000] * 10
    # The mean of the 60,000 training images is quoted everywhere as 0.2860.
    assert abs(images.images[images.source_split == "train"].mean() / 255 - 0.2860) < 5e-5

    started = monotonic()
    again = load("fashion-mnist", Settings())
    assert monotonic() - started < 1.0
    assert again.fingerprint == images.fingerprint

    split = draw_split(images, Settings(split="last"))
    assert (split.val[0], split.val[-1], len(split.train), len(split.test)) == (48_000, 59_999, 48_000, 10_000)
    assert check(images, split).sentences == ()
