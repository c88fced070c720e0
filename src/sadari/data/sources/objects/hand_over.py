"""Which images does an object of Python hold? Arrays, lists, data sets of torch or Hugging Face, or one a split."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from sadari.data.sources.objects import hugging_face, torch_datasets
from sadari.data.sources.objects.arrays import image_array, is_images, label_array, store_arrays
from sadari.data.sources.objects.encoded import encode
from sadari.data.sources.objects.store import About, Handed, store
from sadari.data.sources.split_folders import STEMS
from sadari.errors import UsageError
from sadari.progress import Progress, Silent
from sadari.values import ImageSet

OBJECTS = (
    "arrays or a list of images with their labels as (X, y), a data set of torchvision, a Dataset of Hugging Face, or "
    "a mapping from train, val and test to these"
)
Part = tuple[Any, Any] | Any


def is_object(data: Any) -> bool:
    """Return whether `data` is neither a name nor a path, but an object that may hold images."""
    return not isinstance(data, str | Path)


def is_pair(data: Any) -> bool:
    """Return whether `data` is (X, y), and not a list of names and paths."""
    return isinstance(data, tuple) and len(data) == 2 and not any(isinstance(each, str | Path) for each in data)


def hand_over(
    data: Any, labels: Any = None, image: str = "", label: str = "", progress: Progress | None = None
) -> Path:
    """Store the images of an object in the cache, and return the folder that names them from then on.

    labels: of arrays or of a list. image, label: which columns of a Dataset to take, where it has several. Raises
    UsageError for an object of another kind.
    """
    progress = progress or Silent()
    if labels is not None:
        data = (data, labels)
    parts = dict(_named(data)) if isinstance(data, Mapping) else {"": data}
    if not parts:
        raise UsageError(f"the mapping is empty; the data is {OBJECTS}")
    kinds = {_kind(part) for part in parts.values()}
    if len(kinds) > 1:
        raise UsageError(f"the splits are objects of different kinds, {' and '.join(sorted(kinds))}; give all alike")
    return _TAKEN[kinds.pop()](parts, image, label, progress)


def _named(data: Mapping[Any, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the split and the object of each entry of a mapping. Raises UsageError for a key that means no split."""
    seen: dict[str, str] = {}
    for key, part in data.items():
        split = STEMS.get(str(key).lower(), "")
        if not split and len(data) > 1:
            raise UsageError(f"'{key}' is the name of no split; the keys are train, val and test")
        if split in seen:
            raise UsageError(f"'{seen[split]}' and '{key}' both mean {split}; keep one")
        seen[split] = str(key)
        yield split, part


def _kind(part: Part) -> str:
    if isinstance(part, ImageSet):
        raise UsageError("these images are loaded already; give what they were loaded from")
    if is_pair(part):
        if all(hugging_face.is_dataset(each) or torch_datasets.is_dataset(each) for each in part):
            raise UsageError("a pair is (X, y); give two data sets as {'train': ..., 'test': ...}")
        return "arrays" if is_images(part[0]) else "lists"
    if hugging_face.is_dataset(part):
        return "Datasets of Hugging Face"
    if torch_datasets.is_dataset(part):
        return "data sets of torch"
    if is_images(part):
        raise UsageError("these are images without labels; give both, as (X, y)")
    raise UsageError(f"the data is of type {type(part).__name__}; it is a name, a path, {OBJECTS}")


def _take_arrays(parts: Mapping[str, Any], _image: str, _label: str, _progress: Progress) -> Path:
    found = {}
    for split, (x, y) in parts.items():
        name = f" of {split}" if split else ""
        images = image_array(x, f"X{name}")
        found[split] = images, label_array(y, len(images), f"y{name}")
    return store_arrays(found)


def _take_lists(parts: Mapping[str, Any], _image: str, _label: str, progress: Progress) -> Path:
    labels = {split: label_array(y, _length(x), "y") for split, (x, y) in parts.items()}

    def images() -> Iterator[Handed]:
        for split, (x, _) in parts.items():
            for number, (each, name) in enumerate(zip(x, labels[split].tolist(), strict=True)):
                content, path = encode(each, number)
                yield Handed(content, str(name), split, path)

    return store(images(), About("images", "a list of images", _numeric(list(labels.values()))), progress)


def _length(images: Any) -> int:
    try:
        return len(images)
    except TypeError:
        raise UsageError(f"X is of type {type(images).__name__}, which has no length; give a list of images") from None


def _numeric(labels: Sequence[NDArray[Any]]) -> tuple[str, ...]:
    """Return the classes of whole numbers in their order, which is not that of their names; () for names."""
    if any(each.dtype.kind not in "iu" for each in labels):
        return ()
    return tuple(str(number) for number in sorted({number for each in labels for number in each.tolist()}))


def _take_torch(parts: Mapping[str, Any], _image: str, _label: str, progress: Progress) -> Path:
    return torch_datasets.take(parts, progress)


def _take_hugging_face(parts: Mapping[str, Any], image: str, label: str, progress: Progress) -> Path:
    about, images = hugging_face.read(parts, image, label)
    return store(images, about, progress)


_TAKEN: Mapping[str, Callable[[Mapping[str, Any], str, str, Progress], Path]] = {
    "arrays": _take_arrays,
    "lists": _take_lists,
    "Datasets of Hugging Face": _take_hugging_face,
    "data sets of torch": _take_torch,
}
