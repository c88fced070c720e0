"""Is a wanted precision, recall or specificity reached on new images, and does the test interval hold? Known truth.

    OMP_NUM_THREADS=1 uv run python benchmarks/quality/simulations/operating.py [--replications 1000] [--out FILE.json]
    uv run python benchmarks/quality/simulations/operating.py --table     the tables of docs/statistics.md

An image is of the class with the chance `share`; its latent score is normal with variance 1 around APART / 2 if it is,
around -APART / 2 if not, and its probability is the true one given the score. A threshold is chosen on `images` images
(validation) and judged on as many others (test); the precision, recall and specificity that it truly has follow from
the normal distribution. Everything is drawn anew in every replication.

Two worlds are not as assumed. GROUPED: images come in eights, such as those of a patient, which are of one class and
share half of the variance of the score. FLAT: the score says nothing and `share` of the images are of the class, a
little less than what is wanted, so that no threshold has it and every one nearly does: the worst case of a sure choice.

Costs: decisions of two classes, by the most probable class and by the least expected cost, whose true mean cost
follows likewise. What is stored already is not simulated again.
"""

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path

import numpy as np
from scipy.special import expit, logit, ndtr

from sadari.errors import UsageError
from sadari.evaluation.operating.costs import Costs, cost_table
from sadari.evaluation.operating.points import FIGURES, Judges, OperatingPoint, Wanted, operating_points
from sadari.values import Predictions

APART = 2.5  # of the classes, in standard deviations
WANTED = 0.95
SIZE, ALIKE = 8, 0.5  # of a group: images, and the share of the variance that they have in common
GROUPED, FLAT = "groups of 8", "flat"
CLASSES = ("other", "class")
GIVEN = {"precision": "recall", "recall": "specificity", "specificity": "recall"}  # what a stricter choice costs

Truth = dict[str, float]


@dataclass(frozen=True)
class Setting:
    """What is wanted, of which world. images: of validation, and of test."""

    figure: str
    share: float
    images: int
    sure: bool
    world: str = ""


@dataclass(frozen=True)
class Rates:
    """chosen: share of the replications with a threshold. reached: share of these whose truth is what was wanted.

    missed: share of all replications that chose a threshold which does not have it. short: by how much, on average over
    those. covered: share of the test intervals that hold the truth. given: median of what the choice costs, see GIVEN.
    """

    setting: Setting
    replications: int
    chosen: float
    reached: float
    missed: float
    short: float
    covered: float
    given: float


@dataclass(frozen=True)
class CostSetting:
    """dear: the cost of a missed image of the class, where a false alarm costs 1."""

    share: float
    images: int
    dear: float


@dataclass(frozen=True)
class CostRates:
    """Shares of the replications whose intervals hold the true mean cost, or difference. saved: share of the cost."""

    setting: CostSetting
    replications: int
    likeliest: float
    expected: float
    difference: float
    saved: float


def draw(share: float, images: int, world: str, generator: np.random.Generator) -> Judges:
    """Return what a network says about images of one world."""
    groups = np.arange(images) // SIZE if world == GROUPED else None
    drawn = images if groups is None else int(groups[-1]) + 1
    of_class = generator.random(drawn) < share
    noise = generator.standard_normal(images)
    if groups is not None:
        of_class = of_class[groups]
        noise = np.sqrt(ALIKE) * generator.standard_normal(drawn)[groups] + np.sqrt(1 - ALIKE) * noise
    apart = 0.0 if world == FLAT else APART
    scores = noise + apart * (of_class - 0.5)
    # In the flat world, too, probabilities order the images; what they are does not matter there.
    said = expit((apart or 1.0) * scores + logit(share))
    predictions = Predictions(
        np.zeros(images, dtype=np.str_),
        of_class.astype(np.int64),
        np.stack([1 - said, said], axis=1).astype(np.float32),
        CLASSES,
        0.0,
    )
    return Judges(predictions, groups)


