"""Which images does a Dataset of Hugging Face hold? Its column of images, not decoded, and its column of labels."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from os.path import normpath
from typing import Any

from sadari.data.sources.objects.encoded import encode, read_local
from sadari.data.sources.objects.store import About, Handed
from sadari.data.sources.tables.dialect import LABELS
from sadari.errors import SadariError, UsageError

READERS = 16  # threads that fetch files; assumed: a hub answers each within a tenth of a second
Row = tuple[int, Mapping[str, Any], str]  # its number, its cells, and its class
UNKNOWN = "-1"  # what a ClassLabel has where there is no label


@dataclass(frozen=True)
class Columns:
    """Which columns have images and labels. names: of the classes, () where the labels are the names."""

    image: str
    label: str
    names: tuple[str, ...]


def is_dataset(value: Any) -> bool:
    """Return whether `value` is a Dataset or IterableDataset of the library, which is not imported for it."""
    return type(value).__module__.partition(".")[0] == "datasets" and hasattr(value, "cast_column")


def read(
    parts: Mapping[str, Any], image: str = "", label: str = "", only: str = "", origin: str = "", name: str = ""
) -> tuple[About, Iterator[Handed]]:
    """Return what is known of Datasets by split, and their images one after the other.

    image, label: the columns; "" for the one that there is. only: what the path of an image must begin with that is not
    in the Dataset itself; "" for any file of this machine. Raises UsageError where columns are not clear.
    """
    prepared = {split: _known(dataset) for split, dataset in parts.items()}
    found = {split: _columns(dataset.features, image, label) for split, dataset in prepared.items()}
    names = {columns.names for columns in found.values()}
    if len(names) > 1:
        raise UsageError("the splits have different classes, or the same in another order; give all the same")
    about = About(name or "dataset", origin or "a Dataset of Hugging Face", names.pop())
    return about, _images(prepared, found, only, about)


def _known(dataset: Any) -> Any:
    """Return the Dataset with its features known, and rows as they are stored."""
    dataset = dataset.with_format(None)
    if dataset.features is None:  # one that is streamed does not always know them
        dataset = dataset._resolve_features()
    if hasattr(dataset, "decode") and dataset.features is not None:  # of what is streamed, files are decoded otherwise
        dataset = dataset.decode(False)
    if dataset.features is None:
        raise UsageError("the Dataset does not know its columns; give it features")
    return dataset


def _columns(features: Mapping[str, Any], image: str, label: str) -> Columns:
    pictures = [name for name, feature in features.items() if type(feature).__name__ == "Image"]
    image = _chosen(image, pictures, features, "image", "columns of images")
    classes = [name for name, feature in features.items() if type(feature).__name__ == "ClassLabel"]
    usual = [name for name in LABELS if name in features][:1]
    label = _chosen(label, classes or usual, features, "label", "columns of labels")
    if image == label:
        raise UsageError(f"the column {image} cannot have both the images and their labels")
    names = getattr(features[label], "names", None) or ()
    return Columns(image, label, tuple(str(each) for each in names))


def _chosen(wanted: str, found: list[str], features: Mapping[str, Any], option: str, what: str) -> str:
    if wanted:
        if wanted not in features:
            raise UsageError(f"there is no column '{wanted}'; there are {', '.join(features)}")
        return wanted
    if len(found) == 1:
        return found[0]
    if not found:
        raise UsageError(f"none of the columns {', '.join(features)} is known as {what}; say which by {option}=NAME")
    raise UsageError(f"there are {len(found)} {what}, {' and '.join(found)}; say which one by {option}={found[0]}")


def _images(parts: Mapping[str, Any], columns: Mapping[str, Columns], only: str, about: About) -> Iterator[Handed]:
    from datasets import Image

    without = 0
    for split, dataset in parts.items():
        mine = columns[split]
        rows = dataset.select_columns([mine.image, mine.label]).cast_column(mine.image, Image(decode=False))
        named = ((number, row, _label(row[mine.label], mine)) for number, row in enumerate(rows))
        for found in _read_ahead(named, partial(_handed_row, mine.image, split, only)):
            without += found is None
            if found is not None:
                yield found
    if without:
        about.notes.append(f"left out {without:,} images that have no label")


def _read_ahead(rows: Iterable[Row], make: Callable[[Row], Handed | None]) -> Iterator[Handed | None]:
    """Yield what `make` makes of each row, in order; files of a hub are fetched by several threads."""
    waiting: deque[Future[Handed | None]] = deque()
    with ThreadPoolExecutor(READERS, thread_name_prefix="fetch") as pool:
        try:
            for row in rows:
                waiting.append(pool.submit(make, row))
                if len(waiting) > 2 * READERS:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _handed_row(image: str, split: str, only: str, row: Row) -> Handed | None:
    """Return the image of a row, None where it has no label."""
    number, cells, name = row
    return _handed(cells[image], name, split, number, only) if name else None


def _label(value: Any, columns: Columns) -> str:
    """Return the class of a row, "" where it has none."""
    if value is None or (columns.names and str(value) == UNKNOWN):
        return ""
    if columns.names and isinstance(value, int):
        return columns.names[value]
    if not isinstance(value, int | str | bool):
        raise UsageError(f"the column {columns.label} holds {value!r:.60}; a label is one whole number or name")
    return str(value)


def _handed(image: Any, label: str, split: str, number: int, only: str) -> Handed:
    if not isinstance(image, Mapping):
        content, path = encode(image, number)
        return Handed(content, label, split, path)
    path, inside = image.get("path") or "", image.get("bytes")
    return Handed(inside if inside is not None else _read(path, number, only), label, split, path)


def _read(path: str, number: int, only: str) -> bytes:
    """Return the bytes of the file that a row names. Raises SadariError for a place where a set may not point to."""
    if not path:
        raise SadariError(f"row {number} has neither the bytes of an image nor a path")
    place = path if "://" in path else normpath(path)  # without `..`
    if only and not place.startswith(only):
        raise SadariError(f"refused row {number}: it names {path}, which is outside the set")
    if "://" not in path:
        return read_local(path)
    if not only:
        raise SadariError(f"row {number} names {path}, an address; nothing is downloaded from there")
    import fsspec

    with fsspec.open(path, "rb") as file:
        content: bytes = file.read()
    return content
