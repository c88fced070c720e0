"""One small set of images as objects of other libraries, for the tests of `data`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from support.sets import CLASSES

Files = Mapping[str, bytes]  # `split/class/name` to the bytes of an image


def of_split(files: Files, split: str) -> dict[str, bytes]:
    return {path: content for path, content in files.items() if path.startswith(f"{split}/")}


def label_of(path: str) -> str:
    return path.split("/")[1]


def dataset(files: Files, named: bool = True) -> Any:
    """Make a Dataset of Hugging Face with the bytes of the images, and their paths where `named`."""
    from datasets import ClassLabel, Dataset, Features, Image

    rows = {
        "image": [{"bytes": content, "path": path if named else None} for path, content in files.items()],
        "label": [CLASSES.index(label_of(path)) for path in files],
    }
    return Dataset.from_dict(rows, features=Features({"image": Image(), "label": ClassLabel(names=list(CLASSES))}))


def dataset_dict(files: Files, named: bool = True) -> Any:
    """Make a DatasetDict with the splits train and test."""
    from datasets import DatasetDict

    return DatasetDict({split: dataset(of_split(files, split), named) for split in ("train", "test")})


def write_parquet(folder: Path, files: Files, named: bool = True) -> Path:
    """Write a folder of parquet files as the hub has them."""
    (folder / "data").mkdir(parents=True)
    for split, part in dataset_dict(files, named).items():
        part.to_parquet(str(folder / "data" / f"{split}-00000-of-00001.parquet"))
    return folder


def arrays(pixels: Mapping[str, NDArray[np.uint8]], split: str = "") -> tuple[NDArray[np.uint8], list[str]]:
    """Return the images of a split, uint8 (N, H, W, C), and the names of their classes."""
    mine = {path: image for path, image in pixels.items() if path.startswith(f"{split}/".lstrip("/"))}
    return np.stack(list(mine.values())), [label_of(path) for path in mine]
