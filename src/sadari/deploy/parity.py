"""Is an exported model the trained one? Both judge the same images, and must name the same class for each."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import nn

from sadari.errors import SadariError
from sadari.models.layers.neighbours import Neighbours

# Two classes whose probabilities lie this close are a tie: sums in float32 are added up in another order there.
# Assumed; the largest difference measured on the ladder is 3e-6.
TIE = 1e-4
# A difference of all probabilities together that no other order of adding explains. Assumed.
MEAN_DIFFERENCE = 1e-4


@dataclass(frozen=True)
class Parity:
    """How do two models agree on `images` images?

    ties: images for which they name different classes that are equally probable. differing: images for which they name
    different classes otherwise. largest, mean: difference of probabilities.
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
    """How does `found` agree with `wanted`, both float32 (N, K)? tie: how close two equally probable classes lie.

    Raises SadariError where `found` has another shape, or holds anything but numbers.
    """
    if wanted.shape != found.shape or not np.isfinite(found).all():
        what = "are no numbers" if wanted.shape == found.shape else f"have the shape {found.shape}, not {wanted.shape}"
        raise SadariError(f"the exported model is not the trained one: its probabilities {what}; no file was kept")
    rows = np.arange(len(wanted))
    here, there = wanted.argmax(axis=1), found.argmax(axis=1)
    others = here != there
    close = wanted[rows, here] - wanted[rows, there] <= tie
    difference = np.abs(wanted.astype(np.float64) - found)
    return Parity(
        images=len(wanted),
        ties=int((others & close).sum()),
        differing=int((others & ~close).sum()),
        largest=float(difference.max()),
        mean=float(difference.mean()),
    )


def tie_of(network: nn.Module) -> float:
    """How close do two classes lie that `network` cannot tell apart?

    Where neighbours vote, the last one to vote may be as near as one of another class that just does not; exchanging
    them moves one vote of `count`, away from one class and to another.
    """
    counts = [each.count for each in network.modules() if isinstance(each, Neighbours)]
    return max(TIE, *(2 / (count + 1) for count in counts)) if counts else TIE
