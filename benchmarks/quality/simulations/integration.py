"""What do the intervals cover by arithmetic? Integrals over the estimated variances, for normal seed effects."""

from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtrit
from scipy.stats import chi2

from sadari.evaluation.crossed import SamplingError, Spread
from simulations.accuracy import SEEDS
from simulations.page import spread_of

RESIDUALS = (0.0, 0.1, 0.3, 0.6, 1.0)
VARIANCES = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
UNEQUAL = ((2, 3), (2, 5), (2, 10), (3, 5), (3, 10), (5, 10))  # seeds of a and of b
RATIOS = (0.0, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 1e9)  # b's seed variance over a's
NODES = 48  # of the integration over one estimated variance

Floats = NDArray[np.float64]


def integrated(seeds: int, ratio: float, residual: float, split: float, variance: float) -> float:
    """Return how often a normal estimate is covered, over all estimated variances that two arms may show.

    The variance by images is 1, of which the share `residual` is chance of one network on one image, the share
    `split` of it arm a's. variance: by the seeds of both arms; ratio: of arm b's to arm a's, negative for no arm b.
    """
    ranks = (np.arange(NODES) + 0.5) / NODES
    chance = chi2.ppf(ranks, seeds - 1) / (seeds - 1)
    if ratio < 0:
        pairs = [((variance + residual) * each, 0.0) for each in chance]
    else:
        first = (variance / (1 + ratio) + residual * split) * chance
        second = (variance * ratio / (1 + ratio) + residual * (1 - split)) * chance
        pairs = list(product(first, second))
        residual = residual / 2  # only the sum over both arms counts
    halves = [
        SamplingError(1.0, tuple(Spread(float(each), residual, seeds) for each in pair if ratio >= 0 or each))
        for pair in pairs
    ]
    return float(np.mean([1 - 2 * ndtr(-each.half_width(0.05) / np.sqrt(1 + variance)) for each in halves]))


def integrated_table() -> list[str]:
    """Return the lowest and highest integrated coverage, and where, as lines of Markdown."""
    lines = ["| seeds | one arm varies | both vary | where lowest |", "|---|---|---|---|"]
    for seeds in SEEDS[1:]:
        one = [integrated(seeds, -1, residual, 1, variance) for residual, variance in product(RESIDUALS, VARIANCES)]
        grid = list(product((0.0, 0.03, 0.1, 0.3, 1.0), RESIDUALS, (0.2, 0.5), VARIANCES))
        both = [integrated(seeds, *each) for each in grid]
        ratio, residual, _, variance = grid[int(np.argmin(both))]
        where = f"seed variance {variance:g} x that of the images, b's {ratio:g} x a's, residuals {100 * residual:g} %"
        lines.append(f"| {seeds} | {spread_of(one)} | {spread_of(both)} | {where} |")
    return lines


def joined(residual: float, first: Floats, second: Floats, seeds: tuple[int, int]) -> Floats:
    """Return half-widths of 95 % intervals for arms with unequal seeds, by the formulas of docs/statistics.md.

    The variance by images is 1, of which `residual` is chance of single networks. first, second: variances by the seeds
    of both arms. Written for arrays; a test compares it with `SamplingError.half_width`.
    """
    free_a, free_b = seeds[0] - 1, seeds[1] - 1
    images = -ndtri(0.025) * np.sqrt(1 - residual + 0.1 * residual)
    of_seeds = np.sqrt(stdtrit(free_a, 0.025) ** 2 * first + stdtrit(free_b, 0.025) ** 2 * second)
    total = np.maximum(first + second, 1e-300)
    welch = 1 / np.maximum((first / total) ** 2 / free_a + (second / total) ** 2 / free_b, 1e-300)
    power = 2 + 1 / np.clip(welch - 1, 1e-9, None)
    largest = np.maximum(images, of_seeds)
    return np.asarray(largest * ((images / largest) ** power + (of_seeds / largest) ** power) ** (1 / power))


def unequal(seeds: tuple[int, int], ratio: float, residual: float, split: float, variance: float) -> float:
    """Return what `integrated` does, for two arms with unequal seeds."""
    ranks = (np.arange(NODES) + 0.5) / NODES
    chance_a, chance_b = np.meshgrid(*(chi2.ppf(ranks, each - 1) / (each - 1) for each in seeds))
    first = (variance / (1 + ratio) + residual * split) * chance_a
    second = (variance * ratio / (1 + ratio) + residual * (1 - split)) * chance_b
    return float(np.mean(1 - 2 * ndtr(-joined(residual, first, second, seeds) / np.sqrt(1 + variance))))


def unequal_table() -> list[str]:
    """Return lowest and highest integrated coverage of a difference with unequal seeds, as lines of Markdown."""
    lines = ["| seeds of a and of b | both vary | where lowest |", "|---|---|---|"]
    for seeds in UNEQUAL:
        grid = list(product(RATIOS, RESIDUALS, (0.2, 0.5, 0.8), VARIANCES))
        both = [unequal(seeds, *each) for each in grid]
        ratio, residual, _, variance = grid[int(np.argmin(both))]
        where = f"seed variance {variance:g} x that of the images, b's {ratio:g} x a's, residuals {100 * residual:g} %"
        lines.append(f"| {seeds[0]} and {seeds[1]} | {spread_of(both)} | {where} |")
    return lines
