"""Where do images come from? The contract that every source keeps, and the registry of the named ones.

A source is opened cheaply (nothing large is read), says its fingerprint, and hands over its content only
when no pack of that fingerprint exists yet: either decoded arrays or encoded files.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sadari.progress import Progress
from sadari.registry import Registry


@dataclass(frozen=True, eq=False)
class ArrayContent:
    """Which images does a source hold that has them decoded already?

    images: uint8 (N, H, W, C), C = 1 or 3. labels: int64 (N,), positions in `classes`. ids: N unique names.
    given: N parts ("train", "val", "test") or "" where the source does not say. evidence: bool (N, H, W) or None.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    ids: tuple[str, ...]
    classes: tuple[str, ...]
    source_split: tuple[str, ...]
    notes: tuple[str, ...] = ()
    evidence: NDArray[np.bool_] | None = None


Fetch = Callable[[str], bytes]  # the bytes of the file with that id, in any order, from any thread


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One encoded image: its id (POSIX path), its class's position, and its part ("train", "val", "test" or "")."""

    id: str
    label: int
    source_split: str


@dataclass(frozen=True, eq=False)
class FileContent:
    """Which encoded images does a source hold?

    entries: one per image, in the order that the ImageSet will have. read: yields (position in `entries`,
    bytes of the file) once for each entry, in whichever order is cheapest; raises SadariError where a file
    cannot be read at all. Whether the bytes are an image is for `decode.decode_image` to say. fetch: gives the bytes
    of one file, raising likewise; None where files can only be read one after the other.
    """

    entries: tuple[FileEntry, ...]
    classes: tuple[str, ...]
    read: Callable[[], Iterator[tuple[int, bytes]]]
    fetch: Fetch | None
    notes: tuple[str, ...] = ()


class Source(Protocol):
    """Where do images come from? `name` is the short name that tables and run folders use."""

    @property
    def name(self) -> str: ...

    def fingerprint(self) -> str:
        """Hexadecimal digest that changes with any byte, label, id, class or source split.

        Asked at every load, so it must be cheap the second time (see `cache.remembered_digest`).
        """
        ...

    def content(self) -> ArrayContent | FileContent:
        """The images themselves; asked only when there is no pack of this fingerprint."""
        ...


@dataclass(frozen=True)
class NamedSource:
    """A set that is known by its name.

    summary: one line for `sadari data list`. open: makes the source from the options that the user wrote
    after the name, `shapes:size=32,classes=5`; raises UsageError for an option it does not know.
    options: what may stand there, name to one-line description with the default. bring: makes sure that the
    files are here, downloading missing ones where the user can see it; None where nothing can be missing.
    """

    name: str
    summary: str
    open: Callable[[Mapping[str, str]], Source]
    options: Mapping[str, str]
    bring: Callable[[Progress], object] | None = None


SOURCES: Registry[NamedSource] = Registry("data set")
