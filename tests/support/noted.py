"""A tracker that notes what it gets, and fails where it is to."""

from collections.abc import Mapping
from typing import Any

import pytest

from sadari.loggers.protocol import End, Start
from sadari.loggers.targets import LOGGERS, Target, Tracker

NOTED = (Target("noted", "here"),)


class Noted:
    """A logger that notes what it gets. fails: the call that raises; "" for none."""

    calls: list[tuple[str, Any]]
    fails = ""

    def __init__(self, place: str) -> None:
        self.place = place

    def _note(self, what: str, value: object) -> None:
        if what == Noted.fails:
            raise OSError("no such server")
        Noted.calls.append((what, value))

    def begin(self, start: Start) -> str:
        self._note("begin", start)
        return start.known or "its id"

    def epoch(self, row: Mapping[str, float]) -> None:
        self._note("epoch", int(row["epoch"]))

    def end(self, end: End) -> None:
        self._note("end", end)

    def stop(self, interrupted: bool) -> None:
        self._note("stop", interrupted)


def note_calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """Let `--log-to noted` be known for one test, and return the list of its calls."""
    Noted.calls, Noted.fails = [], ""
    monkeypatch.setitem(LOGGERS._entries, "noted", Tracker("Noted", "json", "", Noted))
    return Noted.calls


def begun(calls: list[tuple[str, Any]]) -> list[Start]:
    """Return the starts among `calls`."""
    return [value for name, value in calls if name == "begin"]
