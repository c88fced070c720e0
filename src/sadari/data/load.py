"""Which images does the user mean, ready for a model? `load` is the entry point of the package `data`."""

from pathlib import Path

from sadari.data.packs.provide import Wanted, provide
from sadari.data.sources.archive import SUFFIXES as ARCHIVE_SUFFIXES
from sadari.data.sources.archive import ArchiveSource
from sadari.data.sources.arrays import NpzSource
from sadari.data.sources.base import SOURCES, NamedSource, Source
from sadari.data.sources.folder import FolderSource
from sadari.data.sources.table import TableSource
from sadari.errors import UsageError
from sadari.files import exists
from sadari.progress import Progress, Silent
from sadari.registry import Registry, unknown_name
from sadari.settings import Settings
from sadari.values import ImageSet

FORMS = "a named set, a folder of class folders, a .zip or .tar(.gz) of one, a .npz, or a .csv of path,label[,split]"


def load(data: str | Path, settings: Settings, progress: Progress | None = None) -> ImageSet:
    """Load the images of `data`: decoded at the first call, memory-mapped from the cache at every later one.

    Where the cache cannot hold them, they are decoded at every access.

    data: a named set, with options after a colon (`shapes:size=32,classes=5`), or a path; see `open_source`.
    image_size, fit, interpolation, channels and unreadable of `settings` decide the pixels, stream decides where they
    are stored. Raises UsageError for data that is neither, and SadariError for data that no classifier can be trained
    on, naming what is wrong with it.
    """
    progress = progress or Silent()
    if settings.channels not in (0, 1, 3):
        raise UsageError(f"channels is 1 (grey), 3 (colour) or 0 (as the source has it), not {settings.channels}")
    source = open_source(data)
    _bring(data, progress)
    return provide(Wanted(str(data), source, source.fingerprint(), settings, progress, lambda: open_source(data)))


def fingerprint_of(data: str | Path) -> str:
    """Return the fingerprint of the content of `data`, as `load` gives it to the images; nothing is decoded.

    Raises as `load` does where there is no such data.
    """
    return open_source(data).fingerprint()


def open_source(data: str | Path) -> Source:
    """Open the source that the user means by `data`. A named set comes first; a folder of that name is `./name`.

    Raises UsageError where it is neither a named set nor an existing path of an accepted form.
    """
    if isinstance(data, str):
        name, _, options = data.partition(":")
        if name in named_sets():
            return named_sets().get(name).open(_options(name, options))
    path = Path(data).expanduser()
    if not data or not exists(path):
        raise _unknown(str(data))
    if path.is_dir():
        return FolderSource(path)
    lower = path.name.lower()
    if lower.endswith(ARCHIVE_SUFFIXES):
        return ArchiveSource(path)
    if lower.endswith(".npz"):
        return NpzSource(path)
    if lower.endswith(".csv"):
        return TableSource(path)
    raise UsageError(f"{data} is a file of no accepted form; the data is {FORMS}")


def absolute_data(data: str | Path) -> str:
    """Name `data` so that it can be found from any folder: a path as an absolute one, a named set as it is."""
    name = str(data)
    path = Path(data).expanduser()
    is_path = bool(name) and name.partition(":")[0] not in named_sets() and exists(path)
    return str(path.resolve()) if is_path or isinstance(data, Path) else name


def named_sets() -> Registry[NamedSource]:
    """Return the registry of the sets that are known by name."""
    from sadari.data.sources import catalog, digits, shapes  # noqa: F401 - they register their sets

    return SOURCES


def _bring(data: str | Path, progress: Progress) -> None:
    """Download a missing named set, with progress that the user sees."""
    name = data.partition(":")[0] if isinstance(data, str) else ""
    if name in named_sets():
        bring = named_sets().get(name).bring
        if bring:
            bring(progress)


def _options(name: str, text: str) -> dict[str, str]:
    options = {}
    for pair in filter(None, text.split(",")):
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"the options of {name} are key=value, not '{pair}'")
        options[key.strip()] = value.strip()
    return options


def _unknown(data: str) -> UsageError:
    if "/" in data or "\\" in data or Path(data).suffix:
        return UsageError(f"there is no file or folder {data}; the data is {FORMS}")
    return UsageError(f"{unknown_name('data set', data.partition(':')[0], named_sets().names())}; the data is {FORMS}")
