"""Are the seeds of an arm different networks, and which of them have learnt nothing? Told from the runs."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import file_digest
from typing import Any

import numpy as np
from scipy import special

from sadari.evaluation.statistics import LEVEL, Bools
from sadari.run import PREDICTIONS, RunRecord


def are_one_network(records: Sequence[RunRecord]) -> bool:
    """Return whether several runs are one network: all give the same probabilities to every image that judges them.

    Networks with chance that are right on the same images still differ in their probabilities.
    """
    return len(records) > 1 and len({_digest(record) for record in records}) == 1


def _digest(record: RunRecord) -> str:
    with (record.path / PREDICTIONS).open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True)
class Collapsed:
    """The seeds of an arm that have learnt nothing, of so many networks.

    A seed has collapsed where it gets no more images right than one class alone would, the most frequent one among the
    images that judge ("failed runs" of Mosbach, Andriushchenko & Klakow, ICLR 2021, section 3). up_to: the share of all
    seeds that may collapse: the upper end of the exact one-sided 95 % interval (Clopper & Pearson, Biometrika 26,
    1934, 404-413).
    """

    seeds: tuple[int, ...]
    networks: int
    up_to: float

    @property
    def sentence(self) -> str:
        """Return "0 of 3 seeds collapsed; up to 63 % may"."""
        which = f" ({', '.join(map(str, self.seeds))}: no better than one class alone)" if self.seeds else ""
        return f"{len(self.seeds)} of {self.networks} seeds collapsed{which}; up to {100 * self.up_to:.0f} % may"

    def document(self) -> dict[str, Any]:
        """Return it as plain values, for JSON."""
        return {**asdict(self), "seeds": list(self.seeds)}


def collapsed(records: Sequence[RunRecord], correct: Bools) -> Collapsed | None:
    """Return which seeds of an arm have collapsed; None for a single run, of which nothing more is known.

    records: of an arm whose seeds are different networks. correct: bool (seeds, images), of the same runs.
    """
    if len(records) < 2:
        return None
    most_frequent = int(np.bincount(records[0].answers.labels).max())
    failed = correct.sum(axis=1) <= most_frequent
    seeds = tuple(record.job.seed for record, each in zip(records, failed, strict=True) if each)
    return Collapsed(seeds, len(records), upper_share(len(seeds), len(records)))


def upper_share(happened: int, of: int, level: float = LEVEL) -> float:
    """Return the largest share at which so few of `of` happen with a chance of `level` (Clopper & Pearson 1934)."""
    return float(special.betaincinv(happened + 1, of - happened, 1 - level)) if happened < of else 1.0
