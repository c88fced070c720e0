"""How does long work show that it lives? Rooms call these; only the command line decides what is drawn."""

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol


class Task(Protocol):
    """One piece of long work of known size."""

    def advance(self, count: int, note: str = "") -> None:
        """`count` more units are done; `note` is a short text beside the bar, such as "loss 0.312"."""


class Progress(Protocol):
    """Where sentences and bars go while work is under way."""

    def say(self, sentence: str) -> None:
        """Tell the user one thing worth knowing, once."""

    def task(self, label: str, total: int, unit: str) -> AbstractContextManager[Task]:
        """Show work called `label` of `total` units (such as "images"), with rate and remaining time."""


class _NoTask:
    def advance(self, count: int, note: str = "") -> None: ...


class Silent:
    """Shows nothing: for library use and tests."""

    def say(self, sentence: str) -> None: ...

    def task(self, label: str, total: int, unit: str) -> AbstractContextManager[Task]:  # noqa: ARG002
        return nullcontext(_NoTask())
