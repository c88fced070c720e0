"""Fixtures of the commands that compare: a trainer that learns nothing, and no plots."""

from pathlib import Path
from typing import Any

import pytest

from sadari.comparison import compare as room
from sadari.comparison.executor import SerialExecutor
from sadari.report.plots import files as plots
from support.fake_training import FakeTrainer


@pytest.fixture
def trainer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeTrainer:
    """The commands run in `tmp_path` with a trainer that learns nothing, and without plots."""
    fake, original = FakeTrainer(), room.compare
    monkeypatch.setenv("SADARI_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)

    def with_fake(*arguments: Any, **named: Any) -> Any:
        return original(*arguments, **{**named, "executor": SerialExecutor(fake)})

    monkeypatch.setattr(room, "compare", with_fake)
    monkeypatch.setattr(plots, "write_plots", lambda result: (result.out / "plots" / "samples.png",))
    return fake
