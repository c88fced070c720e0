"""How are whole groups drawn for a split, with the classes in proportion? At random, the most even of many draws.

The groups come in random order, and each is drawn where that leaves the classes seen so far nearer to the wanted share
than leaving it. Of TRIES such draws the most even one is taken, as an experiment is randomised anew until its halves
are alike (Morgan & Rubin, Annals of Statistics 40, 2012, 1263-1282), and then improved by exchanging groups.
scikit-learn's StratifiedGroupKFold (1.7) takes the groups by the spread of their classes, largest first, once.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Positions = NDArray[np.int64]
Floats = NDArray[np.float64]

TRIES = 64  # draws of which the most even one is taken (assumed; more hardly help, since groups are exchanged then)
CELLS = 20_000  # of the draws at once, tries times classes (assumed: a step stays in the processor's cache)
STEPS = 100_000  # of all draws, tries times groups (assumed: a second)
EXCHANGES = 200  # groups that are exchanged at most (assumed)
WEIGHED = 2_000_000  # groups times classes up to which all groups are weighed for an exchange (assumed: milliseconds)


@dataclass(frozen=True, eq=False)
class WholeGroups:
    """The images that stay and those that were drawn, sorted positions, and how well the classes are in proportion.

    groups: how many were drawn, of how many. apart: by how much the share of a class among the drawn images differs
    from its share among all, at most, in [0, 1].
    """

    staying: Positions
    drawn: Positions
    groups: tuple[int, int]
    apart: float

    @property
    def how(self) -> str:
        """What a reader should know: "24 of 120 groups, whole; shares of classes differ by at most 2.1 points"."""
        drawn, of = self.groups
        return f"{drawn:,} of {of:,} groups, whole; shares of classes differ by at most {100 * self.apart:.1f} points"


def draw_whole(
    labels: NDArray[np.int64], groups: NDArray[np.int64], pool: Positions, fraction: float, rng: np.random.Generator
) -> WholeGroups:
    """Draw about `fraction` of the images at the positions `pool`, in whole groups.

    labels, groups: int64 (N,) of all images. Every class of the pool keeps an image there, so that a class whose images
    are all in one group is not drawn, and nothing may be where each group has such a class.
    """
    kinds, group = np.unique(groups[pool], return_inverse=True)
    classes, label = np.unique(labels[pool], return_inverse=True)
    counts = np.zeros((len(kinds), len(classes)))
    np.add.at(counts, (group.reshape(-1), label.reshape(-1)), 1.0)
    chosen = most_even(counts, fraction, rng)
    drawn = chosen[group.reshape(-1)]
    return WholeGroups(pool[~drawn], pool[drawn], (int(chosen.sum()), len(kinds)), apart(counts, chosen))


def apart(counts: Floats, chosen: NDArray[np.bool_]) -> float:
    """Return the largest difference of a class's share among the images of the `chosen` groups from that among all."""
    drawn, all_images = counts[chosen].sum(axis=0), counts.sum(axis=0)
    if not drawn.sum():
        return 0.0
    return float(np.abs(drawn / drawn.sum() - all_images / all_images.sum()).max())