def truth_at(share: float, world: str, probability: float) -> Truth:
    """Return what a threshold on the probability truly has, by the normal distribution."""
    apart = 0.0 if world == FLAT else APART
    score = (float(logit(probability)) - float(logit(share))) / (apart or 1.0)
    recall, alarms = float(ndtr(apart / 2 - score)), float(ndtr(-apart / 2 - score))
    said = share * recall + (1 - share) * alarms
    return {"precision": share * recall / said if said else 1.0, "recall": recall, "specificity": 1 - alarms}


def point_of(setting: Setting, generator: np.random.Generator) -> OperatingPoint | None:
    """Return what is chosen and judged in one replication; None where it is out of reach."""
    val, test = (draw(setting.share, setting.images, setting.world, generator) for _ in range(2))
    try:
        [point] = operating_points([Wanted(setting.figure, WANTED, CLASSES[1])], val, test, setting.sure)
    except UsageError:
        return None
    return point


def measure(setting: Setting, replications: int, generator: np.random.Generator) -> Rates:
    """Simulate one setting."""
    reached, short, covered, given = [], [], [], []
    for _ in range(replications):
        point = point_of(setting, generator)
        if point is None or point.threshold is None or point.test is None:
            continue
        truth = truth_at(setting.share, setting.world, point.threshold)
        away = WANTED - truth[setting.figure]
        reached.append(away <= 0)
        short += [away] if away > 0 else []
        given.append(truth[GIVEN[setting.figure]])
        interval = point.test.rate(setting.figure).interval
        if interval is not None:
            covered.append(interval.low <= truth[setting.figure] <= interval.high)
    chosen = len(reached)
    return Rates(
        setting,
        replications,
        chosen / replications,
        float(np.mean(reached)) if chosen else 0.0,
        len(short) / replications,
        float(np.mean(short)) if short else 0.0,
        float(np.mean(covered)) if covered else 0.0,
        float(np.median(given)) if chosen else 0.0,
    )


def measure_costs(setting: CostSetting, replications: int, generator: np.random.Generator) -> CostRates:
    """Simulate costs of one setting."""
    costs = Costs.of({(CLASSES[1], CLASSES[0]): setting.dear}, CLASSES)
    truths = [_true_cost(setting, at) for at in (0.5, 1 / (1 + setting.dear))]
    held = []
    for _ in range(replications):
        likeliest, expected = cost_table(costs, draw(setting.share, setting.images, "", generator))
        saved = expected.saved
        assert saved is not None
        ends = [(each.low, each.high) for each in (likeliest.cost, expected.cost)] + [(saved.low, saved.high)]
        wanted = [*truths, truths[0] - truths[1]]
        held.append([low <= true <= high for (low, high), true in zip(ends, wanted, strict=True)])
    of_likeliest, of_expected, of_difference = np.mean(held, axis=0).tolist()
    return CostRates(setting, replications, of_likeliest, of_expected, of_difference, 1 - truths[1] / truths[0])


def _true_cost(setting: CostSetting, probability: float) -> float:
    truth = truth_at(setting.share, "", probability)
    missed = setting.share * (1 - truth["recall"]) * setting.dear
    return missed + (1 - setting.share) * (1 - truth["specificity"])


def settings() -> Iterator[Setting]:
    """Yield what is simulated of thresholds."""
    for figure, share, images, sure in product(FIGURES, (0.1, 0.5), (100, 300, 1_000, 3_000), (False, True)):
        yield Setting(figure, share, images, sure)
    for figure, images, sure in product(FIGURES, (1_000,), (False, True)):
        yield Setting(figure, 0.5, images, sure, GROUPED)
    for share, images, sure in product((0.94, 0.949), (300, 3_000), (False, True)):
        yield Setting("precision", share, images, sure, FLAT)


