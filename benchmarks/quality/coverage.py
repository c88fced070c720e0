"""Do the intervals cover the truth, and how often does a test raise a false alarm? Comparisons with known truth.

    OMP_NUM_THREADS=1 uv run python benchmarks/quality/coverage.py [--replications 2000] [--out FILE.json]
    uv run python benchmarks/quality/coverage.py --table        the table of docs/statistics.md, from the stored results
    uv run python benchmarks/quality/coverage.py --integrate    those by integration, of equal and unequal seeds

Whether the network of seed s of arm a gets image i right is drawn as

    ability[a] + seed[a, s] + sqrt(SHARED) u[i] + sqrt(OWN) v[a, i] + sqrt(1 - SHARED - OWN) e[a, s, i] > 0

with independent standard normal u (difficulty that all arms share), v (what one architecture finds hard) and e
(chance of one network on one image), and normal seed effects. A network's true accuracy, over endlessly many images,
is then exactly Phi(ability + seed), and an arm's, over endlessly many seeds too, Phi(ability / sqrt(1 + spread^2)).
The spread is solved so that the accuracies of the seeds have the wanted standard deviation. Everything is drawn anew
in every replication. A model without chance is one network, drawn once, repeated for every seed; its truth is that
network's. `interval` and `verdict` judge, as they do for users. `statements.py` has the rates of single sentences.
"""

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri, stdtrit
from scipy.stats import chi2

from sadari.evaluation.crossed import SamplingError, Spread
from sadari.evaluation.statistics import interval, verdict

SHARED, OWN = 0.45, 0.15  # two networks of one arm then agree on most of their errors, two arms on half of them
IMAGES = (200, 1_000, 10_000)
SEEDS = (1, 2, 3, 5, 10)
SPREADS = (0.0, 0.002, 0.005, 0.01, 0.02)
MARGIN = 0.02
RESIDUALS = (0.0, 0.1, 0.3, 0.6, 1.0)
VARIANCES = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
UNEQUAL = ((2, 3), (2, 5), (2, 10), (3, 5), (3, 10), (5, 10))  # seeds of a and of b
RATIOS = (0.0, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 1e9)  # b's seed variance over a's
NODES = 48  # of the integration over one estimated variance

STATEMENTS = ',\n"statements"'  # begins what statements.py has added to the stored results, which stays

Floats = NDArray[np.float64]


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
        self.effect = _effect(accuracy, spread)
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


def _effect(accuracy: float, spread: float) -> float:
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
        lines.append(f"| {seeds} | {_range(one)} | {_range(both)} | {where} |")
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
        lines.append(f"| {seeds[0]} and {seeds[1]} | {_range(both)} | {where} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--replications", type=int, default=2000)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--integrate", action="store_true")
    arguments = parser.parse_args()
    if arguments.integrate:
        print("\n".join(unequal_table()), flush=True)
        print("\n".join(["", *integrated_table()]))
        return
    if arguments.table:
        print("\n".join(table(read(arguments.out))))
        return
    results, started = [], time.perf_counter()
    for number, setting in enumerate(settings()):
        found = measure(setting, arguments.replications, np.random.default_rng(number))
        results.append(found)
        print(f"{time.perf_counter() - started:6.0f} s  {_row(found)}", flush=True)
    rows = ",\n".join(json.dumps(asdict(each)) for each in results)  # a line for each, for a diff to read
    head = f'{{"margin": {MARGIN}, "shared": {SHARED}, "own": {OWN}, "seconds": {time.perf_counter() - started:.0f}'
    before = arguments.out.read_text(encoding="utf-8") if arguments.out.exists() else ""
    _, mark, statements = before.partition(STATEMENTS)
    end = f"{mark}{statements}" if mark else "}\n"
    arguments.out.write_text(f'{head}, "results": [\n{rows}\n]{end}', encoding="utf-8")


def read(file: Path) -> list[Rates]:
    """Read the stored results."""
    rows = json.loads(file.read_text(encoding="utf-8"))["results"]
    return [Rates(**{**row, "setting": Setting(**row["setting"])}) for row in rows]


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
            lines.append(f"| {name} | {seeds} | {' | '.join(map(_range, rates))} |")
    return lines


def few_errors(setting: Setting) -> bool:
    """Return whether so few images are wrong that their number is 0, 1, 2, ... rather than something normal."""
    return setting.images * (1 - max(setting.accuracy_a, setting.accuracy_b)) < 5


def no_difference(setting: Setting) -> bool:
    """Return whether both true accuracies are the same, so that a difference shown is a false alarm."""
    return setting.accuracy_a == setting.accuracy_b


def _range(rates: Sequence[float]) -> str:
    return f"{100 * min(rates):.1f} - {100 * max(rates):.1f}" if rates else "-"


def _row(found: Rates) -> str:
    of = found.setting
    rates = " ".join(f"{100 * each:5.1f}" for each in (found.covered_a, found.covered_b, found.covered_difference))
    what = f"{of.name:25} {of.accuracy_a:.2f} {of.spread_a:.3f} S={of.seeds:<2} N={of.images:<6}"
    return f"{what} covered {rates}  alarms {100 * found.alarms:4.1f} equal {100 * found.equal:4.1f}"


if __name__ == "__main__":
    main()
