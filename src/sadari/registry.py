"""Which entries of a kind are there, and which one did the user mean? Sadari's own, then those of plug-ins."""

from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, Generic, TypeVar

from sadari.errors import UsageError
from sadari.plugins.offers import Offer, offered, only, standing, warn

T = TypeVar("T")
Adapt = Callable[[str, Any, Mapping[str, Any]], T]


def unknown_name(kind: str, name: str, known: list[str]) -> UsageError:
    """Return the error for an unknown `name`, with the nearest known one."""
    close = get_close_matches(name.lower(), [each.lower() for each in known], n=1, cutoff=0.5)
    if close:
        meant = next(each for each in known if each.lower() == close[0])
        return UsageError(f"unknown {kind} '{name}'; did you mean '{meant}'?")
    return UsageError(f"unknown {kind} '{name}'; there are: {', '.join(known)}")


class Registry(Generic[T]):
    """The entries of one kind by name, in the order they were added, and behind them those of plug-ins, by name.

    `kind` is the word used in messages, such as "model" or "data set". Adding a name twice raises
    ValueError (a programming mistake); getting an unknown one raises UsageError with a suggestion. adapt: makes an
    entry of what a plug-in offers (its name, what was made, the options of its decorator), or raises ValueError,
    TypeError or UsageError with what it should be; None for a kind that others do not add to.

    What plug-ins offer is looked at only where a name is not one of its own, and where all entries are wanted.
    """

    def __init__(self, kind: str, adapt: Adapt[T] | None = None) -> None:
        self.kind = kind
        self._entries: dict[str, T] = {}
        self._adapt = adapt
        self._adapted: dict[tuple[str, int], tuple[Offer, T]] = {}
        self._ready: dict[str, T] = {}  # entries of plug-ins by name, as long as nothing else is offered
        self._standing: tuple[object, ...] = ()

    def open(self, adapt: Adapt[T]) -> None:
        """Open the registry to plug-ins, where `adapt` stands in a module that needs the registry's own."""
        self._adapt = adapt

    def add(self, name: str, entry: T) -> T:
        """Register `entry` as `name`, and return it."""
        if name in self._entries:
            raise ValueError(f"{self.kind} '{name}' is registered twice")
        self._entries[name] = entry
        return entry

    def get(self, name: str) -> T:
        """Return the entry called `name`, or raise UsageError naming the nearest one.

        Also raised where several packages offer it, and where the one that does cannot be imported or offers something
        else than its kind.
        """
        if name in self._entries:
            return self._entries[name]
        if (now := standing()) != self._standing:
            self._standing, self._ready = now, {}
        if name not in self._ready:
            offers = self._offered()
            if name not in offers:
                raise unknown_name(self.kind, name, self.names())
            self._ready[name] = self._of_plugin(only(self.kind, name, offers[name]))
        return self._ready[name]

    def names(self) -> list[str]:
        """Return the names in the order they were added, then those of plug-ins, which are not imported for that."""
        return [*self._entries, *self._offered()]

    def own(self) -> list[str]:
        """Return the names of Sadari's own entries."""
        return list(self._entries)

    def plugins(self) -> dict[str, str]:
        """Return the package, or packages, that offer each name of a plug-in."""
        return {name: " and ".join(each.package for each in offers) for name, offers in self._offered().items()}

    def listed(self) -> list[dict[str, str]]:
        """Return kind, name and package of each entry of a plug-in, and its problem, why it cannot be used, or "".

        All of them are imported for that.
        """
        rows = []
        for name, offers in offered(self.kind).items():
            problem = _taken(self.kind, offers[0]) if name in self._entries else ""
            try:
                self.get(name)
            except UsageError as error:
                problem = str(error)
            who = " and ".join(each.package for each in offers)
            rows.append({"kind": self.kind, "name": name, "package": who, "problem": problem})
        return rows

    def __contains__(self, name: object) -> bool:
        return name in self._entries or name in self._offered()

    def __iter__(self) -> Iterator[T]:
        """Yield every entry; one of a plug-in that cannot be used is left out, with a warning."""
        yield from self._entries.values()
        for name in self._offered():
            try:
                entry = self.get(name)
            except UsageError as error:
                warn(str(error))
                continue
            yield entry

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _offered(self) -> dict[str, list[Offer]]:
        """Return what plug-ins offer under names that are not taken."""
        if self._adapt is None:
            return {}
        for offers in self._clashing().values():
            for each in offers:
                warn(_taken(self.kind, each))
        return {name: offers for name, offers in offered(self.kind).items() if name not in self._entries}

    def _clashing(self) -> dict[str, list[Offer]]:
        if self._adapt is None:
            return {}
        return {name: offers for name, offers in offered(self.kind).items() if name in self._entries}

    def _of_plugin(self, offer: Offer) -> T:
        assert self._adapt is not None
        loaded = offer.load()
        key = (offer.name, id(loaded.made))
        if key not in self._adapted:
            try:
                entry = self._adapt(offer.name, loaded.made, loaded.options)
            except (TypeError, ValueError, UsageError) as error:
                raise UsageError(
                    f"{offer.package} offers '{offer.name}' as a {self.kind}, which it cannot be: {error}"
                ) from error
            self._adapted[key] = loaded, entry  # with what was made, so that its id stays its own
        return self._adapted[key][1]


def _taken(kind: str, offer: Offer) -> str:
    return (
        f"the {kind} '{offer.name}' of {offer.package} is left out, since Sadari has one of that name; it needs another"
    )
