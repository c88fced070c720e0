"""Which images does a data set of torch hold, before its transform? Its files, its arrays, or items one by one."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sadari.data.sources.objects.arrays import image_array, is_images, label_array, store_arrays
from sadari.data.sources.objects.encoded import encode, read_local
from sadari.data.sources.objects.store import About, Handed, store
from sadari.errors import SadariError, UsageError
from sadari.progress import Progress

TABLES = ("pandas", "polars")  # have items by name, and are no images
TRANSFORMS = ("transform", "transforms", "target_transform")


def is_dataset(value: Any) -> bool:
    """Return whether `value` has items by number, as a Dataset of torch has, and is no list or array."""
    if isinstance(value, list | tuple | str | bytes | Mapping) or hasattr(value, "dtype"):
        return False
    if type(value).__module__.partition(".")[0] in TABLES:
        return False
    return hasattr(value, "__getitem__") and hasattr(value, "__len__")


def take(parts: Mapping[str, Any], progress: Progress) -> Path:
    """Store the data sets of all splits, and return the folder that names them.

    A transform is not applied: images are taken as they are before it. Raises UsageError where items are no pairs of
    image and label.
    """
    classes = _classes(list(parts.values()))
    if all(_arrays(each) is not None for each in parts.values()):
        found = {split: _checked(each, split) for split, each in parts.items()}
        named = classes if all(y.dtype.kind in "iu" for _, y in found.values()) else ()
        return store_arrays(found, named)
    first = next(iter(parts.values()))
    about = About(_inner(first).__class__.__name__.lower(), f"a {_inner(first).__class__.__name__} of torch", classes)
    return store(_images(parts, classes), about, progress)


def _inner(dataset: Any) -> Any:
    """Return the data set behind one or several `Subset`."""
    while hasattr(dataset, "dataset") and hasattr(dataset, "indices"):
        dataset = dataset.dataset
    return dataset


def _classes(datasets: Sequence[Any]) -> tuple[str, ...]:
    """Return the classes that the data sets name, in their order; () where they name none."""
    found = {tuple(_name(each) for each in getattr(_inner(one), "classes", None) or ()) for one in datasets}
    if len(found) > 1:
        raise UsageError("the splits have different classes, or the same in another order; give all the same")
    classes = found.pop()
    twice = next((name for name in classes if classes.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"the data set names the class '{twice}' twice; give each class a name of its own")
    return classes


def _name(name: Any) -> str:
    return ", ".join(map(str, name)) if isinstance(name, tuple | list) else str(name)  # ImageNet has several for one


def _checked(dataset: Any, split: str) -> tuple[NDArray[Any], NDArray[Any]]:
    arrays = _arrays(dataset)
    assert arrays is not None
    what = f"the data set of {split}" if split else "the data set"
    images = image_array(arrays[0], what)
    return images, label_array(arrays[1], len(images), f"the targets of {what}")


def _arrays(dataset: Any) -> tuple[Any, Any] | None:
    """Return images and labels where the data set has all of them as arrays, as MNIST and CIFAR have; else None."""
    if hasattr(dataset, "dataset") and hasattr(dataset, "indices"):
        whole = _arrays(dataset.dataset)
        at = np.asarray(dataset.indices, dtype=np.int64)
        return None if whole is None else (np.asarray(whole[0])[at], np.asarray(whole[1])[at])
    images = getattr(dataset, "data", None)
    labels = next(
        (found for name in ("targets", "labels") if (found := getattr(dataset, name, None)) is not None), None
    )
    return (images, labels) if is_images(images) and labels is not None else None


def _images(parts: Mapping[str, Any], classes: Sequence[str]) -> Iterator[Handed]:
    for split, dataset in parts.items():
        samples = _samples(dataset)
        items = _items(dataset) if samples is None else samples
        for number, (image, label) in enumerate(items):
            content, path = (read_local(image), image) if samples is not None else encode(image, number)
            yield Handed(
                content, _label(label, classes, number), split, Path(path).absolute().as_posix() if path else ""
            )


def _samples(dataset: Any) -> list[tuple[str, Any]] | None:
    """Return file and label of each image where the data set lists files, as an ImageFolder does; else None."""
    if hasattr(dataset, "dataset") and hasattr(dataset, "indices"):
        whole = _samples(dataset.dataset)
        return None if whole is None else [whole[int(at)] for at in dataset.indices]
    samples = getattr(dataset, "samples", None)
    if isinstance(samples, list) and samples and isinstance(samples[0], tuple) and isinstance(samples[0][0], str):
        return samples
    return None


def _items(dataset: Any) -> Iterator[tuple[Any, Any]]:
    """Yield image and label of each item, without the transforms that the data set has."""
    plain = _without_transforms(dataset)
    for number in range(len(plain)):
        try:
            item = plain[number]
        except OSError as error:  # else it would be taken for one of the cache
            raise SadariError(f"item {number} of the data set cannot be read: {error}") from error
        if not isinstance(item, tuple | list) or len(item) != 2:
            raise UsageError(f"item {number} is a {type(item).__name__}; items of a data set are (image, label)")
        yield item[0], item[1]


def _without_transforms(dataset: Any) -> Any:
    plain = copy.copy(dataset)
    if hasattr(plain, "dataset") and hasattr(plain, "indices"):
        plain.dataset = _without_transforms(plain.dataset)
    if isinstance(getattr(plain, "datasets", None), list | tuple):  # several in a row
        plain.datasets = [_without_transforms(each) for each in plain.datasets]
    for name in TRANSFORMS:
        if getattr(plain, name, None) is not None:
            setattr(plain, name, _unchanged)
    return plain


def _unchanged(*given: Any, **named: Any) -> Any:
    """Return what a transform is given: an image, image and target, or a mapping of them, as data sets call it."""
    return named or (given[0] if len(given) == 1 else given)


def _label(label: Any, classes: Sequence[str], number: int) -> str:
    value = label
    if hasattr(label, "item"):
        try:
            value = label.item()
        except (ValueError, RuntimeError):  # several numbers, such as a one-hot row
            raise UsageError(
                f"item {number} has a label of several numbers; a label is one whole number or name"
            ) from None
    if isinstance(value, int | np.integer) and classes:
        if not 0 <= int(value) < len(classes):
            raise SadariError(f"item {number} has the label {value}, and the data set names {len(classes)} classes")
        return classes[int(value)]
    if not isinstance(value, int | str | bool | np.integer):
        raise UsageError(f"item {number} has the label {value!r:.60}; a label is one whole number or name")
    if classes and str(value) not in classes:
        raise SadariError(f"item {number} has the label {value!r:.60}, which is none of the data set's classes")
    return str(value)
