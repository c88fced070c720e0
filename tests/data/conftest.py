"""What several tests of `data` share."""

from pathlib import Path

import pytest

from support.sets import flat_files, write_folder


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the test an empty cache of its own; the folder is made when it is first used."""
    monkeypatch.setenv("SADARI_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Return a folder with eight pictures of two classes."""
    return write_folder(tmp_path / "photos", flat_files(a=4, b=4))
