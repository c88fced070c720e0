"""What several tests of comparisons share."""

import pytest

from sadari.comparison.best import candidates
from sadari.models.catalog import find_model
from support.best import MADE


@pytest.fixture
def few_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a search for the best model find those of MADE only."""
    monkeypatch.setattr(candidates, "MODELS", [find_model(name) for name in MADE])
