"""Which images does a NumPy .npz archive hold?"""

import zipfile
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from sadari.data.cache.digests import remembered_digest
from sadari.data.decode import over_white, to_8_bits
from sadari.data.sources.base import ArrayContent
from sadari.data.sources.members import MAX_UNPACKED_BYTES
from sadari.errors import SadariError

SPLIT_KEYS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
KEYS = "X_train, y_train[, X_val, y_val][, X_test, y_test], or X, y"

Header = tuple[tuple[int, ...], np.dtype[Any]]


class NpzSource:
    """The arrays of a .npz: `X_train, y_train[, X_val, y_val][, X_test, y_test]` or `X, y`[, and `classes`].

    X: uint8, uint16 (scaled to 8 bits) or bool, (N, H, W) or (N, H, W, 1, 3 or 4); RGBA is put on white. y: (N,)
    or (N, 1), integers or names. With `classes` (names) integers are positions in it, without it each integer
    is its own class name. Ids are such as "train/00042". Nothing is unpickled. `content` raises SadariError
    for any other array.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.stem

    def fingerprint(self) -> str:
        return remembered_digest([self.path], "npz")

    def content(self) -> ArrayContent:
        pairs = _pairs(self._headers, self.path)
        images = [self._images(key) for key, _ in pairs.values()]
        labels = [self._labels(key) for _, key in pairs.values()]
        for (x, y), pixels, names in zip(pairs.values(), images, labels, strict=True):
            if len(pixels) != len(names):
                raise SadariError(f"{self.path}: {x} holds {len(pixels):,} images but {y} {len(names):,} labels")
        shapes = sorted({pixels.shape[1:] for pixels in images})
        if len(shapes) > 1:
            raise SadariError(f"{self.path}: the splits hold images of different shapes, {shapes[0]} and {shapes[1]}")
        positions, classes = self._number(np.concatenate(labels))
        used = {key.lower() for pair in pairs.values() for key in pair} | {"classes"}
        extra = sorted(key for key in self._headers if key.lower() not in used)
        return ArrayContent(
            images=images[0] if len(images) == 1 else np.concatenate(images),  # a copy of all
            labels=positions,
            ids=tuple(
                f"{split_name}/{number:05d}".removeprefix("/")
                for split_name, pixels in zip(pairs, images, strict=True)
                for number in range(len(pixels))
            ),
            classes=classes,
            source_split=tuple(split_name for split_name, pixels in zip(pairs, images, strict=True) for _ in pixels),
            notes=(f"left out the arrays {', '.join(extra)}",) if extra else (),
        )

    @cached_property
    def _headers(self) -> dict[str, Header]:
        return _read_headers(self.path)

    def _array(self, key: str) -> NDArray[Any]:
        try:
            with np.load(self.path, allow_pickle=False) as archive:
                array: NDArray[Any] = archive[key]
        except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
            raise SadariError(f"cannot read {key} of {self.path}: {error}") from None
        return array

    def _images(self, key: str) -> NDArray[np.uint8]:
        shape, dtype = self._headers[key]
        if dtype.kind == "f":
            raise SadariError(
                f"{self.path}: {key} holds {dtype} values, whose range is not known; "
                "save it as uint8, for values in 0..1 by (X * 255).round().astype('uint8')"
            )
        if dtype.kind not in "bu" or dtype.itemsize > 2:
            raise SadariError(f"{self.path}: {key} holds {dtype} values; save it as uint8 or uint16")
        if len(shape) not in (3, 4) or 0 in shape or (len(shape) == 4 and shape[3] not in (1, 3, 4)):
            raise SadariError(f"{self.path}: {key} has the shape {shape}; it must be (N, H, W) or (N, H, W, 1, 3 or 4)")
        array = self._array(key)
        pixels = array.reshape(*shape, 1) if len(shape) == 3 else array
        if dtype.kind == "b":
            return pixels.astype(np.uint8) * np.uint8(255)
        eight = to_8_bits(pixels.astype(np.uint16)) if dtype.itemsize == 2 else pixels.astype(np.uint8, copy=False)
        return over_white(eight) if eight.shape[3] == 4 else eight

    def _labels(self, key: str) -> NDArray[Any]:
        shape, dtype = self._headers[key]
        if dtype.kind not in "iuU":
            raise SadariError(
                f"{self.path}: {key} holds {dtype} values; labels are integers or names, "
                "one per image (one-hot rows become integers by y.argmax(axis=1))"
            )
        if not (len(shape) == 1 or (len(shape) == 2 and shape[1] == 1)):
            raise SadariError(f"{self.path}: {key} has the shape {shape}; labels are one integer or name per image")
        return self._array(key).reshape(-1)

    def _number(self, labels: NDArray[Any]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
        """Return the labels as positions in class names, and these; integers without names keep their numeric order."""
        key = next((each for each in self._headers if each.lower() == "classes"), None)
        if labels.dtype.kind == "U":
            names, positions = np.unique(labels, return_inverse=True)
            return positions.astype(np.int64), tuple(str(name) for name in names)
        low, high = int(labels.min()), int(labels.max())
        if low < 0:
            raise SadariError(f"{self.path}: the label {low} is below 0")
        if key is None:
            values, positions = np.unique(labels, return_inverse=True)
            return positions.astype(np.int64), tuple(str(int(value)) for value in values)
        if self._headers[key][1].kind != "U" or len(self._headers[key][0]) != 1:
            raise SadariError(f"{self.path}: classes must be one list of names")
        classes = tuple(str(name) for name in self._array(key))
        if high >= len(classes) or len(set(classes)) < len(classes):
            raise SadariError(f"{self.path}: the label {high} with {len(set(classes))} different names in classes")
        return labels.astype(np.int64), classes


def _pairs(headers: Mapping[str, Header], path: Path) -> dict[str, tuple[str, str]]:
    """Return the two arrays of each split, in the order train, val, test; "" where there are no splits."""
    found: dict[str, tuple[str, str]] = {}
    by_lower = {key.lower(): key for key in headers}
    for suffix, split_name in {**SPLIT_KEYS, "": ""}.items():
        x, y = (f"{letter}_{suffix}".rstrip("_") for letter in "xy")
        if x not in by_lower and y not in by_lower:
            continue
        if x not in by_lower or y not in by_lower:
            lone = by_lower.get(x) or by_lower[y]
            raise SadariError(f"{path}: {lone} has no partner; an .npz holds {KEYS}")
        if split_name in found:
            raise SadariError(
                f"{path}: {found[split_name][0]} and {by_lower[x]} both claim the split '{split_name}'; keep one"
            )
        found[split_name] = (by_lower[x], by_lower[y])
    if not found:
        raise SadariError(f"{path} holds the arrays {', '.join(headers) or 'none'}; an .npz holds {KEYS}")
    if "" in found and len(found) > 1:
        raise SadariError(f"{path} holds both {found[''][0]} and {found[next(iter(found))][0]}; an .npz holds {KEYS}")
    return found


def _read_headers(path: Path) -> dict[str, Header]:
    """Read shape and dtype of each array; refuse pickled ones and sizes that the file does not hold."""
    headers: dict[str, Header] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(info.file_size for info in archive.infolist()) > MAX_UNPACKED_BYTES:
                raise SadariError(f"refused {path}: it unpacks to more than {MAX_UNPACKED_BYTES / 10**9:.0f} GB")
            for info in archive.infolist():
                with archive.open(info) as file:
                    shape, dtype = _read_header(file)
                    data_bytes = info.file_size - file.tell()
                key = info.filename.removesuffix(".npy")
                if dtype.hasobject:
                    raise SadariError(
                        f"refused {path}: its array {key} is pickled, which could run code; save plain arrays"
                    )
                if int(np.prod(shape, dtype=object)) * dtype.itemsize != data_bytes:
                    raise SadariError(f"cannot read {path}: its array {key} is cut short")
                headers[key] = (shape, dtype)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise SadariError(f"cannot read {path} as .npz: {error}; write it with numpy.savez_compressed") from None
    return headers


def _read_header(file: IO[bytes]) -> Header:
    read = npy.read_array_header_1_0 if npy.read_magic(file) == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read(file)
    return shape, dtype
