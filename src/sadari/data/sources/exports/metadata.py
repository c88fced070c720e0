"""Which labels does a table beside images give them? The metadata of an `imagefolder`, or the classes of Roboflow."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from posixpath import basename
from typing import Any

from sadari.data.image_file import MAX_FILE_BYTES
from sadari.data.sources.exports.base import NAMED, Export, Labelled, Read, unlabelled_note
from sadari.data.sources.split_folders import STEMS
from sadari.data.sources.tables.dialect import (
    BY_YES_AND_NO,
    GROUPS,
    LABELS,
    SPLIT_COLUMNS,
    YES_AND_NO,
    heading_of,
    read_table,
    text_of,
)
from sadari.data.sources.tables.parquet import rows_of
from sadari.errors import SadariError

NAMES = frozenset({"metadata.csv", "metadata.jsonl", "metadata.parquet"})
KIND = "metadata of images"
FILE_NAME = "file_name"  # the column that makes a table this form
ROBOFLOW = "_classes.csv"  # ones and zeros, in the folder of each split


def find(paths: Sequence[str], read: Read, where: str) -> Export | None:
    """Return the labels of all `metadata.csv`, `.jsonl` and `.parquet` among `paths`; None where none has any.

    A file of other columns, such as captions, is no such export. Raises SadariError for a damaged one.
    """
    files = [path for path in paths if basename(path) in NAMES]
    exports = [found for path in files if (found := read_metadata(path, read(path), where)) is not None]
    if not exports:
        return None
    images = tuple(image for each in exports for image in each.images)
    return Export(KIND, tuple(each.files[0] for each in exports), images, tuple(n for e in exports for n in e.notes))


def find_roboflow(paths: Sequence[str], read: Read, where: str) -> Export | None:
    """Return the labels of every `_classes.csv` among `paths`, None where there is none.

    Raises SadariError for a damaged one, and for an image of several classes.
    """
    files = tuple(path for path in paths if basename(path) == ROBOFLOW)
    if not files:
        return None
    images, notes = [], []
    for path in files:
        table = read_table(_whole(read(path), f"{where}/{path}"), f"{where}/{path}", None, one_hot=True)
        images += [Labelled(row.path, row.label, "", path) for row in table.rows]
        notes += [f"{path}: {note}" for note in table.notes if note.startswith("left out")]
    return Export("Roboflow", files, tuple(images), tuple(notes))


def read_metadata(path: str, content: bytes, where: str) -> Export | None:
    """Read one metadata file; None where it has no column of files, or none of labels."""
    _whole(content, f"{where}/{path}")
    if path.lower().endswith(".jsonl"):
        text, _ = text_of(content, f"{where}/{path}")
        return _of_rows(path, list(_objects(text, f"{where}/{path}")), where)
    if path.endswith(".parquet"):
        rows = rows_of(content, f"{where}/{path}")
        if not rows:
            raise SadariError(f"{where}/{path} has no rows; it needs one for each image, or remove it")
        return _of_rows(path, rows, where)
    names = {name.strip().strip('"') for name in re.split(r"[,;\t|]", heading_of(content).lower())}
    if FILE_NAME not in names or names.isdisjoint(LABELS):
        return None
    table = read_table(content, f"{where}/{path}", None)
    labelled = [row for row in table.rows if row.path and row.label]
    images = [Labelled(row.path, row.label, _split(row.split, row.is_train), path) for row in labelled]
    notes = _unread(path, names, ((row.split, row.is_train) for row in labelled))
    return Export(KIND, (path,), tuple(images), (*unlabelled_note(len(table.rows) - len(images), path), *notes))


def _of_rows(path: str, rows: Sequence[Mapping[str, Any]], where: str) -> Export | None:
    keys = {key for row in rows for key in row}
    label, split = (next((each for each in known if each in keys), None) for known in (LABELS, SPLIT_COLUMNS))
    name = FILE_NAME
    if name not in keys or label is None:
        return None
    images, words = [], []
    is_train = split in BY_YES_AND_NO
    for row in rows:
        value = row.get(label)
        if row.get(name) and value is not None and value != "":
            if isinstance(value, list | dict):
                raise SadariError(
                    f"{where}/{path}: the label of {row[name]} is {json.dumps(value)[:80]}, not one class"
                )
            word = "" if split is None or row.get(split) is None else str(row[split])
            words.append((word, is_train))
            images.append(Labelled(str(row[name]), str(value), _split(word, is_train), path))
    notes = (*unlabelled_note(len(rows) - len(images), path), *_unread(path, keys, words))
    return Export(KIND, (path,), tuple(images), notes)


def _objects(text: str, where: str) -> Iterator[Mapping[str, Any]]:
    for number, line in enumerate(text.split("\n"), 1):  # other signs that break lines may be inside a text
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise SadariError(f"{where}, line {number}: it is no JSON ({error})") from None
        if not isinstance(row, dict):
            raise SadariError(f"{where}, line {number}: it is no JSON object")
        yield row


def _split(word: str, is_train: bool) -> str:
    return ({**STEMS, **YES_AND_NO} if is_train else STEMS).get(word.strip().lower(), "")


def _unread(path: str, names: Iterable[str], words: Iterable[tuple[str, bool]]) -> Iterator[str]:
    """Yield notes on what would matter and is not read: words of no split, and columns of groups."""
    unknown = sorted({word for word, is_train in words if word and not _split(word, is_train)})
    if unknown:
        shown = ", ".join(f"'{each}'" for each in unknown[:NAMED]) + (" and others" if len(unknown) > NAMED else "")
        yield f"{path} has splits that are none of train, val and test, which do not count: {shown}"
    for group in (each for each in GROUPS if each in names):
        how = "; name that file itself to take them" if path.endswith(".csv") else ""
        yield f"{path} has a column {group}, whose groups are not read from a folder{how}"


def _whole(content: bytes, where: str) -> bytes:
    """Return `content`; raises SadariError for a file that was not read to its end, since it is too large."""
    if len(content) > MAX_FILE_BYTES:
        raise SadariError(f"{where} is larger than {MAX_FILE_BYTES >> 20} MiB; cut it into one file a split")
    return content
