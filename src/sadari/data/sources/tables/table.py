"""Which images does a .csv file of paths and labels name?"""

import os
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path

from sadari.data.cache.digests import digest_texts, remembered_digest
from sadari.data.image_file import SUFFIXES
from sadari.data.sources.base import FileContent, FileEntry
from sadari.data.sources.folder import read_files, read_named
from sadari.data.sources.layout import CONTROL, plain_text, refuse_twice, replaced_note
from sadari.data.sources.split_folders import STEMS
from sadari.data.sources.tables.dialect import COLUMNS, YES_AND_NO, Row, Table, read_rows
from sadari.errors import SadariError

NAMED = 3


class TableSource:
    """The images that the rows `path,label[,split][,group]` of a CSV file name, in the order of the rows.

    Paths are relative to the file, or absolute; they are also the ids. A path without an ending is that of the one
    image of this name. `split` is train, val, test or one of their usual synonyms, or empty. Images with the same
    `group` belong together; group: the name of that column, "" for one of the usual names, None for none. Classes are
    the sorted labels. `dialect` says which other forms a table may have. Its methods raise SadariError for a malformed
    table and for images that are not there.
    """

    def __init__(self, path: Path, group: str | None = "") -> None:
        self.path = path
        self.name = path.stem
        self._group = group

    @cached_property
    def _table(self) -> Table:
        return read_rows(self.path, self._group)

    @cached_property
    def _rows(self) -> tuple[tuple[FileEntry, ...], tuple[str, ...], tuple[Path, ...], tuple[str, ...]]:
        rows, notes = self._table.rows, self._table.notes
        read = [self._read(row) for row in rows]
        if not read:
            raise SadariError(f"{self.path} names no images; it needs rows of {COLUMNS}")
        classes = tuple(sorted({label for _, label, _ in read}))
        index = {name: at for at, name in enumerate(classes)}
        files = tuple(self._files([path for path, _, _ in read]))
        entries = tuple(
            FileEntry(path.translate(CONTROL), index[label], split_name) for path, label, split_name in read
        )
        refuse_twice((entry.id for entry in entries), str(self.path))
        self._refuse_one_file_twice([path for path, _, _ in read], files)
        replaced = [
            *replaced_note("classes", (row.label for row in rows)),
            *replaced_note("files", (row.path for row in rows)),
        ]
        return entries, classes, files, (*notes, *replaced)

    def _refuse_one_file_twice(self, paths: Sequence[str], files: Sequence[Path]) -> None:
        """Raise SadariError where two paths, such as `a.png` and `./a.png`, name one file."""
        first: dict[str, str] = {}
        for path, file in zip(paths, files, strict=True):
            before = first.setdefault(os.path.normpath(file), path)
            if before != path:
                raise SadariError(
                    f"{self.path} names one file twice, as '{before}' and '{path}'; leave one of them out"
                )

    def fingerprint(self) -> str:
        entries, classes, files, _ = self._rows
        return remembered_digest(
            files, "csv", *(f"{each.source_split}/{classes[each.label]}/{each.id}" for each in entries)
        )

    def notes(self) -> tuple[str, ...]:
        return self._rows[3]

    def content(self) -> FileContent:
        entries, classes, files, _ = self._rows
        fetch = partial(read_named, dict(zip((entry.id for entry in entries), files, strict=True)))
        return FileContent(entries, classes, lambda: read_files(files), fetch)

    def groups_key(self) -> str:
        if not self._table.group or not any(row.group for row in self._table.rows):
            return ""
        return digest_texts(*(text for row in self._table.rows for text in (row.path, row.group)))

    def groups(self) -> tuple[Mapping[str, str], str]:
        """Return the group of each id. Raises SadariError where only some rows have one."""
        table = self._table
        empty = next((row for row in table.rows if not row.group), None)
        if empty is not None:
            raise SadariError(
                f"{self.path}, line {empty.line}: the {table.group} is empty; give every image one (of its own, where "
                "it belongs to no other), or do without them by --set group=none"
            )
        ids = (entry.id for entry in self._rows[0])
        return {name: row.group for name, row in zip(ids, table.rows, strict=True)}, f"column {table.group}"

    def _read(self, row: Row) -> tuple[str, str, str]:
        """Return path, class and split of a row."""
        if not row.path or not row.label:
            raise SadariError(f"{self.path}, line {row.line}: the {'label' if row.path else 'path'} is empty")
        try:
            row.path.encode()
        except UnicodeEncodeError:
            raise SadariError(f"{self.path}, line {row.line}: the path is not UTF-8 ({row.path!a})") from None
        split = row.split.lower()
        known = {**STEMS, **YES_AND_NO} if row.is_train else STEMS
        if split and split not in known:
            expected = "0 or 1" if row.is_train else "train, val or test"
            raise SadariError(f"{self.path}, line {row.line}: split is {expected}, not '{split}'")
        return row.path.replace("\\", "/"), plain_text(row.label), known.get(split, "")

    def _files(self, paths: list[str]) -> Iterator[Path]:
        """Yield the file of each path: of that name, in any form of Unicode, or with an ending that was left out."""
        siblings: dict[Path, dict[str, list[Path]]] = {}
        missing = []
        for path in paths:
            found = next((each for each in self._spellings(path) if _is_file(each)), None)
            found = found or self._with_ending(self.path.parent / path, siblings)
            if found is None:
                missing.append(path)
            else:
                yield found
        if missing:
            more = f" and {len(missing) - NAMED:,} more" if len(missing) > NAMED else ""
            shown = ", ".join(str(self.path.parent / each) for each in missing[:NAMED])
            raise SadariError(
                f"{self.path} names {len(missing):,} of {len(paths):,} images that are not there: {shown}{more}; "
                "paths are relative to the file"
            )

    def _spellings(self, path: str) -> Iterator[Path]:
        yield self.path.parent / path
        if not path.isascii():
            yield from (self.path.parent / unicodedata.normalize(form, path) for form in ("NFC", "NFD"))

    def _with_ending(self, path: Path, siblings: dict[Path, dict[str, list[Path]]]) -> Path | None:
        """Return the one image that is called `path` without its ending; SadariError where there are several."""
        if path.parent not in siblings:
            stems: dict[str, list[Path]] = defaultdict(list)
            try:
                for each in path.parent.iterdir():
                    if each.suffix.lower() in SUFFIXES:
                        stems[unicodedata.normalize("NFC", each.stem)].append(each)
            except (OSError, ValueError):
                pass
            siblings[path.parent] = stems
        found = siblings[path.parent].get(unicodedata.normalize("NFC", path.name), [])
        if len(found) > 1:
            both = " and ".join(each.name for each in sorted(found)[:2])
            raise SadariError(f"{self.path} names {path.name}, which could be {both}; write the ending")
        return found[0] if found else None


def _is_file(path: Path) -> bool:
    """Return whether there is a file at `path`; not where no file may have such a name."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
