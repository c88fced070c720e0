"""What holds for every test: nothing touches the user's own cache."""

import os
from collections.abc import Iterator
from pathlib import Path

# Two processes share two cores: a thread that waits must not spin. Read when torch's threads start, so before it.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import pytest

from support.terminal import Terminal


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    before = os.environ.get("SADARI_CACHE_DIR")
    os.environ["SADARI_CACHE_DIR"] = str(tmp_path_factory.mktemp("cache"))
    yield
    if before is None:
        del os.environ["SADARI_CACHE_DIR"]
    else:
        os.environ["SADARI_CACHE_DIR"] = before


@pytest.fixture
def sadari(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    """The command line, in an empty folder of its own."""
    monkeypatch.chdir(tmp_path)
    return Terminal(monkeypatch, capsys)
