"""What lies beside a run, so that an estimator can be had back from it? One JSON file, of which nothing is executed."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sadari.errors import SadariError, UsageError
from sadari.files import exists, read_json, write_json

FILE = "estimator.json"
PAIRS = ("image_shape", "value_range")  # arguments that JSON makes lists of


@dataclass(frozen=True, eq=False)
class Stored:
    """What an estimator knows besides its run.

    params: its arguments. labels: the classes, as they were given. shape, value_range, given: of its Reading.
    features: how many values an image has; names: those of a frame's columns, or None.
    """

    params: Mapping[str, Any]
    labels: NDArray[Any]
    shape: tuple[int, int, int]
    value_range: tuple[float, float] | None
    given: bool
    features: int
    names: NDArray[np.object_] | None

    def write(self, folder: Path) -> None:
        write_json(
            folder / FILE,
            {
                "params": {name: _plain(value) for name, value in self.params.items()},
                "labels": {"dtype": self.labels.dtype.str, "values": self.labels.tolist()},
                "shape": self.shape,
                "value_range": self.value_range,
                "value_range_given": self.given,
                "features": self.features,
                "names": None if self.names is None else self.names.tolist(),
            },
        )

    @classmethod
    def read(cls, folder: Path) -> "Stored":
        """What `write` left in `folder`; raises UsageError where there is none, SadariError where it is damaged."""
        path = folder / FILE
        if not exists(path):
            raise UsageError(f"'{folder}' holds no {FILE}; name a folder that ImageClassifier.save wrote")
        document = read_json(path)
        try:
            params = dict(document["params"])
            params |= {name: tuple(params[name]) for name in PAIRS if params[name] is not None}
            height, width, channels = (int(each) for each in document["shape"])
            low_high, names = document["value_range"], document["names"]
            return cls(
                params=params,
                labels=np.array(document["labels"]["values"], dtype=np.dtype(document["labels"]["dtype"])),
                shape=(height, width, channels),
                value_range=(float(low_high[0]), float(low_high[1])) if low_high is not None else None,
                given=bool(document["value_range_given"]),
                features=int(document["features"]),
                names=np.array(names, dtype=object) if names is not None else None,
            )
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise SadariError(f"{path} is damaged ({error!r}); save the classifier again") from None


def _plain(value: Any) -> Any:
    """As JSON has it: NumPy's numbers as Python's, paths as texts."""
    match value:
        case np.generic() | np.ndarray():
            return value.tolist()
        case Path():
            return str(value)
        case Mapping():
            return {name: _plain(each) for name, each in value.items()}
        case list() | tuple():
            return [_plain(each) for each in value]
    return value
