"""What tests of project files share: a trainer that learns nothing, and no pages."""

from pathlib import Path
from typing import Any

import pytest

from sadari.comparison import compare as room
from sadari.comparison.executor import SerialExecutor
from sadari.project import run as working
from support.fake_training import FakeTrainer


@pytest.fixture
def trainer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeTrainer:
    """Projects in `tmp_path` are run with a trainer that learns nothing, and without plots and pages."""
    fake, original = FakeTrainer(), room.compare
    monkeypatch.setenv("SADARI_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)

    def with_fake(*arguments: Any, **named: Any) -> Any:
        return original(*arguments, **{**named, "executor": SerialExecutor(fake), "estimates": False})

    monkeypatch.setattr(room, "compare", with_fake)
    monkeypatch.setattr(working, "write_plots", lambda _: ())
    monkeypatch.setattr(working, "write_report", lambda _: None)
    return fake
