"""Do the intervals of other figures than accuracy cover the truth? Images of unequal classes are drawn and judged."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from sadari.comparison.analysis.measuring import LOST
from sadari.evaluation import figures
from sadari.evaluation.influence import Scale, right
from sadari.evaluation.metrics import METRICS
from sadari.values import Predictions
from simulations.accuracy import OWN, SEEDS, SHARED, effect_of
from simulations.page import spread_of

CLASS_SHARES = np.array([0.4, 0.25, 0.2, 0.1, 0.05])
CLASS_EASE = np.array([0.3, 0.0, -0.3, 0.0, -0.4])
VAL_EASE = 0.25  # validation images are easier, by that much of the latent number
SLOPE = 2.0
NOT_SIMULATED = ("accuracy", "top_5")  # accuracy.py has the former; of five classes the latter is always 1
FIGURES = (*(name for name in METRICS.names() if name not in NOT_SIMULATED), "val_accuracy", "drop")


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
    chance = float(true @ said)
    return {
        "macro_f1": float(f1.mean()),
        "macro_precision": float((hits / said).mean()),
        "macro_recall": recall,
        "balanced_accuracy": recall,
        "weighted_f1": float((true * f1).sum()),
        "accuracy": float(hits.sum()),
        "mcc": float((hits.sum() - true @ said) / np.sqrt((1 - true @ true) * (1 - said @ said))),
        "kappa": (float(hits.sum()) - chance) / (1 - chance),
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
    effect = 0.0 if single else effect_of(setting.accuracy, setting.spread)
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
    if np.isnan(truth):  # what so many images show: the calibration error; the areas, which have hardly a bias
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
        lines.append(f"| {figure} | {images:,} | {' | '.join(map(spread_of, columns))} |")
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
