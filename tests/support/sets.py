"""One small set of images as a folder, an archive, arrays and a table, for the tests of `data`."""

import csv
import io
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

CLASSES = ("bird", "cat", "dog")
PER_CLASS = {"train": 4, "test": 2}


def small_pixels(channels: int = 3, side: int = 8, seed: int = 0) -> dict[str, NDArray[np.uint8]]:
    """Make random images under the ids that a folder of them has, sorted."""
    generator = np.random.default_rng(seed)
    ids = sorted(
        f"{split_name}/{name}/{number}.png"
        for split_name, count in PER_CLASS.items()
        for name in CLASSES
        for number in range(count)
    )
    return {each: generator.integers(0, 256, (side, side, channels), dtype=np.uint8) for each in ids}


def encode(image: NDArray[np.uint8], kind: str = "PNG") -> bytes:
    """Return the bytes of an image file with exactly these pixels (for lossless kinds)."""
    buffer = io.BytesIO()
    Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image).save(buffer, kind)
    return buffer.getvalue()


def encode_all(pixels: Mapping[str, NDArray[np.uint8]]) -> dict[str, bytes]:
    return {name: encode(image) for name, image in pixels.items()}


def write_folder(root: Path, files: Mapping[str, bytes]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def write_zip(path: Path, files: Mapping[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def write_tar(path: Path, files: Mapping[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz" if path.name.endswith("gz") else "w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def write_npz(path: Path, pixels: Mapping[str, NDArray[np.uint8]]) -> Path:
    arrays: dict[str, NDArray[np.generic]] = {"classes": np.array(CLASSES)}
    for split_name in PER_CLASS:
        mine = {name: image for name, image in pixels.items() if name.startswith(split_name)}
        arrays[f"X_{split_name}"] = np.stack(list(mine.values()))
        arrays[f"y_{split_name}"] = np.array([CLASSES.index(name.split("/")[1]) for name in mine])
    save: Callable[..., None] = np.savez_compressed
    save(path, **arrays)
    return path


def write_csv(path: Path, files: Mapping[str, bytes]) -> Path:
    write_folder(path.parent, files)
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("path", "label", "split"))
        rows.writerows((name, name.split("/")[1], name.split("/")[0]) for name in files)
    return path


def flat_files(**counts: int) -> dict[str, bytes]:
    """Make grey 4x4 images, `counts` per class folder, no two alike."""
    generator = np.random.default_rng(1)
    return {
        f"{name}/{number}.png": encode(generator.integers(0, 256, (4, 4, 1), dtype=np.uint8))
        for name, count in counts.items()
        for number in range(count)
    }
