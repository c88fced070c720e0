"""What the tests of maps share: a folder of photographs, and a cache of their own."""

from pathlib import Path

import pytest
from PIL import Image

from support.copies import photographs


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write 30 photographs of two classes into a folder; the cache is empty."""
    monkeypatch.setenv("SADARI_CACHE_DIR", str(tmp_path / "cache"))
    for at, each in enumerate(photographs(30)):
        folder = tmp_path / "photos" / ("cat", "dog<b>")[at % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(each).save(folder / f"{at:02d}.png")
    return tmp_path / "photos"
