"""Which images do files of parquet hold? One column of files' bytes, and one of labels, as Hugging Face stores them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from sadari.data.cache.digests import digest_texts, remembered_digest
from sadari.data.sources.exports.base import NAMED, split_of_file
from sadari.data.sources.objects.store import About, BroughtSource, Handed
from sadari.data.sources.split_folders import STEMS
from sadari.data.sources.tables.dialect import BY_YES_AND_NO, GROUPS, LABELS, PATHS, SPLIT_COLUMNS, YES_AND_NO
from sadari.errors import SadariError, missing_package

if TYPE_CHECKING:
    import pyarrow as pa

ENDING = ".parquet"
IMAGES = ("image", "img", "picture", "photo", "bytes", "content", "data", "jpg", "jpeg", "png")
ROWS = 64  # read at a time; assumed: their images fit any memory


class Columns(NamedTuple):
    """The columns of images, of labels, and of splits ("" for none)."""

    image: str
    label: str
    split: str


def open_parquet(files: Sequence[Path], name: str, top: Path) -> BroughtSource:
    """Open a set of parquet files, in their order. top: the folder below which a folder's name may be that of a split.

    Raises SadariError where a file cannot be read.
    """
    ordered = tuple(sorted(files))
    names = [path.relative_to(top).as_posix() for path in ordered]
    key = digest_texts("parquet 2", remembered_digest(ordered, "parquet", *names))
    return BroughtSource(name, key, partial(_read, ordered, names, name))


def _read(files: Sequence[Path], names: Sequence[str], name: str) -> tuple[About, Iterator[Handed]]:
    schema = _schema(files[0])
    if not any(map(_row_count, files)):
        more = f" and the {len(files) - 1} beside it have" if len(files) > 1 else " has"
        raise SadariError(f"{files[0]}{more} no rows; a classifier needs images of at least two classes")
    classes = _class_names(schema)
    image = _image_column(schema, files[0])
    label = next((each for each in (*classes, *LABELS) if each in schema.names), "")
    if not label:
        raise SadariError(f"{files[0]} has the columns {', '.join(schema.names)}; none is known as that of labels")
    split = next((each for each in SPLIT_COLUMNS if each in schema.names and each not in (image, label)), "")
    about = About(name, name, tuple(classes.get(label, ())), list(_column_notes(schema, classes, label)))
    return about, _images(files, names, Columns(image, label, split), about)


def _column_notes(schema: "pa.Schema", classes: Mapping[str, Sequence[str]], label: str) -> Iterator[str]:
    """Yield notes on columns that could have been meant, or whose groups would matter."""
    others = [each for each in (*classes, *LABELS) if each in schema.names and each != label]
    if others:
        yield f"took the column '{label}' as label, not {', '.join(dict.fromkeys(others))}"
    for group in (each for each in GROUPS if each in schema.names):
        yield f"did not read the column {group}: groups are those of a .csv or .npz"


def _schema(path: Path) -> "pa.Schema":
    try:
        import pyarrow.parquet as pq
    except ModuleNotFoundError as error:
        raise missing_package("reading parquet", error.name, "datasets") from None
    try:
        return pq.read_schema(path)
    except Exception as error:  # pyarrow raises many kinds
        raise SadariError(f"cannot read {path} as parquet: {_first_line(error)}") from None


def _row_count(path: Path) -> int:
    import pyarrow.parquet as pq

    try:
        return int(pq.read_metadata(path).num_rows)
    except Exception as error:  # pyarrow raises many kinds
        raise SadariError(f"cannot read {path} as parquet: {_first_line(error)}") from None


def rows_of(content: bytes, where: str) -> list[dict[str, Any]]:
    """Return the rows of a small table without images. Raises SadariError where it cannot be read."""
    try:
        import pyarrow.parquet as pq
    except ModuleNotFoundError as error:
        raise missing_package("reading parquet", error.name, "datasets") from None
    try:
        return list(pq.read_table(BytesIO(content)).to_pylist())
    except Exception as error:  # pyarrow raises many kinds
        raise SadariError(f"cannot read {where} as parquet: {_first_line(error)}") from None


def _class_names(schema: "pa.Schema") -> dict[str, list[str]]:
    """Return the names of the classes of each column of a ClassLabel, as Hugging Face stores them."""
    try:
        known = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return {name: [str(x) for x in each["names"]] for name, each in known.items() if each["_type"] == "ClassLabel"}
    except (KeyError, TypeError, ValueError, AttributeError):
        return {}


def _image_column(schema: "pa.Schema", path: Path) -> str:
    """Return the column of images: of bytes beside a path, else of bytes with a usual name, else the one of bytes."""
    import pyarrow as pa

    def is_bytes(kind: Any) -> bool:
        return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))

    def has_bytes(kind: Any) -> bool:
        return bool(pa.types.is_struct(kind)) and any(each.name == "bytes" and is_bytes(each.type) for each in kind)

    structs = [each.name for each in schema if has_bytes(each.type)]
    plain = [each.name for each in schema if is_bytes(each.type)]
    usual = [name for name in IMAGES if name in plain]
    found = structs or usual[:1] or plain
    if len(found) != 1:
        what = f"{len(found)} columns of images, {' and '.join(found)}" if found else "no column of images"
        raise SadariError(f"{path} has {what} (columns {', '.join(schema.names)}); keep one, as bytes of a file")
    return found[0]


def _images(files: Sequence[Path], names: Sequence[str], of: Columns, about: About) -> Iterator[Handed]:
    import pyarrow.parquet as pq

    without, unknown = 0, set[str]()
    splits = [split_of_file(name) for name in names]
    if len(set(splits)) == 1:  # one part alone is no split, as on the hub
        splits = [""] * len(files)
    for path, name, split in zip(files, names, splits, strict=True):
        try:
            with pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20) as table:
                path_column = next(
                    (each for each in PATHS if each in table.schema_arrow.names and each != of.image), None
                )
                columns = [each for each in (*of, path_column) if each]
                for batch in table.iter_batches(ROWS, columns=columns):
                    for row in batch.to_pylist():
                        mine = _split(row[of.split], of.split, unknown) if of.split else split
                        handed = _handed(row, of.image, of.label, path_column, mine, about.classes, name)
                        without += handed is None
                        if handed:
                            yield handed
        except SadariError:
            raise
        except Exception as error:  # pyarrow raises many kinds
            raise SadariError(f"cannot read {path} as parquet: {_first_line(error)}") from None
    if without:
        about.notes.append(f"left out {without:,} row{'' if without == 1 else 's'} without a label")
    if unknown:
        shown = ", ".join(f"'{each}'" for each in sorted(unknown)[:NAMED]) + (
            " and others" if len(unknown) > NAMED else ""
        )
        about.notes.append(f"the column {of.split} has words that are none of train, val and test: {shown}")


def _split(value: Any, column: str, unknown: set[str]) -> str:
    """Return the split that a cell says, "" for another word, which is put into `unknown`."""
    word = "" if value is None else str(value).strip().lower()
    found = ({**STEMS, **YES_AND_NO} if column in BY_YES_AND_NO else STEMS).get(word, "")
    if word and not found:
        unknown.add(word)
    return found


def _handed(
    row: Mapping[str, Any], image: str, label: str, path: str | None, split: str, classes: Sequence[str], name: str
) -> Handed | None:
    """Return the image of a row, None where it has no label."""
    value, cell = row[label], row[image]
    if value is None or (classes and value == -1):
        return None
    content, called = (cell.get("bytes"), cell.get("path")) if isinstance(cell, Mapping) else (cell, None)
    if content is None:
        raise SadariError(f"{name} has a row without the bytes of an image; store them inside, not as paths")
    if isinstance(value, list | dict | float | bytes):
        raise SadariError(f"{name} has the label {value!r:.60}; a label is one whole number or name")
    called = called or (row.get(path) if path else None)
    text = called if isinstance(called, str) else ""
    return Handed(content, classes[value] if classes and isinstance(value, int) else str(value), split, text)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
