"""Commands typed as a user types them, with their status and output."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sadari.cli.main import main


@dataclass(frozen=True)
class Answer:
    """The status and output of a command."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        return dict(json.loads(self.out))


class Terminal:
    """A terminal in a folder of its own; calling it runs a command."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def __call__(self, *words: str | Path) -> Answer:
        self._monkeypatch.setattr(sys, "argv", ["sadari", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            main()
        said = self._capsys.readouterr()
        assert "Traceback" not in said.err
        assert isinstance(left.value.code, int)
        return Answer(left.value.code, said.out, said.err)
