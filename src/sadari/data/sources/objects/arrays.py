"""How are arrays of images and labels handed over? As the .npz that they could have been, in an entry of the cache."""

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sadari.data.cache.digests import DIGEST_BYTES, digest_texts
from sadari.data.cache.entries import EntryBuild, make_room
from sadari.data.cache.seal import is_unaltered
from sadari.data.sources.objects.store import INDEX, KIND, is_entry, store_folder
from sadari.errors import UsageError
from sadari.files import write_json

ARRAYS = "arrays.npz"
SHAPES = "(N, H, W) or (N, H, W, 1, 3 or 4)"


def is_images(value: Any) -> bool:
    """Return whether `value` is one array or tensor of many images, (N, H, W) or (N, H, W, C)."""
    return len(getattr(value, "shape", ())) in (3, 4) and hasattr(value, "dtype")


def image_array(images: Any, what: str) -> NDArray[Any]:
    """Return the array of `images`, channels last. Raises UsageError for other shapes, and for floats."""
    array = _as_array(images, what)
    channels_first = array.ndim == 4 and array.shape[1] in (1, 3) and array.shape[3] not in (1, 3, 4)
    if channels_first:
        array = array.transpose(0, 2, 3, 1)
    if array.ndim not in (3, 4) or 0 in array.shape or (array.ndim == 4 and array.shape[3] not in (1, 3, 4)):
        raise UsageError(f"{what} has the shape {array.shape}; images are {SHAPES}")
    if array.dtype.kind not in "bu" or array.dtype.itemsize > 2:
        raise UsageError(
            f"{what} holds {array.dtype} values, whose range is not known; hand over uint8, for values in 0..1 by "
            "(X * 255).round().astype('uint8')"
        )
    return array


def label_array(labels: Any, count: int, what: str) -> NDArray[Any]:
    """Return labels as integers, names or booleans, (N,). Raises UsageError for others, and for another number."""
    array = _as_array(labels, what)
    if array.dtype == object and all(isinstance(each, str) for each in array.ravel()):
        array = array.astype(np.str_)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1 or array.dtype.kind not in "iubU":
        raise UsageError(
            f"{what} is {array.dtype} {array.shape}; labels are one whole number or name for each image (one-hot rows "
            "become that by y.argmax(axis=1))"
        )
    if len(array) != count:
        raise UsageError(f"{what} has {len(array):,} labels for {count:,} images")
    if array.dtype.kind == "U":
        _require_names(array, what)
    elif array.dtype.kind == "i" and (array < 0).any():
        raise UsageError(f"{what} has the label {array.min()}, which is below 0; leave out images without a label")
    return array


def _as_array(value: Any, what: str) -> NDArray[Any]:
    try:
        return np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:  # rows of several lengths, and tensors of many kinds
        raise UsageError(f"{what} is no array of NumPy, and cannot become one: {error}") from None


def _require_names(array: NDArray[Any], what: str) -> None:
    """Raise UsageError where a class has no name, or one that no file may hold."""
    for name in np.unique(array):
        try:
            name.encode("utf-8")
        except UnicodeEncodeError:
            raise UsageError(f"{what} has the label {str(name)!a}, which is no text") from None
        if not name.strip():
            raise UsageError(f"{what} has a label without a name; leave out images without a label")


def store_arrays(parts: Mapping[str, tuple[NDArray[Any], NDArray[Any]]], classes: Sequence[str] = ()) -> Path:
    """Write the images and labels of each split ("" for one without splits) as .npz, and return its folder.

    classes: names of integer labels. Equal arrays are stored once.
    """
    arrays: dict[str, NDArray[Any]] = {}
    for split, (images, labels) in parts.items():
        suffix = f"_{split}" if split else ""
        arrays |= {f"X{suffix}": images, f"y{suffix}": labels}
    if classes:
        arrays["classes"] = np.array(classes, dtype=np.str_)
    target = store_folder(_digest(arrays))
    if is_arrays(target):
        return target
    with EntryBuild(target, lambda: is_arrays(target)) as build:
        with (build.folder / ARRAYS).open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
        count = sum(len(images) for images, _ in parts.values())
        write_json(build.folder / INDEX, {"origin": f"arrays of {count:,} images"})
        make_room((build.folder / ARRAYS).stat().st_size)
        build.publish()
    return target


def is_arrays(folder: Path) -> bool:
    """Return whether `folder` is an entry that `store_arrays` wrote, and whole."""
    return is_entry(folder) and (folder / ARRAYS).is_file() and is_unaltered(folder, KIND)


def _digest(arrays: Mapping[str, NDArray[Any]]) -> str:
    texts = []
    for name, array in arrays.items():
        content = blake2b(np.ascontiguousarray(array).data.cast("B"), digest_size=DIGEST_BYTES).hexdigest()
        texts += [name, array.dtype.str, str(array.shape), content]
    return digest_texts("arrays", *texts)