def most_even(counts: Floats, fraction: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return which groups to draw, bool (G,). counts: images of each class in each group, (G, K).

    The groups themselves are counted as one more class, of as many images: small ones fill gaps more easily, and the
    drawn groups would be smaller than the others.
    """
    counts = np.column_stack([counts, np.full(len(counts), counts.sum() / len(counts))])
    totals = counts.sum(axis=0)
    several = (counts > 0).sum(axis=0) > 1  # classes that can be on both sides
    tries = max(1, min(TRIES, CELLS // counts.shape[1], STEPS // len(counts)))
    best, least = np.zeros(len(counts), dtype=np.bool_), np.inf
    drawn = _draws(counts, fraction, rng, tries)
    for each, total in zip(drawn, drawn.astype(np.float64) @ counts, strict=True):
        uneven = float(_unevenness(total, totals, fraction, several))
        if uneven < least:
            best, least = each, uneven
    return _exchanged(counts, best, fraction, several)


def _draws(counts: Floats, fraction: float, rng: np.random.Generator, tries: int) -> NDArray[np.bool_]:
    """Return `tries` draws of groups in random orders, bool (tries, G)."""
    many, totals = len(counts), counts.sum(axis=0)
    orders = np.argsort(rng.random((tries, many)), axis=1)
    weights = 1 / totals
    seen, drawn = np.zeros((tries, counts.shape[1])), np.zeros((tries, counts.shape[1]))
    chosen = np.zeros((tries, many), dtype=np.bool_)
    rows = np.arange(tries)
    for at in range(many):
        group = counts[orders[:, at]]
        seen += group
        short = fraction * seen - drawn
        gain = (short**2 - (short - group) ** 2) @ weights
        whole = short.sum(axis=1)
        gain += (whole**2 - (whole - group.sum(axis=1)) ** 2) / totals.sum()
        take = (gain > 0) & ((drawn + group < totals) | (group == 0)).all(axis=1)
        drawn += group * take[:, None]
        chosen[rows[take], orders[take, at]] = True
    return chosen


def _unevenness(drawn: Floats, totals: Floats, fraction: float, several: NDArray[np.bool_]) -> Floats:
    """Return how far drawn images, (..., K), are from the share: chi-squared over classes and over their sum.

    A class that could be drawn and is not counts as much as all images that are wanted, a class that would be lost
    to those that stay as infinite.
    """
    away = drawn - fraction * totals
    uneven = (away**2 / totals).sum(axis=-1) + away.sum(axis=-1) ** 2 / totals.sum()
    missing = ((drawn == 0) & several).sum(axis=-1)
    lost = (drawn == totals).any(axis=-1)
    return np.asarray(np.where(lost, np.inf, uneven + missing * fraction * totals.sum()))


def _exchanged(
    counts: Floats, chosen: NDArray[np.bool_], fraction: float, several: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Improve a draw: take or leave the one group that helps most, or exchange two, until nothing helps.

    It is even enough where each class is within an image of its share.
    """
    if counts.size > WEIGHED:
        return chosen
    totals, chosen = counts.sum(axis=0), chosen.copy()
    for _ in range(EXCHANGES):
        drawn = counts[chosen].sum(axis=0)
        now = float(_unevenness(drawn, totals, fraction, several))
        if now <= float((1 / totals).sum()):
            break
        single = _unevenness(drawn + np.where(chosen[:, None], -counts, counts), totals, fraction, several)
        first = int(np.argmin(single))
        pair = _best_pair(drawn, counts, chosen, fraction, several)
        if pair is not None and pair[2] < min(now, float(single[first])) - 1e-9:
            chosen[[pair[0], pair[1]]] ^= True
        elif single[first] < now - 1e-9:
            chosen[first] ^= True
        else:
            break
    return chosen


def _best_pair(
    drawn: Floats, counts: Floats, chosen: NDArray[np.bool_], fraction: float, several: NDArray[np.bool_]
) -> tuple[int, int, float] | None:
    """Return the drawn group and the other one whose exchange evens most, and how uneven it is then.

    The drawn group is one of the few whose leaving, alone, hurts least: all pairs would be too many.
    """
    totals, inside, outside = counts.sum(axis=0), np.flatnonzero(chosen), np.flatnonzero(~chosen)
    if not len(inside) or not len(outside):
        return None
    most = max(1, WEIGHED // max(1, counts[outside].size))
    leaving = _unevenness(drawn - counts[inside], totals, fraction, several)
    best: tuple[int, int, float] | None = None
    for out in inside[np.argsort(leaving, kind="stable")[:most]]:
        uneven = _unevenness(drawn - counts[out] + counts[outside], totals, fraction, several)
        at = int(np.argmin(uneven))
        if best is None or uneven[at] < best[2]:
            best = int(out), int(outside[at]), float(uneven[at])
    return best
