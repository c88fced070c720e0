"""Which classes does an image leave open? Sets that hold the true class as often as the user wants it.

Split-conformal prediction (Vovk, Gammerman & Shafer 2005; Papadopoulos et al. 2002): of images of the same kind as n
validation images, at least the wanted share gets a set with its class, whatever the model is. A class is in the set
where its probability is at least the threshold. That score, one minus the probability of the true class, gives the
smallest sets on average (Sadinle, Lei & Wasserman 2019, https://arxiv.org/abs/1609.00451), and one number that any
program can compare with; adaptive sets (APS, RAPS) that are not randomised were larger than they had to be
(docs/probabilities.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

from sadari.errors import UsageError
from sadari.values import Predictions

NAMED = 3  # classes that a note names (assumed: enough to see which)
USUAL = (0.8, 0.9, 0.95, 0.99)  # coverages whose thresholds an ONNX file states (assumed: those that users ask for)

Shares = NDArray[np.float32]
Labels = NDArray[np.int64]


def checked_coverage(value: float) -> float:
    """Return `value`; raises UsageError unless it is between 0 and 1."""
    if not 0 < value < 1:
        raise UsageError(f"coverage is a share between 0 and 1, such as 0.95, not {value:g}")
    return value


@dataclass(frozen=True, eq=False)
class Validated:
    """What a model gave the true class of each validation image: probability, float32 (n,), and label, int64 (n,)."""

    probability: Shares
    label: Labels

    @classmethod
    def of(cls, validation: Predictions) -> "Validated":
        """Return what these predictions, of the validation images, give the true classes."""
        labels = validation.labels
        return cls(validation.probabilities[np.arange(len(labels)), labels], labels)


@dataclass(frozen=True, eq=False)
class Coverage:
    """How probable a class must be to be in a set.

    wanted: the share of images whose set shall hold their class. least: float32 (K,), the threshold of each class; 0
    where all images are let in. images: the validation images that set it. classwise: whether each class has its own.
    notes: sentences on what could not be promised.
    """

    wanted: float
    least: Shares
    images: int
    classwise: bool
    notes: tuple[str, ...] = ()

    def sets(self, probabilities: Shares) -> NDArray[np.bool_]:
        """Return which classes are in the set of each image, bool (N, K); float32 (N, K) probabilities.

        A set always holds the most probable class: one that held nothing would say less, and coverage only rises.
        """
        inside = probabilities >= self.least
        inside[np.arange(len(inside)), probabilities.argmax(axis=1)] = True
        return np.asarray(inside)


def coverage_of(validated: Validated, classes: Sequence[str], wanted: float, classwise: bool = False) -> Coverage:
    """Return the thresholds for the share `wanted` of images, the same for all classes or one for each.

    Raises UsageError for a share that is none. A class with too few validation images for a threshold of its own takes
    the common one, which is noted; with too few for that one all classes are in each set.
    """
    checked_coverage(wanted)
    common, notes = _threshold(validated.probability, wanted), []
    images = len(validated.label)
    if common is None:
        found = f"{images:,} validation images" if images != 1 else "1 validation image"
        notes.append(f"{found} cannot promise {_percent(wanted)}: {least_images(wanted):,} can; sets hold all classes")
    least = np.full(len(classes), common or 0.0, dtype=np.float32)
    if classwise and common is not None:
        own = [_threshold(validated.probability[validated.label == each], wanted) for each in range(len(classes))]
        least = np.array([common if each is None else each for each in own], dtype=np.float32)
        if few := [name for name, each in zip(classes, own, strict=True) if each is None]:
            notes.append(
                f"fewer than {least_images(wanted):,} validation images of {_listed(few)}: the threshold of all classes"
            )
    return Coverage(wanted, least, images, classwise, tuple(notes))


def least_images(wanted: float) -> int:
    """Return how many validation images the share `wanted` needs at least: the quantile is one of them then."""
    count = max(1, floor(wanted / (1 - wanted)))
    while _rank(count, wanted) > count:
        count += 1
    return count


def _rank(images: int, wanted: float) -> int:
    """Return ceil((n + 1) * wanted), at least 1, without what binary fractions add to a whole number."""
    return max(1, ceil(round((images + 1) * wanted, 9)))


def _threshold(probability: Shares, wanted: float) -> float | None:
    """Return the probability that a class needs; None where there are too few images for it."""
    rank = _rank(len(probability), wanted)
    if rank > len(probability):
        return None
    return float(np.sort(probability)[len(probability) - rank])  # the rank-th largest


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


@dataclass(frozen=True)
class Seen:
    """What sets held on some images.

    covered: the share whose set holds their class; low, high: its exact 95 % interval (Clopper & Pearson, Biometrika
    26, 1934). size: classes of a set on average. single: the share of sets of one class. filled: sets that would hold
    nothing but for the most probable class. images: their number.
    """

    covered: float
    low: float
    high: float
    size: float
    single: float
    filled: int
    images: int


def promise(coverage: Coverage) -> str:
    """Say what the sets promise, and by what."""
    common = f"of probability {coverage.least.max():.3g} or more"
    which = "that reaches its own threshold" if coverage.classwise else common
    of = "of each class " if coverage.classwise else ""
    return (
        f"{_percent(coverage.wanted)} of the images {of}have their class in their set: each class {which} (set by "
        f"{coverage.images:,} validation images), and always the most probable one"
    )


def sentence(found: Seen, split_name: str) -> str:
    """Say what the sets of the images of a split held."""
    filled = f"; {found.filled:,} would be empty without the most probable class" if found.filled else ""
    return (
        f"of {found.images:,} {split_name} images {_percent(found.covered)} have it there ({_percent(found.low)} to "
        f"{_percent(found.high)}), in sets of {found.size:.2f} classes on average, {_percent(found.single)} of one"
        f"{filled}"
    )


def seen(coverage: Coverage, predictions: Predictions) -> Seen:
    """Return what the sets of `predictions`, with at least one image, hold."""
    from scipy.special import betaincinv  # here: training loads no SciPy

    inside = coverage.sets(predictions.probabilities)
    sizes, images = inside.sum(axis=1), len(predictions)
    held = int(inside[np.arange(images), predictions.labels].sum())
    low = float(betaincinv(held, images - held + 1, 0.025)) if held else 0.0
    high = float(betaincinv(held + 1, images - held, 0.975)) if held < images else 1.0
    filled = int((~(predictions.probabilities >= coverage.least).any(axis=1)).sum())
    return Seen(held / images, low, high, float(sizes.mean()), float((sizes == 1).mean()), filled, images)
