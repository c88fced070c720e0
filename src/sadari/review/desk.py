"""How are decisions about pictures made? Each is written at once, whole, beside those of other processes."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock

from sadari.data.decisions.apply import digests_of
from sadari.data.decisions.file import KEEP, KINDS, RELABEL, Decision, Decisions, read_decisions, write_decisions
from sadari.data.sources.base import FileContent, Source
from sadari.errors import SadariError, UsageError
from sadari.files import exists
from sadari.locks.claim import Busy
from sadari.locks.folder import Held, take_folder
from sadari.values import ImageSet

PATIENCE = 10.0  # seconds; assumed: another process writes its decision in a fraction of one


class Desk:
    """Where decisions about a set are made: each is written at once, whole or not at all, and can be undone."""

    def __init__(self, path: Path, images: ImageSet, source: Source) -> None:
        self.path = path
        self._images = images
        self._place = {str(name): at for at, name in enumerate(images.ids.tolist())}
        self._content = source.content()
        self._digests: dict[str, str] = {}
        self._lock = Lock()

    def now(self) -> Decisions:
        """Return all decisions as they are on disk; another process may have written some."""
        return read_decisions(self.path) if exists(self.path) else {}

    def decide(self, file: str, decision: str, label: str = "") -> Decision:
        """Write a decision about `file`; it takes the place of an earlier one.

        label: the class for "relabel". Raises UsageError for an unknown file, decision or class, SadariError where the
        file cannot be written.
        """
        images = self._images
        if file not in self._place:
            raise UsageError(f"there is no image '{file}' in {images.name}")
        if decision not in KINDS:
            raise UsageError(f"a decision is one of {', '.join(KINDS)}, not '{decision}'")
        if decision == RELABEL and label not in images.classes:
            raise UsageError(f"'{label}' is no class of {images.name}; relabel to one of its classes")
        given = images.classes[images.labels[self._place[file]]]
        if decision == RELABEL and label == given:
            decision = KEEP
        when = datetime.now(UTC).isoformat(timespec="seconds")
        made = Decision(file, decision, label if decision == RELABEL else "", given, self._digest(file), when)
        self.put(file, made)
        return made

    def put(self, file: str, decision: Decision | None) -> None:
        """Write `decision` in the place of what was decided about `file`; None takes it back.

        What other processes decide at the same time is kept. Raises SadariError where the file cannot be written.
        """
        with self._lock, _alone_in(self.path.parent):
            decisions = self.now()
            decisions.pop(file, None)
            try:
                write_decisions(self.path, {**decisions, file: decision} if decision else decisions)
            except SadariError as error:
                raise SadariError(f"{error}{elsewhere(self.path)}") from None

    def _digest(self, file: str) -> str:
        if file not in self._digests:
            ordered = isinstance(self._content, FileContent) and self._content.fetch is None
            # A compressed archive is read from its beginning each time: once, for all images.
            self._digests.update(digests_of(self._content, list(self._place) if ordered else [file]))
        return self._digests[file]


def elsewhere(path: Path) -> str:
    """Return the words that say where decisions can go instead, "" where the folder of `path` can be written."""
    if not path.parent.is_dir() or os.access(path.parent, os.W_OK):
        return ""
    return "; keep the decisions in another folder by --decisions FILE.csv, and name it by --set review=FILE.csv later"


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Hold `folder` while decisions are read and written, so that no other process writes between the two.

    A folder that takes no lock is not held: what is written there fails by itself. Raises SadariError after PATIENCE.
    """
    if not os.access(folder, os.W_OK):
        yield
        return
    held = _taken(folder)
    try:
        yield
    finally:
        held.release()


def _taken(folder: Path) -> Held:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return take_folder(folder)
        except Busy:
            if time.monotonic() > until:
                raise SadariError(f"another process holds {folder}; try again when it has ended") from None
            time.sleep(0.01)
        except OSError as error:
            raise SadariError(f"cannot write to {folder}: {error.strerror or error}") from None
