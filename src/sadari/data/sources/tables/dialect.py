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
YES_AND_NO = {"1": "train", "true": "train", "yes": "train", "0": "test", "false": "test", "no": "test"}
MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"\xef\xbb\xbf": "utf-8-sig"}  # byte order marks
# Assumed: no table of paths and labels is larger; it bounds what is read.
MOST_BYTES = 2**31
HEADING_BYTES = 2**16  # assumed: no heading of a table beside images is longer
NAMED = 8
ONES, ZEROS = frozenset({"1", "1.0", "true"}), frozenset({"0", "0.0", "false", ""})
NAMED_CLASSES = 3


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
    """Read the table at `path`. Raises SadariError where it cannot be read, and as `read_table` does."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise SadariError(f"{path} is larger than {MOST_BYTES / 2**30:.0f} GiB, which no table of {COLUMNS} is")
        return read_table(path.read_bytes(), str(path), group)
    except OSError as error:
        raise SadariError(f"cannot read {path}: {error.strerror or error}") from None


def read_table(content: bytes, where: str, group: str | None = "", one_hot: bool = False) -> Table:
    """Read a table. group: the column that has the groups; "" for one of the usual names, None for none.

    where: its path, for messages. Rows whose cells are all empty are skipped. Where no column has the labels, a column
    for each class with ones and zeros does; rows without a one are left out. one_hot: all columns but that of paths are
    classes, whatever their names, such as y and set. Raises SadariError where it cannot be
    read, lacks a column, or a row has more cells than the heading or several ones.
    """
    text, notes = text_of(content, where)
    try:
        return _parse(text, where, notes, group, one_hot)
    except csv.Error as error:
        raise SadariError(f"cannot read {where} as text of {COLUMNS}: {error}") from None


def _parse(text: str, where: str, notes: list[str], group: str | None, all_classes: bool) -> Table:
    text = _without_sep(text)
    first = text.partition("\n")[0]
    separator = max(SEPARATORS, key=lambda each: (_fits(first, each), first.count(each)))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True, strict=True)
    spelt = [name.strip() for name in next(reader, [])]
    header = [name.lower() for name in spelt]
    grouped_by = () if group is None else (group.strip().lower(),) if group else GROUPS
    known = (PATHS, (), (), ()) if all_classes else (PATHS, LABELS, SPLIT_COLUMNS, grouped_by)
    columns = [_column(header, names, where) for names in known]
    path, label, split, grouped = columns
    lines = list(_complete(reader, len(header), separator, where)) if path is not None else []
    if label is not None and _is_one_of_many(header, label, [cells for _, cells in lines], columns):
        label = columns[1] = None
    taken = frozenset(at for at in columns if at is not None)
    one_hot = _class_columns(header, [cells for _, cells in lines], taken) if label is None else ()
    if path is None or (label is None and not one_hot):
        more = f" and {len(header) - NAMED:,} more" if len(header) > NAMED else ""
        seen = ",".join(header[:NAMED])[:200] + more
        raise SadariError(f"{where} has the columns {seen or 'none'}; it needs {COLUMNS}")
    if group and grouped is None:
        raise SadariError(
            f"{where} has no column '{group}' for group=column:{group}; it has {', '.join(header[:NAMED])}"
        )
    notes += _column_notes(header, {"path": path, "label": label, "split": split, "group": grouped}, one_hot)
    is_train = split is not None and header[split] in BY_YES_AND_NO
    names = [spelt[at] for at in one_hot]
    rows = []
    for line, cells in lines:
        of_split, of_group = ("" if at is None else cells[at] for at in (split, grouped))
        if label is None:
            name = _class_of(names, [cells[at] for at in one_hot], cells[path], f"{where}, line {line}:")
            if not name:
                continue
        else:
            name = cells[label]
        rows.append(Row(line, cells[path], name, of_split, is_train, of_group))
    if len(rows) < len(lines):
        without = len(lines) - len(rows)
        row = "row that has" if without == 1 else "rows that have"
        notes.append(f"left out {without:,} {row} no 1 in the column of any class")
    return Table(tuple(rows), tuple(notes), "" if grouped is None else header[grouped])


def _complete(reader: Iterator[list[str]], width: int, separator: str, where: str) -> Iterator[tuple[int, list[str]]]:
    """Yield number and cells of each row that is not empty, with as many cells as the heading has."""
    for line, cells in _lines(reader):
        if not any(cells):
            continue
        if any(cells[width:]):
            raise SadariError(
                f"{where}, line {line}: {len(cells)} cells under {width} columns; put a cell with a "
                f"'{separator}' in double quotes"
            )
        yield line, cells[:width] + [""] * (width - len(cells))


def _lines(reader: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    for cells in reader:
        yield reader.line_num, [cell.strip() for cell in cells]  # type: ignore[attr-defined]


def _fits(line: str, separator: str) -> bool:
    names = {name.strip().strip('"').lower() for name in line.split(separator)}
    return not names.isdisjoint(PATHS) and not names.isdisjoint(LABELS)


def _column(header: Sequence[str], names: Sequence[str], where: str) -> int | None:
    """Return the position of the first of `names` that the header has; SadariError where it is there twice."""
    name = next((each for each in names if each in header), None)
    if name is None:
        return None
    if header.count(name) > 1:
        raise SadariError(f"{where} has the column {name} twice; keep one")
    return header.index(name)


def _class_columns(header: Sequence[str], rows: Sequence[Sequence[str]], taken: frozenset[int]) -> tuple[int, ...]:
    """Return the columns, two or more, whose cells are all 0 or 1 and that have a name; () where there are none.

    taken: columns that are something else.
    """
    found = []
    for at, name in enumerate(header):
        cells = {row[at].lower() for row in rows}
        if at not in taken and name and cells <= ONES | ZEROS and cells & (ONES | {"0", "0.0", "false"}):
            found.append(at)
    return tuple(found) if len(found) > 1 else ()


def _is_one_of_many(
    header: Sequence[str], label: int, rows: Sequence[Sequence[str]], columns: Sequence[int | None]
) -> bool:
    """Return whether the column of labels is one of three or more of ones and zeros, of which each row has one 1.

    A table of letters has a class y.
    """
    others = frozenset(at for at in columns if at is not None and at != label)
    found = _class_columns(header, rows, others)
    if label not in found or len(found) < 3:
        return False
    return all(sum(row[at].lower() in ONES for at in found) == 1 for row in rows)


def _class_of(names: Sequence[str], cells: Sequence[str], image: str, where: str) -> str:
    """Return the one of `names` whose cell is 1, "" where none is; SadariError where several are."""
    found = [name for name, cell in zip(names, cells, strict=True) if cell.lower() in ONES]
    if len(found) > 1:
        shown = ", ".join(found[:NAMED_CLASSES]) + (" and others" if len(found) > NAMED_CLASSES else "")
        raise SadariError(
            f"{where} gives {image} {len(found)} classes ({shown}), and a classifier needs one class an image; keep one"
        )
    return found[0] if found else ""


def _column_notes(header: Sequence[str], columns: Mapping[str, int | None], one_hot: Sequence[int]) -> list[str]:
    notes = []
    taken = {name: at for name, at in columns.items() if at is not None}
    renamed = [f"'{header[at]}' as {name}" for name, at in taken.items() if header[at] != name]
    if renamed:
        notes.append(f"took the column {' and '.join(renamed)}")
    if one_hot:
        notes.append(f"took the {len(one_hot)} columns of ones and zeros as classes")
    unread = [name for at, name in enumerate(header) if at not in {*taken.values(), *one_hot} and name]
    if unread:
        more = f" and {len(unread) - NAMED:,} more" if len(unread) > NAMED else ""
        named = f"{', '.join(unread[:NAMED])}{more}"
        notes.append(f"did not read the column{'' if len(unread) == 1 else 's'} {named}")
    return notes


def _without_sep(text: str) -> str:
    """Return a table without the line in which Excel says what separates its cells."""
    first, _, rest = text.partition("\n")
    return rest if first.strip().lower().startswith("sep=") else text


def heading_of(content: bytes) -> str:
    """Return the first line of a table, which may be anything: what cannot be decoded is replaced."""
    text = content[:HEADING_BYTES].decode(_marked(content) or "utf-8", "replace")
    return _without_sep(text).partition("\n")[0]


def _marked(content: bytes) -> str:
    """Return the encoding that a byte order mark says, "" where there is none."""
    return next((encoding for mark, encoding in MARKS.items() if content.startswith(mark)), "")


def text_of(content: bytes, where: str) -> tuple[str, list[str]]:
    """Return the text of a file, and a note where its encoding was guessed. where: its path, for messages."""
    encoding = _marked(content) or guess_encoding([content])
    try:
        text = content.decode(encoding or "utf-8")
    except UnicodeError as error:
        raise SadariError(f"cannot read {where} as UTF-8 text of {COLUMNS}: {error}") from None
    if encoding in ("utf-8", "utf-8-sig", "utf-16"):
        return text, []
    return text, [f"{Path(where).name} is not UTF-8; it was read as {encoding}, save it as UTF-8 if that is wrong"]
