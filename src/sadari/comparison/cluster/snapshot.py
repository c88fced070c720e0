"""Which files of a run travel between a node and the folder of its comparison, and in which order are they written?"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from sadari.files import write_bytes
from sadari.loggers.live import STATE
from sadari.loggers.to_tensorboard import LOGGED
from sadari.run import CHECKPOINT, ENVIRONMENT, SCORES, SETTINGS
from sadari.training.setup import checkpoint_of
from sadari.unfinished import is_unfinished

EVENTS = "events.*"  # TensorBoard's; a run that goes on begins another file, and removes the one before
# A folder with files and no settings is no run, and one with scores is a finished run: so they come first and last.
_ORDER = {SETTINGS: 0, ENVIRONMENT: 1, CHECKPOINT: 3, SCORES: 4}


@dataclass(frozen=True, eq=False)
class Snapshot:
    """Files of a run folder. content: bytes by path within the folder; names: of all files that were there."""

    content: Mapping[str, bytes] = field(default_factory=dict)
    names: frozenset[str] = frozenset()

    def write(self, folder: Path) -> None:
        """Write the files into `folder`, each whole or not at all, so that a run there is whole or can go on.

        Removes what the run no longer has: its checkpoint when it is finished, and older events. Raises SadariError
        where the disk is full or the folder cannot be written.
        """
        for name in sorted(self.content, key=lambda each: (_ORDER.get(each, 2), each)):
            write_bytes(folder / name, self.content[name])
        for old in folder.glob(EVENTS):
            if old.name not in self.names and not is_unfinished(old.name):
                old.unlink()
        if SCORES in self.names:
            checkpoint_of(folder).remove()


@dataclass(eq=False)
class SnapshotReader:
    """What reads the files of a run in `folder`: each time those alone that changed since the last time."""

    folder: Path
    _seen: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    _checkpoint: tuple[int, int, int] | None = None

    def read(self, finished: bool = False) -> Snapshot:
        """Return the files that are new or changed. finished: no more will change, so that scores count."""
        content, names = {}, set()
        for path in sorted(self.folder.rglob("*")):
            name = path.relative_to(self.folder).as_posix()
            if any(is_unfinished(part) for part in Path(name).parts) or (name == SCORES and not finished):
                continue
            if name == STATE or name.startswith(LOGGED):  # of the process that compares, which alone logs the run
                continue
            with suppress(FileNotFoundError):  # training has just removed it
                if not path.is_file():
                    continue
                stamp = _stamp(path)
                names.add(name)
                if self._seen.get(name) != stamp:
                    content[name] = path.read_bytes()
                    self._seen[name] = stamp
        return Snapshot(content, frozenset(names))

    def has_new_checkpoint(self) -> bool:
        """Return whether training has written a checkpoint since this was last asked."""
        with suppress(FileNotFoundError):
            stamp = _stamp(self.folder / CHECKPOINT)
            if stamp != self._checkpoint:
                self._checkpoint = stamp
                return True
        return False


def _stamp(path: Path) -> tuple[int, int, int]:
    """Return what differs between two versions of a file, each of which was written whole."""
    status = path.stat()
    return status.st_mtime_ns, status.st_size, status.st_ino
