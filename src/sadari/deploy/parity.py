"""Is an exported model the trained one? Both predict the same images, and must name the same class for each."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import nn

from sadari.errors import SadariError
from sadari.models.layers.neighbours import Neighbours

# Two classes whose probabilities differ by no more than this are a tie: onnxruntime adds float32 in another order.
# Assumed; the largest difference measured on the models of the catalogue is 3e-6.
TIE = 1e-4
SCORE_DIFFERENCE = 0.05  # of scores of known images, over their deviation, that rounding explains (assumed)
MEAN_DIFFERENCE = 1e-4  # of all probabilities, that no other order of adding explains (assumed)


@dataclass(frozen=True)
class Parity:
    """The agreement of two models on `images` images.

    ties: images for which they name different classes that are equally probable. differing: all other images for which
    they name different classes. largest, mean: absolute difference of probabilities.
    """

    images: int
    ties: int
    differing: int
    largest: float
    mean: float

    @property
    def proved(self) -> bool:
        """Whether they are the same model."""
        return self.differing == 0 and self.mean <= MEAN_DIFFERENCE


def compare_answers(wanted: NDArray[np.float32], found: NDArray[np.float32], tie: float = TIE) -> Parity:
    """Compare the probabilities `found` with `wanted`, both float32 (N, K). tie: largest difference of a tie.

    Raises SadariError where `found` has another shape, or holds values that are not finite.
    """
    if wanted.shape != found.shape or not np.isfinite(found).all():
        what = "are no numbers" if wanted.shape == found.shape else f"have the shape {found.shape}, not {wanted.shape}"
        raise SadariError(f"the exported model is not the trained one: its probabilities {what}; no file was written")
    rows = np.arange(len(wanted))
    wanted_class, found_class = wanted.argmax(axis=1), found.argmax(axis=1)
    differ = wanted_class != found_class
    tied = wanted[rows, wanted_class] - wanted[rows, found_class] <= tie
    difference = np.abs(wanted.astype(np.float64) - found)
    return Parity(
        images=len(wanted),
        ties=int((differ & tied).sum()),
        differing=int((differ & ~tied).sum()),
        largest=float(difference.max()),
        mean=float(difference.mean()),
    )


def compare_scores(wanted: NDArray[np.float32], found: NDArray[np.float32]) -> float:
    """Return the largest difference of the scores of known images, float32 (N,) each, over their standard deviation.

    Raises SadariError where it is above SCORE_DIFFERENCE, or a score is no number.
    """
    spread = max(float(wanted.astype(np.float64).std()), TIE)
    largest = float(np.abs(wanted.astype(np.float64) - found).max()) / spread if wanted.shape == found.shape else np.inf
    if not largest <= SCORE_DIFFERENCE:
        raise SadariError(
            "the exported model is not the trained one: its scores of known images differ by "
            f"{largest:.2g} of their standard deviation; no file was written"
        )
    return largest


def tie_of(network: nn.Module) -> float:
    """Return the largest difference between two probabilities that counts as a tie for `network`.

    Where nearest neighbours vote, the last one that votes may be as near as another one that does not. Exchanging the
    two moves one vote of `count` from one class to another.
    """
    counts = [each.count for each in network.modules() if isinstance(each, Neighbours)]
    return max(TIE, *(2 / (count + 1) for count in counts)) if counts else TIE
