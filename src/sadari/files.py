"""How are files written so that none is ever half-written, and read back? Every error is one sentence."""

import csv
import json
import os
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from sadari.errors import SadariError, UsageError
from sadari.locks.claim import require_held
from sadari.locks.folder import take_in_turn
from sadari.unfinished import is_unfinished, new_file, remove_unfinished_of

if TYPE_CHECKING:
    from _csv import Writer

TOML_BYTES = 2**20  # assumed: a thousand times a network or a study


def write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Have `write` fill a neighbour of `path`, which then takes its name at once, so that no file is ever half-written.

    Raises SadariError where the disk is full or the folder cannot be written, FolderLostError where it is in a folder
    that another process has taken over from this one; the old file stays. After a power cut, a new file is there, and a
    file that replaced another one is there in one of the two versions.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not path.exists()
        if is_new:
            remove_unfinished_of(path)
        while not _written(path, write):
            pass
        if is_new:
            sync_folder(path.parent)
    except OSError as error:
        reason = error.strerror or str(error)
        kept = "; what was there before is kept" if exists(path) else ""
        raise SadariError(f"cannot write {path}: {reason}{kept}") from error


def _written(path: Path, write: Callable[[Path], None]) -> bool:
    """Write `path` once; return whether it is there.

    Where it is not, another machine has removed the unfinished file: it does not see that this process has the lock of
    it. Each process removes such files once, when it begins. Raises OSError and FolderLostError.
    """
    unfinished, handle = new_file(path)
    try:
        write(unfinished)
        with unfinished.open("rb+") as written:
            os.fsync(written.fileno())
        require_held(path)
        if os.name == "nt":  # there, an open file keeps its name
            os.close(handle)
            handle = -1
        unfinished.replace(path)
        return True
    except FileNotFoundError:
        if handle < 0 or unfinished.exists() or not path.parent.is_dir():
            raise
        return False
    finally:
        if handle >= 0:
            os.close(handle)
        unfinished.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Have the disk keep the names in `folder`, where the system has a way to ask for it."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def exists(path: Path) -> bool:
    """Return whether there is something at `path`: not where its name is too long, or where nobody may look."""
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


def names_in(out: Path) -> list[str]:
    """Return the names in the folder `out`, without unfinished files of ours; none where there is no such folder.

    Raises UsageError where `out` is a file, SadariError where it cannot be a folder or access is denied.
    """
    try:
        return [each.name for each in out.iterdir() if not is_unfinished(each.name)]
    except FileNotFoundError:
        return []
    except OSError as error:
        if exists(out) and not out.is_dir():
            raise UsageError(f"'{out}' is a file; --out takes a folder") from None
        raise SadariError(f"cannot write to '{out}': {error.strerror}; choose another --out") from None


def make_folder(out: Path) -> None:
    """Make the folder `out`, where it is not there yet; raises SadariError where it cannot be made."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SadariError(f"cannot write to '{out}': {error.strerror}; choose another --out") from None


@contextmanager
def alone_in(folder: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold `folder`, which is made where it is not there yet, while inside, after those that hold it now.

    waiting: called once where there are any. Raises SadariError where nothing can be written into it.
    """
    make_folder(folder)
    try:
        held = take_in_turn(folder, waiting=waiting)
    except OSError as error:
        raise SadariError(f"cannot write to '{folder}': {error.strerror}; choose another --out") from None
    try:
        yield
    finally:
        held.release()


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


def write_json(path: Path, document: Any, *, indent: int | None = 2) -> None:
    """Write `document` as JSON, indented where it is to be read by people, whole or not at all."""
    write_text(path, json.dumps(document, indent=indent, ensure_ascii=False) + "\n")


REMEDY = "put it back as it was, or make it again in another --out"  # of a damaged file in a folder of runs


def read_json(path: Path, remedy: str = REMEDY) -> dict[str, Any]:
    """Read a JSON object; raises SadariError, with what can be done, where the file is missing or damaged."""
    with undamaged(path, remedy):
        document = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(document, dict):
            raise ValueError("it has no names")
        return document


@contextmanager
def undamaged(path: Path, remedy: str = REMEDY) -> Iterator[None]:
    """Raise SadariError, with what can be done, for whatever reading a missing or damaged file raises inside."""
    try:
        yield
    except SadariError:
        raise
    except OSError as error:
        raise SadariError(f"cannot read {path}: {error.strerror or error}; {remedy}") from None
    except Exception as error:  # NumPy, zipfile and json raise errors of many classes for damaged files
        reason = (str(error).splitlines() or [""])[0] or type(error).__name__
        raise SadariError(f"cannot read {path}: it is damaged ({reason}); {remedy}") from None


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content`, whole or not at all."""
    write_whole(path, lambda temporary: _put(temporary, content))


def _put(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def why_no_text(path: str) -> str:
    """Return what is wrong with `path`, which the system gives and which is no text: the end of a sentence."""
    with suppress(UnicodeError):
        os.fsencode(path).decode("utf-8")
        return "needs a process in UTF-8; set PYTHONUTF8=1"
    return "is not UTF-8; rename it"


def read_toml(path: Path, kind: str) -> dict[str, Any]:
    """Read the TOML file at `path`.

    Raises UsageError, in which `kind` names it, for a missing, malformed or enormous file, and for a pipe or device.
    """
    try:
        if path.exists() and not path.is_file():
            raise UsageError(f"cannot read the {kind} {path}: it is no ordinary file")
        if path.stat().st_size > TOML_BYTES:
            raise UsageError(f"cannot read the {kind} {path}: it has more than {TOML_BYTES >> 20} MiB")
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))  # editors of Windows begin with a mark
    except RecursionError:
        raise UsageError(f"cannot read the {kind} {path}: its lists are nested too deeply") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"cannot read the {kind} {path}: {error}") from None
