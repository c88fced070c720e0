"""What several tests of the report share: a comparison of three arms whose runs have everything that a page shows."""

import pytest

from sadari.comparison.compare import compare
from sadari.comparison.request import Comparison
from sadari.comparison.result import ComparisonResult
from sadari.comparison.variants import expand
from support.stamped_training import StampedTrainer


@pytest.fixture(scope="session")
def stamped_result(tmp_path_factory: pytest.TempPathFactory) -> ComparisonResult:
    """Two seeds of majority, softmax and mlp on the digits, untrained; best first: mlp, softmax, majority."""
    arms, _ = expand(["majority", "softmax", "mlp"], {}, {"epochs": "6"})
    trainer = StampedTrainer()
    return compare(Comparison("digits", arms, (0, 1)), runs=tmp_path_factory.mktemp("runs"), trainer=trainer)
