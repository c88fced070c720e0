"""How are some images of a set left out without copying the others? Their rows are looked up when they are read."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sadari.values import Prefetching, RowAccess

Positions = NDArray[np.int64]
TOGETHER = 64  # rows that are read at a time when all are walked through; assumed, as for streamed images


class ChosenRows:
    """The rows at `positions` of other rows, in this order; indexed as an array is."""

    def __init__(self, rows: RowAccess, positions: Positions) -> None:
        self._rows, self._positions = rows, positions
        self.dtype, self.ndim = rows.dtype, rows.ndim
        self.shape = (len(positions), *rows.shape[1:])

    def __len__(self) -> int:
        return len(self._positions)

    def __getitem__(self, which: Any, /) -> NDArray[Any]:
        """Return rows by position, slice or array of positions, as NumPy means them."""
        return np.asarray(self._rows[self._positions[which]])

    def __iter__(self) -> Iterator[Any]:
        for start in range(0, len(self), TOGETHER):
            yield from self[start : start + TOGETHER]

    def __array__(self, dtype: np.dtype[Any] | None = None, /, *, copy: bool | None = None) -> NDArray[Any]:
        """Return all rows, which the caller needs the memory for."""
        if copy is False:
            raise ValueError("rows that were chosen are always copied")
        return self[:].astype(dtype or self.dtype, copy=False)


class ChosenStream(ChosenRows):
    """Chosen rows of a set that is decoded at every access."""

    def prefetch(self, order: Positions) -> None:
        """Decode the rows at `order` ahead: the caller will take them in this order."""
        assert isinstance(self._rows, Prefetching)
        self._rows.prefetch(self._positions[order])


def chosen_rows(rows: RowAccess, positions: Positions) -> RowAccess:
    """Return the rows at `positions` of `rows`; those that are made when they are read can still be made ahead."""
    return ChosenStream(rows, positions) if isinstance(rows, Prefetching) else ChosenRows(rows, positions)
