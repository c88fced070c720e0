"""How does an export become a folder? Filled under another name, so that it is whole or not there."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from sadari.errors import SadariError, UsageError
from sadari.files import names_in
from sadari.unfinished import UnfinishedFolder


def require_free(out: Path) -> None:
    """Raise UsageError where `out` exists and is not an empty folder."""
    if out.exists() and not (out.is_dir() and not names_in(out)):
        raise UsageError(f"'{out}' is there already; choose another --out, or remove it")


def write_folder(out: Path, fill: Callable[[Path], None]) -> None:
    """Have `fill` write the files of the folder `out`, whole or not at all.

    Raises UsageError where `out` exists and is not an empty folder, SadariError where it cannot be written.
    """
    require_free(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with UnfinishedFolder(out.parent, out.name) as unfinished:
            fill(unfinished.path)
            unfinished.release()
            with suppress(OSError):  # an empty folder of that name may be there
                out.rmdir()
            unfinished.path.replace(out)
    except OSError as error:
        raise SadariError(f"cannot write {out}: {error.strerror or error}; choose another --out") from None
