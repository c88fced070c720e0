"""How is a file never seen half-written? Files are written whole or not at all, and read back with one sentence."""

import csv
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from sadari.errors import SadariError, UsageError

if TYPE_CHECKING:
    from _csv import Writer

UNFINISHED = ".part"  # how the name of a file ends that is still being written


def write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """How is a file never seen half-written? `write` fills a neighbour that then takes the name at once.

    Raises SadariError where the disk is full or the folder cannot be written; the old file stays.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=UNFINISHED, dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        write(temporary)
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        reason = error.strerror or str(error)
        kept = "; what was there before is kept" if exists(path) else ""
        raise SadariError(f"cannot write {path}: {reason}{kept}") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def exists(path: Path) -> bool:
    """Is there something at `path`? Not where its name is longer than any may be, or where nobody may look."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def expanded(path: str | Path) -> Path:
    """Return `path` with the home folder in the place of "~"; a name that begins with "~" and means no home stays."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def lying_in(out: Path) -> list[str]:
    """Which names lie in the folder `out` already? None where there is no such folder.

    Raises UsageError where it is a file, SadariError where it cannot be one, or nobody may look.
    """
    try:
        return [each.name for each in out.iterdir()]
    except FileNotFoundError:
        return []
    except OSError as error:
        if exists(out) and not out.is_dir():
            raise UsageError(f"'{out}' is a file; --out takes a folder") from None
        raise SadariError(f"cannot write to '{out}': {error.strerror}; choose another --out") from None


def remove_unfinished(folder: Path) -> None:
    """What did a killed process leave half-written in `folder`, its subfolders included? Nothing any more."""
    for part in folder.rglob(f".*{UNFINISHED}"):
        part.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8, whole or not at all."""
    write_whole(path, lambda temporary: _put(temporary, text.encode("utf-8")))


class _UnixLines:
    """A receiver of the lines of a csv writer, which passes them on with "\\n" at their end."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, line: str) -> int:
        return self._file.write(line.removesuffix("\r\n") + "\n")


def csv_writer(file: TextIO) -> "Writer":
    """Return what writes rows of CSV to `file`, with "\\n" at their end, that every reader reads back as they were.

    Before Python 3.11.9 the module csv quotes a line break in a cell only where it is part of the line's end.
    """
    return csv.writer(_UnixLines(file), lineterminator="\r\n")


def write_json(path: Path, document: Any) -> None:
    """Write `document` as indented JSON, whole or not at all."""
    write_text(path, json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON document; raises SadariError where the file is missing or damaged."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise SadariError(f"cannot read {path}: {error}") from None


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content`, whole or not at all."""
    write_whole(path, lambda temporary: _put(temporary, content))


def _put(path: Path, content: bytes) -> None:
    path.write_bytes(content)
