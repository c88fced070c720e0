"""Which form has a file or folder that the user names? Seen in its name, and in what a folder holds."""

from functools import partial
from pathlib import Path

from sadari.data.decisions.file import is_decisions
from sadari.data.groups.names import AUTO, column_of
from sadari.data.sources.archive import SUFFIXES as ARCHIVE_SUFFIXES
from sadari.data.sources.archive import ArchiveSource
from sadari.data.sources.arrays import NpzSource
from sadari.data.sources.base import Source
from sadari.data.sources.exports.find import is_export_table, top_of
from sadari.data.sources.exports.metadata import NAMES as METADATA
from sadari.data.sources.folder import FolderSource
from sadari.data.sources.objects.arrays import ARRAYS, is_arrays
from sadari.data.sources.objects.store import StoredSource, is_stored
from sadari.data.sources.tables.parquet import ENDING as PARQUET
from sadari.data.sources.tables.parquet import open_parquet
from sadari.data.sources.tables.table import TableSource
from sadari.data.sources.webdataset import ShardsSource, shards_in
from sadari.errors import UsageError
from sadari.settings import Settings

PACKED = (".tar.xz", ".txz", ".tar.bz2", ".tbz", ".tbz2", ".tar.zst", ".7z", ".rar", ".xz", ".bz2", ".egg", ".alz")
ANNOTATIONS = (".json", ".jsonl", ".xml")
METADATA_PARQUET = "metadata.parquet"  # has names of images, not images
FORMS = (
    "a named set, a folder of class folders, a .zip or .tar(.gz) of one, a .npz, a .csv of path,label[,split][,group], "
    "a .parquet, hf://NAME, or what an annotation tool exported (docs/bring-your-data.md has all)"
)


def open_path(path: Path, data: str, settings: Settings) -> Source:
    """Open the source at `path`, which is there. data: what the user wrote.

    Raises UsageError where it has no accepted form.
    """
    if path.is_dir():
        return _open_folder(path, settings)
    lower = path.name.lower()
    if not path.is_file():
        raise UsageError(f"{data} is neither a file nor a folder; the data is {FORMS}")
    if lower.startswith("~$"):
        raise UsageError(f"{data} is a lock file that Excel leaves while a table is open; name the table itself")
    if is_decisions(path):
        raise UsageError(f"{data} has decisions about images; name the folder, archive or table that they are about")
    if lower.endswith(ARCHIVE_SUFFIXES):
        return open_archive(settings, path)
    if lower.endswith(".npz"):
        return NpzSource(path, settings.white_level, settings.group == AUTO)
    if lower.endswith(ANNOTATIONS) or lower == METADATA_PARQUET or is_export_table(path):
        top = top_of(path)
        return FolderSource(top, chosen=path.relative_to(top).as_posix())
    if lower.endswith((".csv", ".tsv")):
        return TableSource(path, column_of(settings.group))
    if lower.endswith(PARQUET):
        return open_parquet([path], path.stem, path.parent)
    if lower.endswith(PACKED):
        raise UsageError(f"{data} is an archive of a kind that is not read in place; unpack it and name the folder")
    raise UsageError(f"{data} is a file of no accepted form; the data is {FORMS}")


def open_archive(settings: Settings, path: Path) -> ArchiveSource:
    """Open one archive."""
    return ArchiveSource(path, settings.archive_encoding, settings.split_folders, settings.labels)


def open_shards(paths: list[Path], name: str, settings: Settings) -> Source:
    """Open several archives as one set."""
    return ShardsSource(paths, name, partial(open_archive, settings))


def _open_folder(path: Path, settings: Settings) -> Source:
    """Open a folder: of images, of parquet files, of archives, or an entry of the cache with images handed over."""
    if is_arrays(path):
        return NpzSource(path / ARRAYS, settings.white_level, settings.group == AUTO)
    if is_stored(path):
        return StoredSource(path)
    parquet = _parquet_in(path)
    if parquet:
        return open_parquet(parquet, path.resolve().name, path)
    shards = shards_in(path)
    if shards:
        return open_shards(shards, path.resolve().name, settings)
    return FolderSource(path, settings.split_folders, settings.labels)


def _parquet_in(folder: Path) -> list[Path]:
    """Return the parquet files at the top of `folder`, or in its folder `data`, as a clone of the hub's has them."""
    for place in (folder, folder / "data"):
        try:
            names = (each for each in place.iterdir() if each.name not in METADATA)
            found = sorted(each for each in names if each.name.lower().endswith(PARQUET))
        except OSError:
            continue
        if found:
            return found
    return []
