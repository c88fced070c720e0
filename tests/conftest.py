"""What holds for every test: nothing touches the user's own cache."""

import os
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    before = os.environ.get("SADARI_CACHE_DIR")
    os.environ["SADARI_CACHE_DIR"] = str(tmp_path_factory.mktemp("cache"))
    yield
    if before is None:
        del os.environ["SADARI_CACHE_DIR"]
    else:
        os.environ["SADARI_CACHE_DIR"] = before
