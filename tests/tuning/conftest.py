"""What several tests of searches share."""

import pytest

from sadari.tuning.result import TuneResult
from support.tuning import planned


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> TuneResult:
    """A small search of six trials that nothing interrupted."""
    return planned(trials=6).run(tmp_path_factory.mktemp("whole") / "out")
