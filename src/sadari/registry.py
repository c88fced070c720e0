"""Which entries of a kind are there, and which one did the user mean?"""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Generic, TypeVar

from sadari.errors import UsageError

T = TypeVar("T")


def unknown_name(kind: str, name: str, known: list[str]) -> UsageError:
    """Return the error for an unknown `name`, with the nearest known one."""
    close = get_close_matches(name.lower(), [each.lower() for each in known], n=1, cutoff=0.5)
    if close:
        meant = next(each for each in known if each.lower() == close[0])
        return UsageError(f"unknown {kind} '{name}'; did you mean '{meant}'?")
    return UsageError(f"unknown {kind} '{name}'; there are: {', '.join(known)}")


class Registry(Generic[T]):
    """The entries of one kind by name, in the order they were added.

    `kind` is the word used in messages, such as "model" or "data set". Adding a name twice raises
    ValueError (a programming mistake); getting an unknown one raises UsageError with a suggestion.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, T] = {}

    def add(self, name: str, entry: T) -> T:
        """Register `entry` as `name`, and return it."""
        if name in self._entries:
            raise ValueError(f"{self.kind} '{name}' is registered twice")
        self._entries[name] = entry
        return entry

    def get(self, name: str) -> T:
        """Return the entry called `name`, or raise UsageError naming the nearest one."""
        if name not in self._entries:
            raise unknown_name(self.kind, name, list(self._entries))
        return self._entries[name]

    def names(self) -> list[str]:
        """Return the names in the order they were added."""
        return list(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[T]:
        return iter(self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)
