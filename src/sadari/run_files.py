"""How are the history, the split and the predictions of a run written and read? Each file whole or not at all."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from io import StringIO
from itertools import chain
from pathlib import Path
from typing import Any, TextIO
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from sadari.files import csv_writer, undamaged, write_text, write_whole
from sadari.values import Answers, Predictions, Split

MOST_PROBABLE = 1.001  # assumed: sums of a softmax in lower precisions pass 1 by less
HISTORY_COLUMNS = (
    "epoch", "train_loss", "train_accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds",
)  # fmt: skip


def write_history(path: Path, rows: list[dict[str, float]]) -> None:
    """Write one row per epoch under HISTORY_COLUMNS; a missing value (no validation split) is an empty cell."""
    text = StringIO()
    writer = csv.DictWriter(text, HISTORY_COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _printed(row[name]) for name in HISTORY_COLUMNS if name in row})
    write_text(path, text.getvalue())


def read_history(path: Path) -> list[dict[str, float]]:
    """Read what `write_history` wrote: a row per epoch, without the empty cells; none where there is no file."""
    if not path.is_file():
        return []
    with undamaged(path), path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        if rows.fieldnames and "epoch" not in rows.fieldnames:
            raise ValueError("it has no column epoch")
        read = [{name: float(text) for name, text in row.items() if text} for row in rows]
        if not all(row.get("epoch", 0.0) >= 1 and row["epoch"].is_integer() for row in read):
            raise ValueError("it has an epoch that is no number of one")
        return read


def _printed(value: float) -> str:
    return str(value) if isinstance(value, int) else format(value, ".9g")


def write_split(path: Path, split: Split, groups: NDArray[np.int64] | None = None) -> None:
    """Write the positions of train, val and test, and their origin, as `split.npz`. groups: of all images, if any."""
    more: dict[str, Any] = {} if groups is None else {"groups": groups}

    def save(temporary: Path) -> None:
        with temporary.open("wb") as file:
            np.savez(file, train=split.train, val=split.val, test=split.test, origin=np.array(split.origin), **more)

    write_whole(path, save)


def read_split(path: Path, images: int | None = None) -> Split:
    """Read what `write_split` wrote; never unpickles. Raises SadariError for a damaged file.

    images: how many there are, where that is known; no position may reach it.
    """
    with undamaged(path, "delete it, and the split is drawn again"), path.open("rb") as file:
        stored = np.load(file, allow_pickle=False)
        split = Split(stored["train"], stored["val"], stored["test"], str(stored["origin"]))
        _check_positions([split.train, split.val, split.test], images)
        return split


# Splits that are in use, by their content: all runs of a comparison have the same one, and that of a million images
# takes 8 MB.
_shared: WeakValueDictionary[bytes, Split] = WeakValueDictionary()


def read_shared_split(path: Path) -> Split:
    """Return what `read_split` returns, as one value for all who have read an equal split and still use it."""
    split = read_split(path)
    content = blake2b(split.origin.encode(), digest_size=20)
    for positions in (split.train, split.val, split.test):
        content.update(len(positions).to_bytes(8, "little"))
        content.update(np.ascontiguousarray(positions).data)
    return _shared.setdefault(content.digest(), split)


def read_groups(path: Path) -> NDArray[np.int64] | None:
    """Read the group of each image, int64 (N,), from `split.npz`; None where there are none.

    Raises SadariError for a damaged file.
    """
    if not path.is_file():
        return None
    with undamaged(path), path.open("rb") as file:
        stored = np.load(file, allow_pickle=False)
        return np.asarray(stored["groups"], dtype=np.int64) if "groups" in stored else None


def _check_positions(splits: Sequence[NDArray[Any]], images: int | None) -> None:
    """Raise ValueError where these are no positions of images, each in one split only."""
    if any(each.ndim != 1 or not np.issubdtype(each.dtype, np.integer) for each in splits):
        raise ValueError("its positions are no whole numbers in a row")
    positions = np.concatenate(splits)
    if len(positions) and int(positions.min()) < 0:
        raise ValueError(f"it has the position {int(positions.min())}")
    if images is not None and len(positions) and int(positions.max()) >= images:
        raise ValueError(f"it has the position {int(positions.max())}, and there are {images:,} images")
    if len(np.unique(positions)) < len(positions):
        raise ValueError("it has an image twice")


def write_predictions(path: Path, predictions: Predictions) -> None:
    """Write `predictions.csv`: id, label and prediction by class name, then the probability of each class."""
    write_whole(path, lambda temporary: _put_predictions(temporary, predictions))


def _put_predictions(path: Path, predictions: Predictions) -> None:
    # Row by row: the text of ten thousand images and a thousand classes would take gigabytes of memory.
    classes = predictions.classes
    rows = zip(predictions.ids, predictions.labels, predictions.predicted, predictions.probabilities, strict=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv_writer(file)
        writer.writerow(["id", "label", "prediction", *classes])
        for image_id, label, predicted, probabilities in rows:
            printed = [format(each, ".9g") for each in probabilities.tolist()]
            writer.writerow([image_id, classes[label], classes[predicted], *printed])


def write_correct(path: Path, correct: Mapping[str, NDArray[np.bool_]]) -> None:
    """Write which images of each split were classified correctly, bool (N,) each, a bit per image."""
    packed: dict[str, Any] = {split_name: np.packbits(each) for split_name, each in correct.items()}

    def save(temporary: Path) -> None:
        with temporary.open("wb") as file:
            np.savez(file, **packed)

    write_whole(path, save)


def read_correct(path: Path, split_name: str, images: int) -> NDArray[np.bool_] | None:
    """Read which of the `images` of a split were classified correctly, bool (images,), in the order of the split.

    None where the run did not store that, as older ones. Raises SadariError for a damaged file.
    """
    if not path.is_file():
        return None
    with undamaged(path), path.open("rb") as file:
        stored = np.load(file, allow_pickle=False)
        if split_name not in stored:
            return None
        packed = stored[split_name]
        if packed.dtype != np.uint8 or packed.shape != (-(-images // 8),):
            raise ValueError(f"it does not hold {images:,} images of {split_name}")
        return np.unpackbits(packed, count=images).astype(np.bool_)


def write_validated(path: Path, validation: Predictions) -> None:
    """Write the true class of each validation image, and the probability that the model gave it, as `validated.npz`."""
    labels = validation.labels
    probability = validation.probabilities[np.arange(len(labels)), labels]

    def save(temporary: Path) -> None:
        with temporary.open("wb") as file:
            np.savez(file, probability=probability, label=labels)

    write_whole(path, save)


def read_validated(path: Path) -> tuple[NDArray[np.float32], NDArray[np.int64]] | None:
    """Read what `write_validated` wrote: probabilities, float32 (n,), and true classes, int64 (n,).

    None where there is no file, as in older runs. Raises SadariError for a damaged one.
    """
    if not path.is_file():
        return None
    with undamaged(path), path.open("rb") as file:
        stored = np.load(file, allow_pickle=False)
        probability, label = stored["probability"], stored["label"]
        if probability.dtype != np.float32 or label.dtype != np.int64 or probability.shape != label.shape:
            raise ValueError("its probabilities and classes do not belong together")
        if (
            probability.ndim != 1
            or not ((probability >= 0) & (probability <= MOST_PROBABLE)).all()
            or (label < 0).any()
        ):
            raise ValueError("it has probabilities or classes that are none")
        return probability, label


def read_predictions(path: Path) -> Predictions:
    """Read what `write_predictions` wrote; `seconds` is not in the file and comes back as nan.

    Raises SadariError for a damaged file.
    """
    rows: list[list[str]] = []

    def probabilities_of(read: Iterable[tuple[list[str], str]]) -> Iterator[str]:
        for cells, printed in read:
            rows.append(cells)
            yield printed

    with undamaged(path), path.open(encoding="utf-8", newline="") as file:
        classes = _classes_of(file)
        probabilities = np.loadtxt(probabilities_of(_rows_of(file)), dtype=np.float32, delimiter=",", ndmin=2)
        answers = _answers(rows, classes)
        if not (probabilities.min() >= 0 and probabilities.max() <= MOST_PROBABLE):  # nan is neither
            raise ValueError("it has probabilities that are none")
        return Predictions(answers.ids, answers.labels, probabilities, classes, seconds=float("nan"))


def read_answers(path: Path) -> Answers:
    """Read what `write_predictions` wrote without the probabilities, which are most of it with many classes."""
    with undamaged(path), path.open(encoding="utf-8", newline="") as file:
        classes = _classes_of(file)
        return _answers([cells for cells, _ in _rows_of(file)], classes)


def _classes_of(file: TextIO) -> tuple[str, ...]:
    """Read the classes from the first row of `file`; the next read gets the second row."""
    header = next(csv.reader(file), [])
    if header[:3] != ["id", "label", "prediction"]:
        raise ValueError("it does not begin with id,label,prediction")
    return tuple(header[3:])


def _rows_of(file: TextIO) -> Iterator[tuple[list[str], str]]:
    """Yield ([id, label, prediction], the probabilities as printed) of each row that is left."""
    # Only quoted rows need `csv`; splitting the others by hand is ten times as fast with many classes.
    for line in file:
        if '"' in line:
            cells = next(csv.reader(chain([line], file), strict=True))
            yield cells[:3], ",".join(cells[3:])
        else:
            *cells, printed = line.split(",", 3)
            yield cells, printed


def _answers(rows: Sequence[Sequence[str]], classes: tuple[str, ...]) -> Answers:
    if not rows:
        raise ValueError("it has no rows")
    if len({each for each, _, _ in rows}) < len(rows):
        raise ValueError("it has an image twice")
    position = {name: index for index, name in enumerate(classes)}
    return Answers(
        ids=np.array([each for each, _, _ in rows], dtype=np.str_),
        labels=np.array([position[each] for _, each, _ in rows], dtype=np.int64),
        predicted=np.array([position[each] for _, _, each in rows], dtype=np.int64),
        classes=classes,
    )
