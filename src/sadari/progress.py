"""How does long work show its progress? Every room calls these; only the command line decides what is drawn."""

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol


class Task(Protocol):
    """One piece of long work of known size."""

    def advance(self, count: int, note: str = "") -> None:
        """Report that `count` more units are done; `note`: a short text beside the bar, such as "loss 0.312"."""


class Progress(Protocol):
    """The receiver of sentences and progress bars during long work."""

    def say(self, sentence: str) -> None:
        """Show the user one sentence, once."""

    def task(self, label: str, total: int, unit: str) -> AbstractContextManager[Task]:
        """Show work called `label` of `total` units (such as "images"; 0: the total is not known), with its rate."""


class _NoTask:
    def advance(self, count: int, note: str = "") -> None: ...


class Silent:
    """A progress that shows nothing: for library use and tests."""

    def say(self, sentence: str) -> None: ...

    def task(self, label: str, total: int, unit: str) -> AbstractContextManager[Task]:  # noqa: ARG002
        return nullcontext(_NoTask())
