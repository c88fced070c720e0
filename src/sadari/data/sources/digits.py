"""Which real images does every installation have? scikit-learn's handwritten digits, 1,797 of 8x8 pixels."""

import gzip
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from sadari.data.cache.digests import remembered_digest
from sadari.data.sources.base import SOURCES, ArrayContent, NamedSource
from sadari.errors import SadariError, UsageError
from sadari.files import undamaged

# The file stores a pixel as a count from 0 to 16.
FULL_SCALE = 16


class DigitsSource:
    """The UCI test digits as scikit-learn ships them, in the file's order, without a source split."""

    name = "digits"

    def fingerprint(self) -> str:
        return remembered_digest([_file()], "digits", "scaled to 255")

    def notes(self) -> tuple[str, ...]:
        return ()

    def content(self) -> ArrayContent:
        with undamaged(_file(), "install scikit-learn again"), gzip.open(_file(), "rt", encoding="ascii") as lines:
            table = np.loadtxt(lines, delimiter=",")  # as `load_digits`, whose package takes longer to load than torch
        pixels, labels = table[:, :-1], table[:, -1]
        images = np.rint(pixels * 255 / FULL_SCALE).astype(np.uint8).reshape(-1, 8, 8, 1)
        return ArrayContent(
            images=images,
            labels=labels.astype(np.int64),
            ids=tuple(f"{index:05d}" for index in range(len(images))),
            classes=tuple(str(digit) for digit in range(10)),
            source_split=("",) * len(images),
        )


def _file() -> Path:
    """Return scikit-learn's file of the digits, without importing scikit-learn."""
    package = find_spec("sklearn")
    if package is None or package.origin is None:
        raise SadariError("digits come with scikit-learn, which is not installed; install scikit-learn")
    return Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz"


def _open(options: object) -> DigitsSource:
    if options:
        raise UsageError(f"digits takes no options, not '{next(iter(options))}'")  # type: ignore[call-overload]
    return DigitsSource()


SOURCES.add(
    "digits",
    NamedSource(name="digits", summary="handwritten digits, 8x8 grey, of scikit-learn", open=_open, options={}),
)
