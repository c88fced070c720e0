"""What several tests of `data` share."""

from pathlib import Path

import pytest


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the test an empty cache of its own; the folder is made when it is first used."""
    monkeypatch.setenv("SADARI_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"
