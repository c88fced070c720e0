"""Which images does a .csv file of paths and labels name?"""

import csv
from functools import cached_property, partial
from pathlib import Path

from sadari.data.cache.digests import remembered_digest
from sadari.data.sources.base import FileContent, FileEntry
from sadari.data.sources.folder import read_below, read_files
from sadari.data.sources.layout import SPLIT_NAMES, refuse_twice
from sadari.errors import SadariError

COLUMNS = "path,label[,split]"
NAMED = 3


class TableSource:
    """The images that the rows `path,label[,split]` of a CSV file name, in the order of the rows.

    Paths are relative to the file, or absolute; they are also the ids. `split` is train, val, test or one
    of their usual synonyms, or empty. Classes are the sorted labels. Its methods raise SadariError for a malformed
    table and for images that are not there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.stem

    @cached_property
    def _rows(self) -> tuple[tuple[FileEntry, ...], tuple[str, ...], tuple[Path, ...]]:
        rows = [self._row(line, row) for line, row in self._lines()]
        if not rows:
            raise SadariError(f"{self.path} names no images; it needs rows of {COLUMNS}")
        classes = tuple(sorted({label for _, label, _ in rows}))
        index = {name: at for at, name in enumerate(classes)}
        entries = tuple(
            FileEntry(path.replace("\\", "/"), index[label], split_name) for path, label, split_name in rows
        )
        refuse_twice((entry.id for entry in entries), str(self.path))
        files = tuple(self.path.parent / entry.id for entry in entries)
        self._refuse_missing(files)
        return entries, classes, files

    def fingerprint(self) -> str:
        entries, classes, files = self._rows
        return remembered_digest(
            files, "csv", *(f"{each.source_split}/{classes[each.label]}/{each.id}" for each in entries)
        )

    def content(self) -> FileContent:
        entries, classes, files = self._rows
        return FileContent(entries, classes, lambda: read_files(files), partial(read_below, self.path.parent))

    def _lines(self) -> list[tuple[int, dict[str, str]]]:
        try:
            with self.path.open(encoding="utf-8-sig", newline="") as file:
                reader = csv.DictReader(file, skipinitialspace=True, strict=True)
                header = [name.strip().lower() for name in reader.fieldnames or ()]
                reader.fieldnames = header
                if not {"path", "label"} <= set(header):
                    raise SadariError(f"{self.path} has the columns {','.join(header) or 'none'}; it needs {COLUMNS}")
                return [(reader.line_num, row) for row in reader]
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise SadariError(f"cannot read {self.path} as UTF-8 text of {COLUMNS}: {error}") from None

    def _row(self, line: int, row: dict[str, str]) -> tuple[str, str, str]:
        path, label = ((row[name] or "").strip() for name in ("path", "label"))
        if not path or not label:
            raise SadariError(f"{self.path}, line {line}: the {'label' if path else 'path'} is empty")
        split = (row.get("split") or "").strip().lower()
        if split and split not in SPLIT_NAMES:
            raise SadariError(f"{self.path}, line {line}: split is train, val or test, not '{split}'")
        return path, label, SPLIT_NAMES.get(split, "")

    def _refuse_missing(self, files: tuple[Path, ...]) -> None:
        missing = [str(path) for path in files if not path.is_file()]
        if missing:
            more = f" and {len(missing) - NAMED:,} more" if len(missing) > NAMED else ""
            raise SadariError(
                f"{self.path} names {len(missing):,} of {len(files):,} images that are not there: "
                f"{', '.join(missing[:NAMED])}{more}; paths are relative to the file"
            )
