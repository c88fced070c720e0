"""Do the intervals of accuracies and of differences cover the truth? Networks with known accuracies are drawn."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from sadari.evaluation.statistics import interval, verdict
from simulations.page import spread_of

SHARED, OWN = 0.45, 0.15  # two networks of one arm then agree on most of their errors, two arms on half of them
IMAGES = (200, 1_000, 10_000)
SEEDS = (1, 2, 3, 5, 10)
SPREADS = (0.0, 0.002, 0.005, 0.01, 0.02)
MARGIN = 0.02


@dataclass(frozen=True)
class Setting:
    """One comparison: true accuracies, the standard deviations of both arms over seeds, seeds, and test images."""

    name: str
    accuracy_a: float
    accuracy_b: float
    spread_a: float
    spread_b: float
    without_chance_b: bool
    seeds: int
    images: int


@dataclass(frozen=True)
class Rates:
    """Shares of all replications. equal: found equal within MARGIN. width: median width of the intervals."""

    setting: Setting
    replications: int
    covered_a: float
    covered_b: float
    covered_difference: float
    alarms: float
    equal: float
    width_a: float
    width_difference: float


class Arm:
    """A source of networks with a known true accuracy."""

    def __init__(self, accuracy: float, spread: float, without_chance: bool) -> None:
        self.without_chance = without_chance
        self.effect = effect_of(accuracy, spread)
        self.ability = float(ndtri(accuracy)) * np.sqrt(1 + self.effect**2)

    def draw(
        self, generator: np.random.Generator, seeds: int, shared: NDArray[np.float32]
    ) -> tuple[NDArray[np.bool_], float]:
        """Return (correct, the true accuracy that its interval is about).

        The accuracy is the network's for one seed, else the arm's.
        """
        networks = 1 if self.without_chance else seeds
        level = self.ability + self.effect * generator.standard_normal(networks)
        noise = generator.standard_normal((networks, len(shared)), dtype=np.float32)
        own = generator.standard_normal(len(shared), dtype=np.float32)
        seen = np.sqrt(SHARED) * shared + np.sqrt(OWN) * own
        bar = ((-level[:, None] - seen[None]) / np.sqrt(1 - SHARED - OWN)).astype(np.float32)
        correct = noise > bar
        truth = float(ndtr(level[0])) if networks == 1 else float(ndtr(self.ability / np.sqrt(1 + self.effect**2)))
        return np.repeat(correct, seeds, axis=0) if self.without_chance else correct, truth


def effect_of(accuracy: float, spread: float) -> float:
    """Return the std of the seed effect with which the accuracies of the seeds have the std `spread`."""
    if spread == 0:
        return 0.0
    points, weights = np.polynomial.hermite_e.hermegauss(80)
    weights = weights / weights.sum()

    def excess(effect: float) -> float:
        accuracies = ndtr(float(ndtri(accuracy)) * np.sqrt(1 + effect**2) + effect * points)
        mean = float(weights @ accuracies)
        return float(np.sqrt(weights @ (accuracies - mean) ** 2)) - spread

    return float(brentq(excess, 1e-6, 3.0))


def measure(setting: Setting, replications: int, generator: np.random.Generator) -> Rates:
    """Simulate one setting."""
    a = Arm(setting.accuracy_a, setting.spread_a, False)
    b = Arm(setting.accuracy_b, setting.spread_b, setting.without_chance_b)
    covered, alarms, equal, widths = np.zeros(3), 0, 0, []
    for _ in range(replications):
        shared = generator.standard_normal(setting.images, dtype=np.float32)
        (correct_a, truth_a), (correct_b, truth_b) = (arm.draw(generator, setting.seeds, shared) for arm in (a, b))
        of_a, of_b = interval(correct_a), interval(correct_b)
        found = verdict("a", correct_a, "b", correct_b, MARGIN)
        spans = [(of_a.low, truth_a, of_a.high), (of_b.low, truth_b, of_b.high)]
        spans.append((found.low, truth_a - truth_b, found.high))
        covered += [low <= truth <= high for low, truth, high in spans]
        alarms += found.p < 0.05
        equal += found.equal_p is not None and found.equal_p < 0.05
        widths.append((of_a.high - of_a.low, found.high - found.low))
    width_a, width_difference = np.median(widths, axis=0)
    covered_a, covered_b, covered_difference = (float(each) / replications for each in covered)
    return Rates(
        setting=setting,
        replications=replications,
        covered_a=covered_a,
        covered_b=covered_b,
        covered_difference=covered_difference,
        alarms=alarms / replications,
        equal=equal / replications,
        width_a=float(width_a),
        width_difference=float(width_difference),
    )


def settings() -> Iterator[Setting]:
    """Yield what is simulated.

    At 99 % a spread over 0.005 is left out: it would mean most seeds perfect and a few bad.
    """
    for images, seeds in product(IMAGES, SEEDS):
        for spread in SPREADS if seeds > 1 else (0.0,):
            for accuracy in (0.6, 0.9, 0.97, 0.99):
                if accuracy == 0.9 or spread in (0.0, 0.005, 0.02 if accuracy < 0.99 else 0.0):
                    yield Setting("equal", accuracy, accuracy, spread, spread, False, seeds, images)
            if spread in (0.0, 0.01):
                yield Setting("different", 0.9, 0.88, spread, spread, False, seeds, images)
            if spread in (0.005, 0.02):
                yield Setting("b varies a third as much", 0.9, 0.9, spread, spread / 3, False, seeds, images)
                yield Setting("b without chance", 0.9, 0.9, spread, 0.0, True, seeds, images)


def table(results: Sequence[Rates]) -> list[str]:
    """Return lowest and highest coverage and false alarms, in per cent, by images and seeds; settings at 99 % apart."""
    lines = [
        "| images | seeds | accuracy covered | difference covered | false alarms | equal, though it is not |",
        "|---|---|---|---|---|---|",
    ]
    for images, few, seeds in product(IMAGES, (False, True), SEEDS):
        chosen = [
            each
            for each in results
            if (each.setting.images, each.setting.seeds) == (images, seeds) and few_errors(each.setting) == few
        ]
        if chosen:
            name = f"{images:,}, of which 2 wrong" if few else f"{images:,}"
            arms = [rate for each in chosen for rate in (each.covered_a, each.covered_b)]
            alarms = [each.alarms for each in chosen if no_difference(each.setting)]
            equal = [each.equal for each in chosen if not no_difference(each.setting)]
            rates = [arms, [each.covered_difference for each in chosen], alarms, equal]
            lines.append(f"| {name} | {seeds} | {' | '.join(map(spread_of, rates))} |")
    return lines


def few_errors(setting: Setting) -> bool:
    """Return whether so few images are wrong that their number is 0, 1, 2, ... rather than something normal."""
    return setting.images * (1 - max(setting.accuracy_a, setting.accuracy_b)) < 5


def no_difference(setting: Setting) -> bool:
    """Return whether both true accuracies are the same, so that a difference shown is a false alarm."""
    return setting.accuracy_a == setting.accuracy_b


def line_of(found: Rates) -> str:
    """Return a line about one setting, printed while the others are simulated."""
    of = found.setting
    rates = " ".join(f"{100 * each:5.1f}" for each in (found.covered_a, found.covered_b, found.covered_difference))
    what = f"{of.name:25} {of.accuracy_a:.2f} {of.spread_a:.3f} S={of.seeds:<2} N={of.images:<6}"
    return f"{what} covered {rates}  alarms {100 * found.alarms:4.1f} equal {100 * found.equal:4.1f}"
