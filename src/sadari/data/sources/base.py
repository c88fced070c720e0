"""Where do images come from? The protocol of every source, and the registry of the named ones.

A source is opened cheaply (nothing large is read), returns its fingerprint, and returns its content only
where no pack of that fingerprint exists yet: either decoded arrays or encoded files.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from sadari.progress import Progress
from sadari.registry import Registry


@dataclass(frozen=True, eq=False)
class ArrayContent:
    """The images of a source that has them decoded already.

    images: uint8 (N, H, W, C), C = 1 or 3. labels: int64 (N,), positions in `classes`. ids: N unique names.
    source_split: N names of splits ("train", "val", "test"), or "" where the source gives none. notes: sentences that
    the fingerprint covers. evidence: bool (N, H, W) or None. white_level: the 16-bit value that became 255; 0 where
    no image had 16 bits.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    ids: tuple[str, ...]
    classes: tuple[str, ...]
    source_split: tuple[str, ...]
    notes: tuple[str, ...] = ()
    evidence: NDArray[np.bool_] | None = None
    white_level: int = 0


Fetch = Callable[[str], bytes]  # the bytes of the file with an id, in any order, from any thread


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One encoded image: its id (POSIX path), its class's position, and its source split or ""."""

    id: str
    label: int
    source_split: str


@dataclass(frozen=True, eq=False)
class FileContent:
    """The images of a source that has them as encoded files.

    entries: one per image, in the order that the ImageSet will have. read: yields (position in `entries`, bytes of the
    file) once for each entry, in the cheapest order; raises SadariError where a file cannot be read at all. The bytes
    may still be no image, see `decode.decode_image`. fetch: returns the bytes of one file and raises the same; None
    where files can only be read one after the other. notes: sentences that the fingerprint covers. photographs: how
    many files were left out that are photographs in a format that is not read.
    """

    entries: tuple[FileEntry, ...]
    classes: tuple[str, ...]
    read: Callable[[], Iterator[tuple[int, bytes]]]
    fetch: Fetch | None
    notes: tuple[str, ...] = ()
    photographs: int = 0


class Source(Protocol):
    """A place that images come from."""

    @property
    def name(self) -> str:
        """Return the short name that tables and run folders use."""
        ...

    def fingerprint(self) -> str:
        """Return a hexadecimal digest that changes with any byte, label, id, class or source split.

        Every load calls it, so it must be cheap the second time (see `digests.remembered_digest`).
        """
        ...

    def notes(self) -> tuple[str, ...]:
        """Return sentences that the fingerprint does not cover, such as on files that are left out.

        They are collected at every load; what the fingerprint covers belongs to the content, and is stored with it.
        """
        ...

    def content(self) -> ArrayContent | FileContent:
        """Return the images; called only where there is no pack of this fingerprint."""
        ...


@runtime_checkable
class Grouped(Protocol):
    """A source that may say which images belong together."""

    def groups_key(self) -> str:
        """Return a text that changes with the groups, as far as the fingerprint does not; "" where there are none."""
        ...

    def groups(self) -> tuple[Mapping[str, str], str]:
        """Return the name of the group of each id, and a phrase for where they come from, such as "column patient"."""
        ...


@dataclass(frozen=True)
class NamedSource:
    """A set that is known by its name.

    summary: one line for `sadari data list`. open: makes the source from the options that the user wrote
    after the name, `shapes:size=32,classes=5`; raises UsageError for an option it does not know.
    options: the name of each option to a one-line description with the default. bring: downloads missing files, with
    progress that the user sees; None where nothing can be missing.
    """

    name: str
    summary: str
    open: Callable[[Mapping[str, str]], Source]
    options: Mapping[str, str]
    bring: Callable[[Progress], object] | None = None


SOURCES: Registry[NamedSource] = Registry("data set")
