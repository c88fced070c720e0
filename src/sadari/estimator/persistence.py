"""What is stored beside a run so that the estimator can be loaded again? One JSON file; nothing in it is executed."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sadari.errors import SadariError, UsageError
from sadari.files import exists, read_json, write_json

FILE = "estimator.json"
TUPLES = ("image_shape", "value_range")  # parameters that JSON turns into lists


@dataclass(frozen=True, eq=False)
class EstimatorState:
    """The state of a fitted estimator besides its run.

    params: its parameters. labels: the classes, as y had them. shape, value_range, range_given: of its InputFormat.
    features: n_features_in_. names: feature_names_in_, or None.
    """

    params: Mapping[str, Any]
    labels: NDArray[Any]
    shape: tuple[int, int, int]
    value_range: tuple[float, float] | None
    range_given: bool
    features: int
    names: NDArray[np.object_] | None

    def write(self, folder: Path) -> None:
        """Write the state to `folder`; raise SadariError where that cannot be."""
        write_json(
            folder / FILE,
            {
                "params": {name: _plain(value) for name, value in self.params.items()},
                "labels": {"dtype": self.labels.dtype.str, "values": self.labels.tolist()},
                "shape": self.shape,
                "value_range": self.value_range,
                "value_range_given": self.range_given,
                "features": self.features,
                "names": None if self.names is None else self.names.tolist(),
            },
        )

    @classmethod
    def read(cls, folder: Path) -> "EstimatorState":
        """Read the state in `folder`; raise UsageError where there is none, SadariError where it is damaged."""
        path = folder / FILE
        if not exists(path):
            raise UsageError(f"'{folder}' holds no {FILE}; name a folder that ImageClassifier.save wrote")
        document = read_json(path)
        try:
            params = dict(document["params"])
            params |= {name: tuple(params[name]) for name in TUPLES if params[name] is not None}
            height, width, channels = (int(each) for each in document["shape"])
            low_high, names = document["value_range"], document["names"]
            return cls(
                params=params,
                labels=np.array(document["labels"]["values"], dtype=np.dtype(document["labels"]["dtype"])),
                shape=(height, width, channels),
                value_range=(float(low_high[0]), float(low_high[1])) if low_high is not None else None,
                range_given=bool(document["value_range_given"]),
                features=int(document["features"]),
                names=np.array(names, dtype=object) if names is not None else None,
            )
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise SadariError(f"{path} is damaged ({error!r}); save the classifier again") from None


def _plain(value: Any) -> Any:
    """Return the value in types that JSON has: NumPy's numbers as Python's, paths as text."""
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
