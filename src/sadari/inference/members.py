"""Which runs does an ensemble or a soup average, and how much does each count? Stored in its folder.

The members are runs beside the ensemble, in the folder of their comparison. Their weights are read from there, so an
ensemble can be used only where its members are, and as they were when it was made. A soup has weights of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sadari.errors import SadariError
from sadari.files import read_json, write_json
from sadari.run import ENSEMBLE, MODEL, SOUP, RunRecord
from sadari.values import Predictions


@dataclass(frozen=True)
class Candidate:
    """A run that could become a member of an ensemble or of a soup.

    arm: its name in the comparison; of a soup, such as "seed 0". run: the name of its folder, which is beside that of
    the average. sha256: of its model file. count: how often it is in the bag; 0 where it is no member.
    """

    arm: str
    run: str
    sha256: str
    count: int = 0


@dataclass(frozen=True)
class Ensemble:
    """What `ensemble.json` or `soup.json` holds: every run that could be chosen, in the order of the arms.

    left_out: a sentence for each arm without a run to choose. Member and weight: those with a count above 0, and its
    share of all counts.
    """

    candidates: tuple[Candidate, ...]
    left_out: tuple[str, ...] = ()

    @property
    def weights(self) -> dict[str, float]:
        """Return the weight of each member by its arm, the heaviest first, of equal ones the first arm."""
        total = sum(each.count for each in self.candidates)
        members = sorted((each for each in self.candidates if each.count), key=lambda each: -each.count)
        return {each.arm: each.count / total for each in members}

    def write(self, folder: Path, file: str = ENSEMBLE) -> None:
        """Write it as `file` into `folder`; raises SadariError where it cannot be written."""
        candidates = [
            {"arm": each.arm, "run": each.run, "model_sha256": each.sha256, "count": each.count}
            for each in self.candidates
        ]
        document = {"chosen_by": "log loss of the validation images", "weights": self.weights}
        write_json(folder / file, {**document, "candidates": candidates, "left_out": list(self.left_out)})

    @classmethod
    def read(cls, run: RunRecord) -> "Ensemble":
        """Read the `ensemble.json` or `soup.json` of `run`; raises SadariError where it is damaged."""
        path = run.path / (ENSEMBLE if run.is_ensemble else SOUP)
        document = read_json(path)
        try:
            found = cls(tuple(map(_candidate, document["candidates"])), tuple(map(str, document["left_out"])))
            if not found.weights:
                raise ValueError("it has no members")
        except (KeyError, TypeError, ValueError) as error:
            raise SadariError(f"cannot read {path}: it is damaged ({error}); run the comparison again") from None
        return found


def _candidate(table: Mapping[str, Any]) -> Candidate:
    run, count = table["run"], table["count"]
    if not isinstance(run, str) or run in ("", ".", "..") or Path(run).name != run or "\\" in run:
        raise ValueError(f"a member is no folder beside it: {run!r}")
    if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count < 10**6:
        raise ValueError(f"a member counts {count!r} times")
    return Candidate(str(table["arm"]), run, str(table["model_sha256"]), count)


@dataclass(frozen=True)
class Member:
    """A run that an ensemble averages, with its weight; the weights of all members sum to 1."""

    arm: str
    run: RunRecord
    weight: float


def members_of(run: RunRecord) -> tuple[Member, ...]:
    """Return the members of the ensemble `run`, the heaviest first.

    Raises SadariError where the ensemble is damaged, and where a member is missing or has other weights now.
    """
    ensemble = Ensemble.read(run)
    runs = {each.arm: each for each in ensemble.candidates}
    return tuple(Member(arm, _unchanged(run, runs[arm]), weight) for arm, weight in ensemble.weights.items())


def _unchanged(ensemble: RunRecord, member: Candidate) -> RunRecord:
    found = RunRecord(ensemble.path.parent / member.run)
    if not (found.path / MODEL).is_file():
        raise SadariError(
            f"the ensemble {ensemble.path} averages {member.run}, which is not beside it; put it back, or run the "
            "comparison again"
        )
    if model_digest(found) != member.sha256:
        raise SadariError(
            f"the ensemble {ensemble.path} was made of another {member.run}, whose model has changed since; run the "
            "comparison again"
        )
    return found


def model_digest(run: RunRecord) -> str:
    """Return the SHA-256 of the model file of `run`; raises SadariError where it cannot be read."""
    try:
        with (run.path / MODEL).open("rb") as file:
            return file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise SadariError(f"cannot read {run.path / MODEL}: {error.strerror}; train the run again") from None


def heaviest(run: RunRecord) -> Member:
    """Return the member of the ensemble `run` that counts most."""
    return members_of(run)[0]


def mixture(weights: Mapping[str, float]) -> str:
    """Return weights by arm as text, such as "0.60 cnn + 0.40 mlp"."""
    return " + ".join(f"{weight:.2f} {arm}" for arm, weight in weights.items())


def average(probabilities: Sequence[NDArray[np.float32]], weights: Sequence[float]) -> NDArray[np.float32]:
    """Return the weighted mean of probabilities, float32 (N, K) each; the weights sum to 1."""
    total = np.zeros(probabilities[0].shape)
    for each, weight in zip(probabilities, weights, strict=True):
        total += weight * each.astype(np.float64)
    return total.astype(np.float32)


def average_predictions(predictions: Sequence[Predictions], weights: Sequence[float]) -> Predictions:
    """Return the weighted mean of predictions for the same images; the seconds are the sum of all.

    Raises SadariError where they are not of the same images and classes.
    """
    first = predictions[0]
    for each in predictions:
        if each.classes != first.classes or not np.array_equal(each.ids, first.ids):
            raise SadariError("the members of an ensemble predict different images or classes; run it again")
    mean = average([each.probabilities for each in predictions], weights)
    return Predictions(first.ids, first.labels, mean, first.classes, sum(each.seconds for each in predictions))
