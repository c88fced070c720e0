"""Do the intervals cover the truth, and how often does a test raise a false alarm? Comparisons with known truth.

    OMP_NUM_THREADS=1 uv run python benchmarks/quality/coverage.py [--replications 2000] [--out FILE.json]
    uv run python benchmarks/quality/coverage.py --table        the table of docs/statistics.md, from the stored results
    uv run python benchmarks/quality/coverage.py --integrate    those by integration, of equal and unequal seeds
    uv run python benchmarks/quality/coverage.py --figures      the figures other than accuracy; --replications 1000

Whether the network of seed s of arm a gets image i right is drawn as

    ability[a] + seed[a, s] + sqrt(SHARED) u[i] + sqrt(OWN) v[a, i] + sqrt(1 - SHARED - OWN) e[a, s, i] > 0

with independent standard normal u (difficulty that all arms share), v (what one architecture finds hard) and e
(chance of one network on one image), and normal seed effects. A network's true accuracy, over endlessly many images,
is then exactly Phi(ability + seed), and an arm's, over endlessly many seeds too, Phi(ability / sqrt(1 + spread^2)).
The spread is solved so that the accuracies of the seeds have the wanted standard deviation. Everything is drawn anew
in every replication. A model without chance is one network, drawn once, repeated for every seed; its truth is that
network's. `interval` and `verdict` judge, as they do for users. `statements.py` has the rates of single sentences.

For the figures other than accuracy images have classes, of unequal numbers and difficulties. With the latent number m
of above, an image's own class has the probability 1 / (1 + exp(-SLOPE m)) and a rival class, drawn by image, the rest.
The figures of a network on endlessly many images follow from its confusion matrix, which is known, by the definitions
(not by the code under test); the loss is an integral. The calibration error is about as many images as there are: its
truth is the mean over all replications.
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

from sadari.comparison.analysis.measuring import LOST
from sadari.evaluation import figures
from sadari.evaluation.crossed import SamplingError, Spread
from sadari.evaluation.influence import Scale, right
from sadari.evaluation.metrics import METRICS
from sadari.evaluation.statistics import interval, verdict
from sadari.values import Predictions

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
CLASS_SHARES = np.array([0.4, 0.25, 0.2, 0.1, 0.05])
CLASS_EASE = np.array([0.3, 0.0, -0.3, 0.0, -0.4])
VAL_EASE = 0.25  # validation images are easier, by that much of the latent number
SLOPE = 2.0
NOT_SIMULATED = ("accuracy", "top_5", "mcc", "auc")  # accuracy is above
FIGURES = (*(name for name in METRICS.names() if name not in NOT_SIMULATED), "val_accuracy", "drop")

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


@dataclass(frozen=True)
class FigureSetting:
    """One comparison of two arms that are equally good. spread: of both over seeds; without_chance: both arms."""

    accuracy: float
    spread: float
    without_chance: bool
    seeds: int
    images: int


@dataclass(frozen=True)
class FigureRates:
    """Shares of all replications, for one figure. below: the interval of arm a is below the truth."""

    setting: FigureSetting
    figure: str
    replications: int
    covered: float
    below: float
    covered_difference: float
    alarms: float


def figures_of(confusion: NDArray[np.float64]) -> dict[str, float]:
    """Return the figures of a confusion matrix of shares, rows the truth, as textbooks define them."""
    hits, true, said = np.diagonal(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    f1 = 2 * hits / (true + said)
    recall = float((hits / true).mean())
    return {
        "macro_f1": float(f1.mean()),
        "macro_precision": float((hits / said).mean()),
        "macro_recall": recall,
        "balanced_accuracy": recall,
        "weighted_f1": float((true * f1).sum()),
        "accuracy": float(hits.sum()),
    }


def true_figures(levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the figures of networks with these latent levels on endlessly many images, (networks, FIGURES)."""
    points, weights = np.polynomial.hermite_e.hermegauss(60)
    rivals = np.tile(CLASS_SHARES, (len(CLASS_SHARES), 1))
    np.fill_diagonal(rivals, 0.0)
    rivals /= rivals.sum(axis=1, keepdims=True)
    rows = []
    for level in levels:
        recall = ndtr(level + CLASS_EASE)
        confusion = CLASS_SHARES[:, None] * (np.diag(recall) + (1 - recall)[:, None] * rivals)
        known = figures_of(confusion)
        latent = level + CLASS_EASE[:, None] + points
        known["loss"] = float(CLASS_SHARES @ np.logaddexp(0, -SLOPE * latent) @ weights / weights.sum())
        known["val_accuracy"] = float(CLASS_SHARES @ ndtr(level + CLASS_EASE + VAL_EASE))
        known["drop"] = known["val_accuracy"] - known["accuracy"]
        rows.append([known.get(name, np.nan) for name in FIGURES])
    return np.array(rows)


