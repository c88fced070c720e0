"""Which models should be averaged, and how much should each count? Greedy selection on validation images.

Caruana, Niculescu-Mizil, Crew & Ksikes, Ensemble Selection from Libraries of Models, ICML 2004
(https://doi.org/10.1145/1015330.1015432): models are added to a bag one by one, with replacement, each time the one
that makes the bag's average best; of all bags on the way the best is kept. It begins with the best few models, as many
as are best together, so that it never ends worse than the best model.

What is minimised is the log loss. It is smooth where the accuracy of a few hundred images is a step function that many
bags share, so it tells bags apart and fits less to the images that choose; and it needs nothing but the probability of
the true class.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from sadari.evaluation.metrics import LEAST_PROBABILITY

MOST_IN_BAG = 50  # models, counted with repetition: weights in steps of at least 2 % (assumed)
LEAST_GAIN = 1e-9  # nats; a larger bag that gains less by rounding has the same weights (assumed)

Floats = NDArray[np.float64]


def choose_members(of_truth: Mapping[str, NDArray[np.floating]]) -> dict[str, int]:
    """Return how many times each model is in the best bag found, without those that are not in it; in sorted order.

    of_truth: by the name of each model, the probability that it gives the true class of each image, (N,). The order of
    the models makes no difference: of equal ones, the first name in sorted order is taken. Raises ValueError without
    models or images, and for different numbers of images.
    """
    names = sorted(of_truth)
    rows = np.array([np.asarray(of_truth[name], dtype=np.float64) for name in names])
    if rows.ndim != 2 or not rows.size:
        raise ValueError("needs the probabilities of at least one model for at least one image")
    bag = _best_few(rows)
    total = rows[bag].sum(axis=0)
    best, least = list(bag), _losses(total[None], len(bag))[0]
    while len(bag) < MOST_IN_BAG:
        losses = _losses(total + rows, len(bag) + 1)
        added = int(np.argmin(losses))
        bag.append(added)
        total += rows[added]
        if losses[added] < least - LEAST_GAIN:
            best, least = list(bag), losses[added]
    counts = Counter(best)
    return {name: counts[index] for index, name in enumerate(names) if counts[index]}


def choose_soup(names: Sequence[str], loss_of: Callable[[tuple[str, ...]], float]) -> tuple[str, ...]:
    """Return the models whose weights have the best mean that is found, by the greedy soup (Wortsman et al. 2022).

    names: of the models, the best first. loss_of: the loss of the mean of some of them on validation images. One after
    the other is taken in where the loss becomes smaller, so that the mean is never worse than the best model.
    """
    chosen: tuple[str, ...] = (names[0],)
    least = loss_of(chosen)
    for name in names[1:]:
        loss = loss_of((*chosen, name))
        if loss < least:
            chosen, least = (*chosen, name), loss
    return chosen


def _best_few(rows: Floats) -> list[int]:
    """Return the positions of the best models, the best first, as many as have the least loss together."""
    order = np.argsort(_losses(rows, 1), kind="stable")[:MOST_IN_BAG]
    together = [_losses(rows[order[:count]].sum(axis=0)[None], count)[0] for count in range(1, len(order) + 1)]
    return [int(each) for each in order[: int(np.argmin(together)) + 1]]


def _losses(totals: Floats, count: int) -> Floats:
    """Return the log loss of each row, float64 (M,), in nats. totals: (M, N), sums over `count` models."""
    return np.asarray(-np.log(np.clip(totals / count, LEAST_PROBABILITY, 1.0 - LEAST_PROBABILITY)).mean(axis=1))