def cost_settings() -> Iterator[CostSetting]:
    """Yield what is simulated of costs."""
    for share, images, dear in product((0.1, 0.5), (200, 1_000), (5.0, 50.0)):
        yield CostSetting(share, images, dear)


def table(rates: Sequence[Rates]) -> list[str]:
    """Return the results as lines of Markdown, the plain choice beside the sure one."""
    columns = [
        f"{how} {what}" for how in ("plain", "sure") for what in ("reached", "missed", "short", "covered", "leaves")
    ]
    lines = [f"| wanted | share of class | images | {' | '.join(columns)} |", "|---" * (3 + len(columns)) + "|"]
    by_setting = {each.setting: each for each in rates}
    for plain in (each for each in rates if not each.setting.sure):
        one = plain.setting
        sure = by_setting[Setting(one.figure, one.share, one.images, True, one.world)]
        world = f", {one.world}" if one.world else ""
        cells = [cell for each in (plain, sure) for cell in _cells(each)]
        lines.append(f"| {one.figure}{world} | {one.share:g} | {one.images:,} | {' | '.join(cells)} |")
    return lines


def _cells(each: Rates) -> list[str]:
    if not each.chosen:
        return ["out of reach", "0.0", "", "", ""]
    of = "" if each.chosen == 1 else f" of {100 * each.chosen:.1f}"
    short = f"{100 * each.short:.1f}" if each.missed else ""
    given = f"{GIVEN[each.setting.figure]} {each.given:.2f}"
    return [
        f"{100 * each.reached * each.chosen:.1f}{of}",
        f"{100 * each.missed:.1f}",
        short,
        f"{100 * each.covered:.1f}",
        given,
    ]


def cost_lines(rates: Sequence[CostRates]) -> list[str]:
    """Return the results of costs as lines of Markdown."""
    lines = [
        "| share of class | images | a miss costs | most probable covered | least expected covered "
        "| difference covered | saved |",
        "|---|---|---|---|---|---|---|",
    ]
    for each in rates:
        one, shares = each.setting, (each.likeliest, each.expected, each.difference, each.saved)
        cells = " | ".join(f"{100 * share:.1f}" for share in shares)
        lines.append(f"| {one.share:g} | {one.images:,} | {one.dear:g} | {cells} |")
    return lines


def read(path: Path) -> tuple[list[Rates], list[CostRates]]:
    """Read what `main` stored."""
    document = json.loads(path.read_text(encoding="utf-8"))
    return (
        [Rates(**{**each, "setting": Setting(**each["setting"])}) for each in document["rates"]],
        [CostRates(**{**each, "setting": CostSetting(**each["setting"])}) for each in document["costs"]],
    )


def main() -> None:
    """Simulate all settings and store the results, or print the tables of those that are stored."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replications", type=int, default=1000)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    parser.add_argument("--table", action="store_true")
    arguments = parser.parse_args()
    rates, costs = read(arguments.out) if arguments.out.is_file() else ([], [])
    if arguments.table:
        print("\n".join([*table(rates), "", *cost_lines(costs)]))
        return
    known, known_costs = {each.setting: each for each in rates}, {each.setting: each for each in costs}
    rates, costs, started = [], [], time.perf_counter()
    for at, setting in enumerate(settings()):
        generator = np.random.default_rng([21, at])
        rates.append(known.get(setting) or measure(setting, arguments.replications, generator))
        print(f"{time.perf_counter() - started:.0f} s {rates[-1]}", flush=True)
    for at, cost_setting in enumerate(cost_settings()):
        generator = np.random.default_rng([22, at])
        costs.append(known_costs.get(cost_setting) or measure_costs(cost_setting, arguments.replications, generator))
        print(f"{time.perf_counter() - started:.0f} s {costs[-1]}", flush=True)
    document = {"seeds": "[21 or 22, number of the setting]", "rates": [asdict(each) for each in rates]}
    document["costs"] = [asdict(each) for each in costs]
    arguments.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
