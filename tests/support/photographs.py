"""Small photographs of three classes that can be learnt, and runs on them, for the tests of using a model."""

import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sadari.run import RunRecord
from sadari.settings import Value
from sadari.training.train import train
from support.jobs import QUIET, named_job
from support.sets import encode, write_folder

CLASSES = ("bird", "cat", "dog")


def picture(height: int, width: int, label: int, generator: np.random.Generator) -> NDArray[np.uint8]:
    """Draw noise in colour, in which the third that belongs to the class is bright."""
    pixels = generator.integers(0, 120, (height, width, 3))
    pixels[:, label * width // 3 : (label + 1) * width // 3] += 100
    return pixels.astype(np.uint8)


def photographs(count: int, sizes: tuple[tuple[int, int], ...], kind: str) -> dict[str, bytes]:
    """Make `count` files a class, of the `sizes` in turn, in `<split>/<class>/`; a third is for the test."""
    generator = np.random.default_rng(0)
    return {
        f"{'test' if number % 3 == 0 else 'train'}/{name}/{number:03}.{kind.lower()}": encode(
            picture(*sizes[number % len(sizes)], label, generator), kind
        )
        for number in range(count)
        for label, name in enumerate(CLASSES)
    }


def trained(data: Path, out: Path, model: str = "cnn", **overrides: Value) -> RunRecord:
    """Train `model` on the set in `data`, quietly, with `overrides` of the settings."""
    return train(named_job(str(data), model, 0, {**QUIET, **overrides}), out)


def photograph() -> NDArray[np.uint8]:
    """Draw one that is in no set."""
    return picture(48, 64, 1, np.random.default_rng(5))


def bad_files(folder: Path, files: dict[str, bytes]) -> Path:
    """Write two good images between bad ones, and files that are no images."""
    good = files["test/cat/000.jpeg"]
    return write_folder(
        folder,
        {"a.jpg": good, "b.jpg": b"", "c.png": b"no image", "d.jpg": good[:300], "e/f.jpg": good, "notes.txt": b""},
    )


def raw_png(width: int, height: int, rows: bytes, depth: int = 1, colour: int = 0) -> bytes:
    """Write a PNG by hand, whose header may promise more than `rows` hold."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
