"""What several tests of serving share: one trained model."""

import pytest

from sadari.run import RunRecord
from support.server import trained_on_digits


@pytest.fixture(scope="session")
def digits_run(tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    """A small convolutional network, trained on the 8x8 digits."""
    return trained_on_digits(tmp_path_factory.mktemp("runs") / "digits")
