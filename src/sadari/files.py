"""How are files written so that none is ever half-written, and read back? Every error is one sentence."""

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sadari.errors import SadariError, UsageError

UNFINISHED = ".part"  # suffix of the name of an unfinished file


def write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Write a file whole or not at all: `write` fills a file beside `path`, which then takes its name in one step.

    Raises SadariError where the disk is full or the folder cannot be written; the old file stays as it was.
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
        old = "; what was there before is kept" if exists(path) else ""
        raise SadariError(f"cannot write {path}: {reason}{old}") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def exists(path: Path) -> bool:
    """Return whether there is something at `path`: False where its name is too long or access is denied."""
    try:
        return path.exists()
    except OSError:
        return False


def names_in(out: Path) -> list[str]:
    """Return the names that the folder `out` has already; none where there is no such folder.

    Raises UsageError where `out` is a file, SadariError where it cannot be a folder or access is denied.
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
    """Remove the unfinished files that a killed process left in `folder` and its subfolders."""
    for unfinished in folder.rglob(f".*{UNFINISHED}"):
        unfinished.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8, whole or not at all."""
    write_whole(path, lambda temporary: _put(temporary, text.encode("utf-8")))


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
