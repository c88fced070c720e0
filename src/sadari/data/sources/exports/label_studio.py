"""Which labels does Label Studio's export of a task with choices give? JSON, JSON-MIN or CSV."""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from sadari.data.sources.exports.base import Export, Labelled, one_label, unlabelled_note
from sadari.data.sources.layout import is_image
from sadari.data.sources.tables.dialect import heading_of, text_of
from sadari.errors import SadariError

KIND = "Label Studio"
OWN = frozenset({"id", "annotator", "annotation_id", "created_at", "updated_at", "lead_time"})
SIGN = frozenset({"annotator", "annotation_id", "lead_time"})
UPLOADED = re.compile(r"^[0-9a-f]{8}-")  # what Label Studio puts before the name of an uploaded file
Row = tuple[str, list[str]]  # the file of an image, and its choices


def is_label_studio(document: Any) -> bool:
    """Return whether a JSON document is an export, in full or JSON-MIN."""
    if not isinstance(document, list) or not document or not all(isinstance(each, dict) for each in document):
        return False
    first = document[0]
    return ("annotations" in first and isinstance(first.get("data"), dict)) or len(SIGN & first.keys()) > 1


def is_label_studio_csv(head: bytes) -> bool:
    """Return whether a .csv that begins with `head` has the columns that Label Studio adds."""
    names = {name.strip().strip('"') for name in heading_of(head).split(",")}
    return names >= SIGN


def read_label_studio(document: Sequence[Mapping[str, Any]], path: str, where: str, files: Sequence[str]) -> Export:
    """Read the choices of each task.

    files: paths of the tree, in which uploaded images have their own name or Label Studio's longer one. Raises
    SadariError where an image has several choices, or annotators disagree.
    """
    full = isinstance(document[0].get("data"), dict)
    try:
        rows = [_task(each) if full else _flat(each) for each in document]
    except (AttributeError, KeyError, TypeError) as error:
        raise SadariError(f"{where}/{path} looks like Label Studio's, but a task is damaged ({error})") from None
    return _export(rows, path, where, files)


def read_label_studio_csv(content: bytes, path: str, where: str, files: Sequence[str]) -> Export:
    """Read the export as CSV; raises as `read_label_studio` does."""
    text, _ = text_of(content, f"{where}/{path}")
    try:
        rows = [_flat(row) for row in csv.DictReader(io.StringIO(text))]
    except csv.Error as error:  # such as a cell that is too long, of somebody's brush
        raise SadariError(f"cannot read {where}/{path} as CSV: {error}; export it as JSON") from None
    return _export(rows, path, where, files)


def _export(rows: Sequence[Row], path: str, where: str, files: Sequence[str]) -> Export:
    choices: dict[str, list[str]] = {}
    for name, found in rows:
        choices.setdefault(name, []).extend(found)
    there = {file.rpartition("/")[2] for file in files}
    labelled = [
        Labelled(_local(name, there), label, "", path)
        for name, found in choices.items()
        if name and (label := one_label(found, name, f"{where}/{path}", "choices"))
    ]
    return Export(KIND, (path,), tuple(labelled), unlabelled_note(len(choices) - len(labelled), path))


def _task(task: Mapping[str, Any]) -> Row:
    """Return file and choices of a task in full; annotations that were skipped do not count."""
    choices: list[str] = []
    for annotation in task.get("annotations") or ():
        if not annotation.get("was_cancelled"):
            for result in annotation.get("result") or ():
                if result.get("type") == "choices":
                    choices += [str(each) for each in result.get("value", {}).get("choices", ())]
    return _file_in(task["data"]), choices


def _flat(row: Mapping[str, Any]) -> Row:
    """Return file and choices of a row of JSON-MIN or CSV: the columns that neither Label Studio nor the data has."""
    name = _file_in(row)
    choices: list[str] = []
    for key, value in row.items():
        if key not in OWN and value and value != name:
            choices += _choices(value)
    return name, choices


def _choices(value: Any) -> Iterator[str]:
    """Yield the choices in a cell: one word, or a document with several."""
    if isinstance(value, str) and value.startswith(("{", "[")):
        with suppress(ValueError):
            value = json.loads(value)
    if isinstance(value, dict):
        value = value.get("choices", ())
    yield from (str(each) for each in value) if isinstance(value, list | tuple) else (str(value),)


def _file_in(data: Mapping[str, Any]) -> str:
    """Return the value that names an image, "" where none does."""
    for key, value in data.items():
        if key not in OWN and isinstance(value, str) and is_image(_path(value).split("/")):
            return value
    return ""


def _path(value: str) -> str:
    """Return the path in a value: what is behind `?d=` of a local file, else that of an address or a file."""
    try:
        parts = urlsplit(value)
    except ValueError:  # brackets that are no address of a network
        return value
    behind = parse_qs(parts.query).get("d")
    return behind[0] if behind else unquote(parts.path)


def _local(value: str, there: set[str]) -> str:
    """Return the name under which the file of `value` is looked for."""
    path = _path(value)
    folder, slash, name = path.rpartition("/")
    own = UPLOADED.sub("", name)
    if name not in there and own in there:
        return own
    if value.startswith("/data/upload/") or "://" in value:
        return name if name in there else value
    return f"{folder}{slash}{name}".removeprefix("/data/")
