"""How accurate are predictions? One scorer for all entrants, which reads the CSV that each has written."""

import csv
from collections.abc import Mapping
from pathlib import Path

from sadari.errors import SadariError


def accuracy(predictions: Path, truth: Mapping[str, str]) -> float:
    """Return the share of the images in `truth` whose class the CSV names.

    The CSV has the columns `id` (a path whose last name is that of the image) and `prediction` (a class); others are
    not read. Raises SadariError unless it has every image once and no other class.
    """
    said = _read(predictions)
    if said.keys() != truth.keys():
        lacking, strange = len(truth.keys() - said.keys()), len(said.keys() - truth.keys())
        raise SadariError(f"{predictions} lacks {lacking} of {len(truth)} images and has {strange} others")
    unknown = set(said.values()) - set(truth.values())
    if unknown:
        raise SadariError(f"{predictions} has classes that are not in the set: {', '.join(sorted(unknown))}")
    return sum(said[name] == truth[name] for name in truth) / len(truth)


def _read(predictions: Path) -> dict[str, str]:
    said: dict[str, str] = {}
    with predictions.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        if not {"id", "prediction"} <= set(rows.fieldnames or ()):
            raise SadariError(f"{predictions} has no columns id and prediction")
        for row in rows:
            name = Path(row["id"]).stem
            if name in said:
                raise SadariError(f"{predictions} has {name} twice")
            said[name] = row["prediction"]
    return said