@dataclass(frozen=True)
class Images:
    """The labels of the images, the rival class of each, and the difficulty that the arms share."""

    labels: NDArray[np.int64]
    rivals: NDArray[np.int64]
    shared: NDArray[np.float64]

    @classmethod
    def draw(cls, generator: np.random.Generator, count: int) -> "Images":
        classes = len(CLASS_SHARES)
        labels = generator.choice(classes, size=count, p=CLASS_SHARES)
        rivals = generator.choice(classes, size=count, p=CLASS_SHARES)
        while (same := rivals == labels).any():
            rivals[same] = generator.choice(classes, size=int(same.sum()), p=CLASS_SHARES)
        return cls(labels, rivals, generator.standard_normal(count))

    def judged(
        self, generator: np.random.Generator, levels: NDArray[np.float64], seeds: int, ease: float = 0.0
    ) -> list[Predictions]:
        """Return what networks with these levels say; a single one is repeated for every seed."""
        count = len(self.labels)
        seen = np.sqrt(SHARED) * self.shared + np.sqrt(OWN) * generator.standard_normal(count)
        noise = np.sqrt(1 - SHARED - OWN) * generator.standard_normal((len(levels), count))
        latent = levels[:, None] + CLASS_EASE[self.labels] + ease + seen + noise
        made = []
        for row in 1 / (1 + np.exp(-SLOPE * latent)):
            probabilities = np.zeros((count, len(CLASS_SHARES)), dtype=np.float32)
            probabilities[np.arange(count), self.labels] = row
            probabilities[np.arange(count), self.rivals] = 1 - row
            made.append(Predictions(np.array([""]), self.labels, probabilities, tuple("abcde"), 0.0))
        return made * (seeds // len(made))


def measured_figures(test: list[Predictions], val: list[Predictions]) -> list[figures.Measured]:
    """Return FIGURES of one arm as `comparison.analysis.measuring` has them from runs."""
    here = figures.measured([right(each) for each in test], Scale.SHARE)
    there = figures.measured([right(each) for each in val], Scale.SHARE)
    found = {"val_accuracy": there, LOST[0]: figures.minus(there, here)}
    for metric in METRICS:
        if metric.name in FIGURES:
            scale = metric.scale
            found[metric.name] = figures.measured([metric.per_image(each) for each in test], scale)
    return [found[name] for name in FIGURES]


def measure_figures(setting: FigureSetting, replications: int, generator: np.random.Generator) -> list[FigureRates]:
    """Simulate one setting: both arms are equally good, networks without chance are the same in all their levels."""
    single = setting.without_chance or setting.seeds == 1
    effect = 0.0 if single else _effect(setting.accuracy, setting.spread)
    ability = float(ndtri(setting.accuracy)) * np.sqrt(1 + effect**2)
    points, weights = np.polynomial.hermite_e.hermegauss(40)
    truths = weights @ true_figures(ability + effect * points) / weights.sum()
    spans = np.zeros((replications, len(FIGURES), 8))
    for replication in range(replications):
        test, val = (Images.draw(generator, setting.images) for _ in range(2))
        arms = []
        for _ in range(2):
            levels = ability + effect * generator.standard_normal(1 if single else setting.seeds)
            said = [
                images.judged(generator, levels, setting.seeds, ease) for images, ease in ((test, 0.0), (val, VAL_EASE))
            ]
            arms.append(measured_figures(*said))
        for place, (a, b) in enumerate(zip(*arms, strict=True)):
            own, other, found = figures.interval(a), figures.interval(b), figures.difference(a, b)
            ends = own.low, own.high, other.low, other.high, found.low, found.high
            spans[replication, place] = *ends, found.p, (own.mean + other.mean) / 2
    return [_rates(setting, name, spans[:, place], truths[place]) for place, name in enumerate(FIGURES)]


def _rates(setting: FigureSetting, figure: str, spans: NDArray[np.float64], truth: float) -> FigureRates:
    if np.isnan(truth):  # of the calibration error: what so many images show in the mean
        truth = float(spans[:, 7].mean())
    low, high = spans[:, 0:4:2], spans[:, 1:4:2]
    return FigureRates(
        setting=setting,
        figure=figure,
        replications=len(spans),
        covered=float(np.mean((low <= truth) & (truth <= high))),
        below=float(np.mean(high < truth)),
        covered_difference=float(np.mean((spans[:, 4] <= 0) & (spans[:, 5] >= 0))),
        alarms=float(np.mean(spans[:, 6] < 0.05)),
    )


def figure_settings() -> Iterator[FigureSetting]:
    """Yield what is simulated for figures other than accuracy; the seeds' deviation is that of the accuracy."""
    for images, seeds in [*product((200,), SEEDS), *product((1_000,), SEEDS[:-1])]:
        for accuracy, spread in ((0.7, 0.01), (0.9, 0.005), (0.9, 0.02)) if seeds > 1 else ((0.7, 0.0), (0.9, 0.0)):
            yield FigureSetting(accuracy, spread, False, seeds, images)
        if seeds == 3:
            yield FigureSetting(0.9, 0.0, True, seeds, images)


def figure_table(rates: Sequence[FigureRates]) -> list[str]:
    """Return lowest and highest coverage and false alarms of each figure, in per cent, by images."""
    lines = ["| figure | images | covered | difference covered | false alarms |", "|---|---|---|---|---|"]
    for figure, images in product(FIGURES, (200, 1_000)):
        chosen = [each for each in rates if (each.figure, each.setting.images) == (figure, images)]
        columns = [[each.covered for each in chosen], [each.covered_difference for each in chosen]]
        columns.append([each.alarms for each in chosen])
        lines.append(f"| {figure} | {images:,} | {' | '.join(map(_range, columns))} |")
    return lines


def measure_all_figures(replications: int) -> list[FigureRates]:
    """Simulate every setting of the figures other than accuracy, and print the rates."""
    found = []
    for number, setting in enumerate(figure_settings()):
        started = time.perf_counter()
        for each in measure_figures(setting, replications, np.random.default_rng([7, number])):
            found.append(each)
            rates = " ".join(f"{100 * rate:5.1f}" for rate in (each.covered, each.below, each.covered_difference))
            what = f"{setting.accuracy:.2f} {setting.spread:.3f} S={setting.seeds:<2} N={setting.images:<5}"
            without = "  without chance" if setting.without_chance else ""
            print(f"{each.figure:18} {what} covered {rates}  alarms {100 * each.alarms:4.1f}{without}", flush=True)
        print(f"{time.perf_counter() - started:.0f} s", flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--replications", type=int, default=2000)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--integrate", action="store_true")
    parser.add_argument("--figures", action="store_true")
    arguments = parser.parse_args()
    if arguments.integrate:
        print("\n".join(unequal_table()), flush=True)
        print("\n".join(["", *integrated_table()]))
        return
    if arguments.table:
        print("\n".join([*table(read(arguments.out)), "", *figure_table(read_figures(arguments.out))]))
        return
    if arguments.figures:
        of_figures = measure_all_figures(arguments.replications)
        stored = json.loads(arguments.out.read_text(encoding="utf-8"))
        head = {name: value for name, value in stored.items() if isinstance(value, int | float)}
        write(arguments.out, head, read(arguments.out), of_figures)
        return
    results, started = [], time.perf_counter()
    for number, setting in enumerate(settings()):
        found = measure(setting, arguments.replications, np.random.default_rng(number))
        results.append(found)
        print(f"{time.perf_counter() - started:6.0f} s  {_row(found)}", flush=True)
    head = {"margin": MARGIN, "shared": SHARED, "own": OWN, "seconds": round(time.perf_counter() - started)}
    write(arguments.out, head, results, read_figures(arguments.out))


def write(file: Path, head: dict[str, float], results: Sequence[Rates], figure_rates: Sequence[FigureRates]) -> None:
    """Write `head` and the rates, a line for each, for a diff to read; what statements.py has added stays."""
    before = file.read_text(encoding="utf-8") if file.is_file() else ""
    _, mark, statements = before.partition(STATEMENTS)
    lists = {
        name: ",\n".join(json.dumps(asdict(each)) for each in rates)
        for name, rates in (("results", results), ("figures", figure_rates))
    }
    text = ", ".join([json.dumps(head)[1:-1], *(f'"{name}": [\n{rows}\n]' for name, rows in lists.items())])
    file.write_text(f"{{{text}{mark}{statements}" if mark else f"{{{text}}}\n", encoding="utf-8")


def read(file: Path) -> list[Rates]:
    """Read the stored results."""
    rows = json.loads(file.read_text(encoding="utf-8"))["results"]
    return [Rates(**{**row, "setting": Setting(**row["setting"])}) for row in rows]


def read_figures(file: Path) -> list[FigureRates]:
    """Read the stored results of the figures other than accuracy; none where they are not stored."""
    rows = json.loads(file.read_text(encoding="utf-8")).get("figures", []) if file.is_file() else []
    return [FigureRates(**{**row, "setting": FigureSetting(**row["setting"])}) for row in rows]


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
