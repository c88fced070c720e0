"""Which images does a NumPy .npz archive hold?"""

import zipfile
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from sadari.data.cache.digests import remembered_digest
from sadari.data.levels import over_white, range_of, to_8_bits
from sadari.data.sources.base import ArrayContent
from sadari.data.sources.layout import plain_text, replaced_note
from sadari.data.sources.members import MAX_UNPACKED_BYTES
from sadari.errors import SadariError

SPLIT_KEYS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
KEYS = "X_train, y_train[, X_val, y_val][, X_test, y_test], or X, y"
# How images and labels of one split are called; the words of a split stand after the first pair and before the others.
PAIRS = (
    ("x_{}", "y_{}"), ("{}_images", "{}_labels"), ("{}_x", "{}_y"), ("{}_data", "{}_labels"), ("{}_data", "{}_target"),
    ("images_{}", "labels_{}"),
)  # fmt: skip
WHOLE = (
    ("x", "y"),
    ("images", "labels"),
    ("image", "label"),
    ("data", "target"),
    ("data", "labels"),
    ("arr_0", "arr_1"),
)
NAMED = 8
GROUPS = "groups"  # groups_train, groups_val, groups_test; groups where there are no splits

Header = tuple[tuple[int, ...], np.dtype[Any]]


class NpzSource:
    """The arrays of a .npz: `X_train, y_train[, X_val, y_val][, X_test, y_test]` or `X, y`[, and `classes`].

    The names that Keras, MedMNIST and scikit-learn use are known too. X: uint8, uint16 (scaled to 8 bits by one range
    for all arrays) or bool, (N, H, W) or (N, H, W, 1, 3 or 4); RGBA is put on white. white_level: the value of uint16
    that is white; 0 finds the range. y: (N,) or (N, 1), integers, names or bool. With `classes` (names)
    integers are positions in it, without it each integer is its own class name. `groups`, or `groups_train` and so on,
    (N,) integers or names: images of one group belong together; grouped: whether they are read. Ids are such as
    "train/00042". Nothing is unpickled. `content` and `groups` raise SadariError for any other array.
    """

    def __init__(self, path: Path, white_level: int = 0, grouped: bool = True) -> None:
        self.path = path
        self.name = path.stem
        self._white_level = white_level
        self._grouped = grouped
        self._names: tuple[str, ...] = ()  # of the classes, as the file spells them

    def fingerprint(self) -> str:
        return remembered_digest([self.path], "npz")

    def notes(self) -> tuple[str, ...]:
        return ()

    def content(self) -> ArrayContent:
        pairs = _pairs(self._headers, self.path)
        raw = [self._raw(key) for key, _ in pairs.values()]
        deep = [array for array in raw if array.dtype.itemsize == 2]
        white = (self._white_level or range_of(max(int(array.max()) for array in deep))) if deep else 0
        images = [_in_8_bits(array, white) for array in raw]
        labels = [self._labels(key) for _, key in pairs.values()]
        for (x, y), pixels, names in zip(pairs.values(), images, labels, strict=True):
            if len(pixels) != len(names):
                raise SadariError(f"{self.path}: {x} holds {len(pixels):,} images but {y} {len(names):,} labels")
        shapes = sorted({pixels.shape[1:] for pixels in images})
        if len(shapes) > 1:
            raise SadariError(f"{self.path}: the splits hold images of different shapes, {shapes[0]} and {shapes[1]}")
        positions, classes = self._number(np.concatenate(labels))
        used = {key.lower() for pair in pairs.values() for key in pair} | {"classes"}
        used |= set(map(str.lower, self._group_arrays.values()))
        extra = sorted(key for key in self._headers if key.lower() not in used)
        left_out = [f"left out the arrays {', '.join(extra[:NAMED])}"] if extra else []
        return ArrayContent(
            images=images[0] if len(images) == 1 else np.concatenate(images),  # a copy of all
            labels=positions,
            ids=tuple(_id(name, at) for name, pixels in zip(pairs, images, strict=True) for at in range(len(pixels))),
            classes=classes,
            source_split=tuple(split_name for split_name, pixels in zip(pairs, images, strict=True) for _ in pixels),
            notes=(*left_out, *replaced_note("classes", self._names)),
            white_level=white,
        )

    def groups_key(self) -> str:
        return GROUPS if self._group_arrays else ""

    def groups(self) -> tuple[Mapping[str, str], str]:
        found: dict[str, str] = {}
        for split_name, (x, _) in _pairs(self._headers, self.path).items():
            key = self._group_arrays.get(split_name)
            if key is None:
                wanted = f"{GROUPS}_{split_name}"
                raise SadariError(f"{self.path} has {GROUPS} but not of all images; add {wanted}, or set group=none")
            names, count = self._labels(key, "groups"), self._headers[x][0][0]
            if len(names) != count:
                raise SadariError(f"{self.path}: {x} holds {count:,} images but {key} {len(names):,} groups")
            found |= {_id(split_name, at): plain_text(str(name)) for at, name in enumerate(names)}
        return found, f"array {GROUPS}"

    @cached_property
    def _group_arrays(self) -> dict[str, str]:
        """Return the array that has the groups of each split."""
        if not self._grouped:
            return {}
        by_lower = {key.lower(): key for key in self._headers}
        names = {
            split_name: f"{GROUPS}_{split_name}".removesuffix("_") for split_name in _pairs(self._headers, self.path)
        }
        return {split_name: by_lower[name] for split_name, name in names.items() if name in by_lower}

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

    def _raw(self, key: str) -> NDArray[Any]:
        """Return the images as they are, (N, H, W, 1, 3 or 4) of bool or 8 or 16 bits."""
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
        return array.reshape(*shape, 1) if len(shape) == 3 else array

    def _labels(self, key: str, what: str = "labels") -> NDArray[Any]:
        shape, dtype = self._headers[key]
        if dtype.kind not in "iuUbS":
            one_hot = " (one-hot rows become integers by y.argmax(axis=1))" if what == "labels" else ""
            raise SadariError(
                f"{self.path}: {key} holds {dtype} values; {what} are integers or names, one per image{one_hot}"
            )
        if not (len(shape) == 1 or (len(shape) == 2 and shape[1] == 1)):
            raise SadariError(f"{self.path}: {key} has the shape {shape}; {what} are one integer or name per image")
        labels = self._array(key).reshape(-1)
        if dtype.kind != "S":
            return labels
        try:
            return np.char.decode(labels, "utf-8")
        except UnicodeDecodeError as error:
            raise SadariError(
                f"{self.path}: {key} holds names that are not UTF-8 ({error.object[:20]!r}); save them as text, "
                "such as by np.char.decode(y, 'cp949')"
            ) from None

    def _number(self, labels: NDArray[Any]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
        """Return the labels as positions in class names, and these; integers without names keep their numeric order."""
        key = next((each for each in self._headers if each.lower() == "classes"), None)
        if labels.dtype.kind in "Ub":
            self._names = tuple(str(label) for label in np.unique(labels))
            names, positions = np.unique([plain_text(str(label)) for label in labels], return_inverse=True)
            return positions.astype(np.int64), tuple(str(name) for name in names)
        low, high = int(labels.min()), int(labels.max())
        if low < 0:
            raise SadariError(f"{self.path}: the label {low} is below 0")
        if key is None:
            values, positions = np.unique(labels, return_inverse=True)
            return positions.astype(np.int64), tuple(str(int(value)) for value in values)
        if self._headers[key][1].kind != "U" or len(self._headers[key][0]) != 1:
            raise SadariError(f"{self.path}: classes must be one list of names")
        self._names = tuple(str(name) for name in self._array(key))
        classes = tuple(plain_text(name) for name in self._names)
        if high >= len(classes) or len(set(classes)) < len(classes):
            raise SadariError(f"{self.path}: the label {high} with {len(set(classes))} different names in classes")
        return labels.astype(np.int64), classes


def _id(split_name: str, number: int) -> str:
    return f"{split_name}/{number:05d}".removeprefix("/")


def _in_8_bits(array: NDArray[Any], white: int) -> NDArray[np.uint8]:
    """Return uint8 (N, H, W, 1 or 3): bool becomes 0 and 255, 16 bits are scaled, RGBA is put on white."""
    if array.dtype.kind == "b":
        return array.astype(np.uint8) * np.uint8(255)
    if array.dtype.itemsize == 2:
        array = to_8_bits(array.astype(np.uint16), white)
    eight = array.astype(np.uint8, copy=False)
    return over_white(eight) if eight.shape[3] == 4 else eight


def _pairs(headers: Mapping[str, Header], path: Path) -> dict[str, tuple[str, str]]:
    """Return the two arrays of each split, in the order train, val, test; "" where there are no splits."""
    found: dict[str, tuple[str, str]] = {}
    by_lower = {key.lower(): key for key in headers}
    lone = ""
    for split, split_name, (x, y) in _expected():
        if x not in by_lower and y not in by_lower:
            continue
        if x not in by_lower or y not in by_lower:
            lone = lone or by_lower.get(x) or by_lower[y]
            continue
        if found.get(split_name, ("", "")) == (by_lower[x], by_lower[y]):
            continue
        if split_name in found:
            claimed = f"claim the split '{split_name}'" if split else "could be the images"
            raise SadariError(f"{path}: {found[split_name][0]} and {by_lower[x]} both {claimed}; keep one")
        found[split_name] = (by_lower[x], by_lower[y])
    if lone and lone not in {key for pair in found.values() for key in pair}:
        raise SadariError(f"{path}: {lone} has no partner; an .npz holds {KEYS}")
    if not found:
        more = f" and {len(headers) - NAMED:,} more" if len(headers) > NAMED else ""
        held = ", ".join(list(headers)[:NAMED]) + more
        raise SadariError(f"{path} holds the arrays {held or 'none'}; an .npz holds {KEYS}")
    if "" in found and len(found) > 1:
        raise SadariError(f"{path} holds both {found[''][0]} and {found[next(iter(found))][0]}; an .npz holds {KEYS}")
    return found


def _expected() -> Iterator[tuple[str, str, tuple[str, str]]]:
    """Yield (its word, split, names of images and labels) for everything that a file may hold."""
    for word, split_name in SPLIT_KEYS.items():
        for x, y in PAIRS:
            yield word, split_name, (x.format(word), y.format(word))
    for pair in WHOLE:
        yield "", "", pair


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
