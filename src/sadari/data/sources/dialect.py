"""How is a table written? Its encoding, its separator, and which of its columns are path, label, split and group."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sadari.data.sources.encodings import guess_encoding
from sadari.errors import SadariError

COLUMNS = "path,label[,split][,group]"
SEPARATORS = ",;\t|"
# The first one that a table has is taken.
PATHS = (
    "path", "file", "filename", "file_name", "filepath", "file_path", "image_path", "img_path", "image", "img",
    "image_name", "image_id", "id", "파일", "파일명", "경로",
)  # fmt: skip
LABELS = ("label", "labels", "class", "class_name", "category", "target", "y", "라벨", "레이블", "클래스", "분류")
SPLIT_COLUMNS = ("split", "subset", "partition", "set", "usage", "is_train", "is_training")
GROUPS = ("group", "groups", "group_id", "patient", "patient_id", "subject", "subject_id", "그룹", "환자")
BY_YES_AND_NO = ("is_train", "is_training")
MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"\xef\xbb\xbf": "utf-8-sig"}  # byte order marks
# Assumed: no table of paths and labels is larger; it bounds what is read.
MOST_BYTES = 2**31
NAMED = 8


@dataclass(frozen=True, slots=True)
class Row:
    """The cells of one image, without spaces around them. is_train: whether `split` says yes or no to training."""

    line: int
    path: str
    label: str
    split: str
    is_train: bool
    group: str = ""


@dataclass(frozen=True)
class Table:
    """The rows of a table. notes: what was guessed and what was not read. group: its column of groups, "" for none."""

    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    group: str


def read_rows(path: Path, group: str | None = "") -> Table:
    """Read the table at `path`. group: the column that has the groups; "" for one of the usual names, None for none.

    Rows whose cells are all empty are skipped. Raises SadariError where the table cannot be read, lacks a column, or a
    row has more cells than the heading.
    """
    text, notes = _read_text(path)
    try:
        return _parse(text, path, notes, group)
    except csv.Error as error:
        raise SadariError(f"cannot read {path} as text of {COLUMNS}: {error}") from None


def _parse(text: str, path: Path, notes: list[str], group: str | None) -> Table:
    first, _, rest = text.partition("\n")
    if first.strip().lower().startswith("sep="):  # Excel's first line
        text, first = rest, rest.partition("\n")[0]
    separator = max(SEPARATORS, key=lambda each: (_fits(first, each), first.count(each)))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True, strict=True)
    header = [name.strip().lower() for name in next(reader, [])]
    grouped_by = () if group is None else (group.strip().lower(),) if group else GROUPS
    columns = [_column(header, names, path) for names in (PATHS, LABELS, SPLIT_COLUMNS, grouped_by)]
    where, what, split, grouped = columns
    if where is None or what is None:
        more = f" and {len(header) - NAMED:,} more" if len(header) > NAMED else ""
        seen = ",".join(header[:NAMED])[:200] + more
        raise SadariError(f"{path} has the columns {seen or 'none'}; it needs {COLUMNS}")
    if group and grouped is None:
        raise SadariError(
            f"{path} has no column '{group}' for group=column:{group}; it has {', '.join(header[:NAMED])}"
        )
    notes += _column_notes(header, {"path": where, "label": what, "split": split, "group": grouped})
    is_train = split is not None and header[split] in BY_YES_AND_NO
    rows = []
    for line, cells in _lines(reader):
        if not any(cells):
            continue
        if any(cells[len(header) :]):
            raise SadariError(
                f"{path}, line {line}: {len(cells)} cells under {len(header)} columns; put a cell with a "
                f"'{separator}' in double quotes"
            )
        cells += [""] * (len(header) - len(cells))
        of_split, of_group = ("" if at is None else cells[at] for at in (split, grouped))
        rows.append(Row(line, cells[where], cells[what], of_split, is_train, of_group))
    return Table(tuple(rows), tuple(notes), "" if grouped is None else header[grouped])


def _lines(reader: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    for cells in reader:
        yield reader.line_num, [cell.strip() for cell in cells]  # type: ignore[attr-defined]


def _fits(line: str, separator: str) -> bool:
    names = {name.strip().strip('"').lower() for name in line.split(separator)}
    return not names.isdisjoint(PATHS) and not names.isdisjoint(LABELS)


def _column(header: Sequence[str], names: Sequence[str], path: Path) -> int | None:
    """Return the position of the first of `names` that the header has; SadariError where it is there twice."""
    name = next((each for each in names if each in header), None)
    if name is None:
        return None
    if header.count(name) > 1:
        raise SadariError(f"{path} has the column {name} twice; keep one")
    return header.index(name)


def _column_notes(header: Sequence[str], columns: Mapping[str, int | None]) -> list[str]:
    notes = []
    taken = {name: at for name, at in columns.items() if at is not None}
    renamed = [f"'{header[at]}' as {name}" for name, at in taken.items() if header[at] != name]
    if renamed:
        notes.append(f"took the column {' and '.join(renamed)}")
    unread = [name for at, name in enumerate(header) if at not in taken.values() and name]
    if unread:
        more = f" and {len(unread) - NAMED:,} more" if len(unread) > NAMED else ""
        named = f"{', '.join(unread[:NAMED])}{more}"
        notes.append(f"did not read the column{'' if len(unread) == 1 else 's'} {named}")
    return notes


def _read_text(path: Path) -> tuple[str, list[str]]:
    """Return the text of the file, and a note where its encoding was guessed."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise SadariError(f"{path} is larger than {MOST_BYTES / 2**30:.0f} GiB, which no table of {COLUMNS} is")
        content = path.read_bytes()
    except OSError as error:
        raise SadariError(f"cannot read {path}: {error.strerror or error}") from None
    marked = next((encoding for mark, encoding in MARKS.items() if content.startswith(mark)), "")
    encoding = marked or guess_encoding([content])
    try:
        text = content.decode(encoding or "utf-8")
    except UnicodeError as error:
        raise SadariError(f"cannot read {path} as UTF-8 text of {COLUMNS}: {error}") from None
    if encoding in ("utf-8", "utf-8-sig", "utf-16"):
        return text, []
    return text, [f"{path.name} is not UTF-8; it was read as {encoding}, save it as UTF-8 if that is wrong"]
