"""Which images does the user mean, ready for a model? `load` is the entry point of the package `data`."""

from dataclasses import replace
from pathlib import Path

from sadari.data.decisions.apply import Reviewed, require_fit
from sadari.data.decisions.file import chosen_file, is_decisions
from sadari.data.groups.names import AUTO, column_of, grouped_fingerprint, with_groups
from sadari.data.packs.provide import Wanted, provide
from sadari.data.sources.archive import SUFFIXES as ARCHIVE_SUFFIXES
from sadari.data.sources.archive import ArchiveSource
from sadari.data.sources.arrays import NpzSource
from sadari.data.sources.base import SOURCES, NamedSource, Source
from sadari.data.sources.folder import FolderSource
from sadari.data.sources.layout import printable
from sadari.data.sources.table import TableSource
from sadari.data.spellings import alike_notes
from sadari.errors import SadariError, UsageError
from sadari.files import exists, expanded, why_no_text
from sadari.progress import Progress, Silent
from sadari.registry import Registry, unknown_name
from sadari.settings import Settings
from sadari.values import ImageSet

PACKED = (".tar.xz", ".txz", ".tar.bz2", ".tbz", ".tbz2", ".tar.zst", ".7z", ".rar", ".xz", ".bz2", ".egg", ".alz")
FORMS = (
    "a named set, a folder of class folders, a .zip or .tar(.gz) of one, a .npz, or a .csv of "
    "path,label[,split][,group]"
)


def load(data: str | Path, settings: Settings, progress: Progress | None = None) -> ImageSet:
    """Load the images of `data`: decoded at the first call, memory-mapped from the cache at every later one.

    Where the cache cannot hold them, they are decoded at every access.

    data: a named set, with options after a colon (`shapes:size=32,classes=5`), or a path; see `open_source`.
    Of `settings`, those in LOAD_SETTINGS of `data.packs.provide` decide the images and where they are stored. Raises
    UsageError for data that is neither, and SadariError for data that no classifier can be trained on, naming what is
    wrong with it.
    """
    progress = progress or Silent()
    if settings.channels not in (0, 1, 3):
        raise UsageError(f"channels is 1 (grey), 3 (colour) or 0 (as the source has it), not {settings.channels}")
    source = open_source(data, settings)
    reviewed = _reviewed(data, settings)
    _bring(data, progress)
    fingerprint = source.fingerprint()
    wanted = Wanted(str(data), source, fingerprint, settings, progress, lambda: open_source(data, settings))
    images = provide(wanted)
    notes = (*_namesake(data), *source.notes(), *images.notes, *alike_notes(images.classes))
    given = images = replace(images, notes=notes)
    if reviewed is not None:
        require_fit(reviewed, given, source)
        images = reviewed.without_dropped(images)
    images = with_groups(images, source, settings.group)
    if reviewed is not None:
        images = reviewed.relabelled(images, given)
    return replace(images, notes=tuple(printable(note) for note in images.notes))


def fingerprint_of(data: str | Path, settings: Settings) -> str:
    """Return the fingerprint of the content of `data`, as `load` gives it to the images; nothing is decoded.

    Raises as `load` does where there is no such data.
    """
    source, reviewed = open_source(data, settings), _reviewed(data, settings)
    fingerprint = grouped_fingerprint(source.fingerprint(), source, settings.group)
    return reviewed.fingerprint(fingerprint) if reviewed else fingerprint


def _reviewed(data: str | Path, settings: Settings) -> Reviewed | None:
    """Return the decisions that count for `data`; raises UsageError or SadariError where they cannot be read."""
    named = isinstance(data, str) and data.partition(":")[0] in named_sets()
    return Reviewed.read(chosen_file(data, named, settings.review))


def open_source(data: str | Path, settings: Settings | None = None) -> Source:
    """Open the source that the user means by `data`. A named set comes first; a folder of that name is `./name`.

    settings: say what a source does not say itself, such as the encoding of an archive's names. Raises UsageError where
    `data` is neither a named set nor an existing path of an accepted form, SadariError where the path is no text.
    """
    settings = settings or Settings()
    if isinstance(data, str):
        name, _, options = data.partition(":")
        if name in named_sets():
            return named_sets().get(name).open(_options(name, options))
    path = expanded(data)
    _require_text(path)
    if not data or not exists(path):
        raise _unknown(str(data))
    if path.is_dir():
        return FolderSource(path, settings.split_folders)
    lower = path.name.lower()
    if not path.is_file():
        raise UsageError(f"{data} is neither a file nor a folder; the data is {FORMS}")
    if lower.startswith("~$"):
        raise UsageError(f"{data} is a lock file that Excel leaves while a table is open; name the table itself")
    if is_decisions(path):
        raise UsageError(f"{data} has decisions about images; name the folder, archive or table that they are about")
    if lower.endswith(ARCHIVE_SUFFIXES):
        return ArchiveSource(path, settings.archive_encoding, settings.split_folders)
    if lower.endswith(".npz"):
        return NpzSource(path, settings.white_level, settings.group == AUTO)
    if lower.endswith((".csv", ".tsv")):
        return TableSource(path, column_of(settings.group))
    if lower.endswith(PACKED):
        raise UsageError(f"{data} is an archive of a kind that is not read in place; unpack it and name the folder")
    raise UsageError(f"{data} is a file of no accepted form; the data is {FORMS}")


def is_there(data: str) -> bool:
    """Return whether `data`, as a run stored it, is a named set or a path that exists."""
    return data.partition(":")[0] in named_sets() or exists(Path(data))


def absolute_data(data: str | Path) -> str:
    """Name `data` so that it can be found from any folder: a path as an absolute one, a named set as it is."""
    name = str(data)
    path = expanded(data)
    is_path = bool(name) and name.partition(":")[0] not in named_sets() and exists(path)
    return str(_resolved(path)) if is_path or isinstance(data, Path) else name


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError) as error:  # links in a circle, or a letter that no name may have
        raise UsageError(f"there is no file or folder {path!s:.200} ({error})") from None


def _require_text(path: Path) -> None:
    """Raise SadariError where the path, seen from the root, is no UTF-8 text: nothing could store or print it."""
    try:
        str(path.absolute()).encode("utf-8")
    except UnicodeEncodeError:
        raise SadariError(f"the path {str(path.absolute())!a} {why_no_text(str(path.absolute()))}") from None


def _namesake(data: str | Path) -> tuple[str, ...]:
    """Return a note where a file or folder has the name of the named set that `data` is."""
    if not isinstance(data, str) or data not in named_sets() or not exists(Path(data)):
        return ()
    return (f"'{data}' is the set of that name; write ./{data} for the folder of this name that is here too",)


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
