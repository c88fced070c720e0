"""Which image files did the user name? Single files, whole folders, and the images inside archives."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sadari.data.sources.archive import SUFFIXES as ARCHIVE_SUFFIXES
from sadari.data.sources.archive import list_members, read_members
from sadari.data.sources.folder import walk
from sadari.data.sources.layout import is_image
from sadari.errors import SadariError
from sadari.files import expanded

Content = bytes | Path  # of a file: its bytes where they were read already, else its path


@dataclass(frozen=True, eq=False)
class FileGroup:
    """The files behind one path of the user, with the names that the user will read.

    read: yields (position in `names`, content), each at most once; raises SadariError where the rest cannot be read.
    reason: why there is nothing to read; `names` then holds the path itself. left_out: how many files are no images.
    """

    names: tuple[str, ...]
    read: Callable[[], Iterator[tuple[int, Content]]]
    reason: str = ""
    left_out: int = 0


def find_files(named: Sequence[str | Path]) -> list[FileGroup]:
    """Find the files that the paths in `named` stand for, one group a path.

    A folder stands for all images below it, sorted by path; an archive (.zip, .tar, .tar.gz, .tgz) for all images in
    it, in its own order; any other path for that file, with any suffix. A path that cannot be read is a group with a
    reason.
    """
    return [_group(str(each), expanded(each)) for each in named]


def _group(name: str, path: Path) -> FileGroup:
    try:
        if path.is_dir():
            return _folder(name, path)
        if not path.is_file():
            return _nothing(name, "it is neither a file nor a folder" if path.exists() else "there is no such file")
        if path.name.lower().endswith(ARCHIVE_SUFFIXES):
            return _archive(name, path)
    except OSError as error:  # such as a name that is too long
        return _nothing(name, error.strerror or str(error))
    except SadariError as error:
        return _nothing(name, str(error))
    return FileGroup((_text(name),), lambda: iter([(0, path)]))


def _folder(name: str, folder: Path) -> FileGroup:
    below, dead = walk(folder)
    images = sorted(each for each in below if is_image(each.split("/")))
    if not images:
        return _nothing(name, "the folder holds no images")
    top = name.rstrip("/")
    names = tuple(_text(f"{top}/{each}") for each in images)
    left_out = len(below) - len(images) + len(dead)
    return FileGroup(names, lambda: enumerate(folder / each for each in images), left_out=left_out)


def _archive(name: str, path: Path) -> FileGroup:
    members = list_members(path)
    images = [member for member in members if is_image(member.path.split("/"))]
    if not images:
        return _nothing(name, "the archive holds no images")
    names = tuple(_text(f"{name}/{member.path}") for member in images)
    return FileGroup(names, lambda: read_members(path, images), left_out=len(members) - len(images))


def _nothing(name: str, reason: str) -> FileGroup:
    return FileGroup((_text(name),), lambda: iter(()), reason)


def _text(name: str) -> str:
    """Return the name in a form that can be printed: bytes that are not UTF-8 are escaped."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")
