"""What happens to false alarms, power and seeds when a comparison is judged several times while seeds are added?

    OMP_NUM_THREADS=1 uv run python benchmarks/quality/simulations/looks.py [--replications 1000] [NAME ...]
    uv run python benchmarks/quality/simulations/looks.py --table    the stored tables of docs/statistics.md

two: two arms, `--seeds auto:MOST`. Equal arms, or one ahead; arms that vary by `spread` (standard deviation of the
accuracy over seeds), b by `ratio` of it, or not at all. shown: how often a difference was called (false alarms where
they are equal). fixed: how often with all seeds in a single look. seeds: mean number that each arm trained.
covered: how often the interval that is printed at the stop holds the true difference; accuracy: that of arm a; plain:
how often an interval of a would that takes no account of the looks.
several: four arms, equal, with one or two ahead, or each ahead of the next (-1); shown: how often any false difference
was called; right: the share of true differences that were; seeds: mean of the most that an arm has; with_stopped: mean
number, where arms stop whose pairs are all decided.
equality: two arms that are equal, or just the margin apart; equal: how often they were found equal within it (a false
one where they are apart), fixed_equal: with ten seeds in one look.
by_hand: seeds added by hand, each look at 5 %: how often equal arms were called different at some look, and what
`chance_of_any` says.

Whether the network of seed s of arm a gets image i right is drawn as in coverage.py: a probit model with difficulties
that all arms share, difficulties of one arm, and chance of one network on one image; seed effects are normal.
"""

import argparse
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from itertools import combinations, product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from sadari.evaluation.arms.networks import arm_of, error_between
from sadari.evaluation.crossed import SamplingError
from sadari.evaluation.draws.looks import Looks, chance_of_any, levels
from sadari.evaluation.statistics import interval

OUT = Path(__file__).with_suffix(".json")
SHARED, OWN = 0.45, 0.15  # as in coverage.py
ACCURACY = 0.9
MARGIN = 0.02
Row = dict[str, Any]
Bools = NDArray[np.bool_]


class Source:
    """Networks with a known true accuracy; `spread` is the standard deviation of their accuracies over seeds."""

    def __init__(self, accuracy: float, spread: float, without_chance: bool = False) -> None:
        self.effect = _effect(accuracy, spread)
        self.ability = float(ndtri(accuracy)) * np.sqrt(1 + self.effect**2)
        self.without_chance = without_chance

    def draw(self, generator: np.random.Generator, seeds: int, shared: NDArray[np.float32]) -> tuple[Bools, float]:
        """Return (correct, truth): bool (seeds, images), one row without chance, and the accuracy that it is about."""
        count = 1 if self.without_chance else seeds
        level = self.ability + self.effect * generator.standard_normal(count)
        noise = generator.standard_normal((count, len(shared)), dtype=np.float32)
        own = generator.standard_normal(len(shared), dtype=np.float32)
        seen = np.sqrt(SHARED) * shared + np.sqrt(OWN) * own
        correct = level[:, None] + seen + np.sqrt(1 - SHARED - OWN) * noise > 0
        truth = ndtr(level[0]) if self.without_chance else ndtr(self.ability / np.sqrt(1 + self.effect**2))
        return np.asarray(correct), float(truth)


@cache
def _effect(accuracy: float, spread: float) -> float:
    if spread == 0:
        return 0.0
    points, weights = np.polynomial.hermite_e.hermegauss(80)
    weights = weights / weights.sum()

    def excess(effect: float) -> float:
        accuracies = ndtr(float(ndtri(accuracy)) * np.sqrt(1 + effect**2) + effect * points)
        return float(np.sqrt(weights @ (accuracies - weights @ accuracies) ** 2)) - spread

    return float(brentq(excess, 1e-6, 3.0))


def two(replications: int) -> Iterator[Row]:
    """Yield rates of two arms."""
    kinds = [
        *((10, 359, spread, 1.0, ahead) for spread in (0.0, 0.005, 0.02) for ahead in (0.0, 0.03)),
        *((10, 2_000, 0.005, 1.0, ahead) for ahead in (0.0, 0.01)),
        *((10, 2_000, 0.02, ratio, ahead) for ratio, ahead in ((1.0, 0.0), (1.0, 0.02), (0.3, 0.0), (0.0, 0.0))),
        (10, 2_000, 0.08, 1.0, 0.0),
        *((most, 2_000, 0.01, 1.0, ahead) for most in (5, 20) for ahead in (0.0, 0.02)),
    ]
    for most, images, spread, ratio, ahead in kinds:
        generator = np.random.default_rng([1, most, images, round(1e4 * spread), round(10 * ratio), round(1e4 * ahead)])
        found = np.array([_two(generator, most, images, spread, ratio, ahead) for _ in range(replications)])
        shown, fixed, seeds, covered, accuracy, plain = found.mean(axis=0)
        of_row = {"most": most, "images": images, "spread": spread, "ratio": ratio, "ahead": ahead}
        rates = {
            "shown": shown,
            "fixed": fixed,
            "seeds": seeds,
            "covered": covered,
            "accuracy": accuracy,
            "plain": plain,
        }
        yield {**of_row, "replications": replications, **rates}


def _two(
    generator: np.random.Generator, most: int, images: int, spread: float, ratio: float, ahead: float
) -> tuple[float, ...]:
    shared = generator.standard_normal(images, dtype=np.float32)
    a, truth_a = Source(ACCURACY + ahead, spread).draw(generator, most, shared)
    b, truth_b = Source(ACCURACY, ratio * spread, ratio == 0).draw(generator, most, shared)
    truth = truth_a - truth_b
    # Without chance the truth is that of the drawn network, which seldom is exactly a's: a false alarm excludes it.
    null = truth if ratio == 0 else 0.0
    seeds, covered, shown = stop(a, b, Looks.up_to(most), null, truth)
    of_a, plain = (interval(a[:seeds], level) for level in (Looks.up_to(most).after(seeds).level, 0.05))
    difference, error = compared(a, b)
    fixed = abs(difference - null) > error.half_width(0.05)
    return shown, fixed, seeds, covered, of_a.low <= truth_a <= of_a.high, plain.low <= truth_a <= plain.high


def compared(a: Bools, b: Bools) -> tuple[float, SamplingError]:
    """Return the difference of two arms and its error, without the p that takes most of the time."""
    first, second = arm_of("a", a), arm_of("b", b)
    return first.mean - second.mean, error_between(first, second)


def stop(a: Bools, b: Bools, looks: Looks, null: float, truth: float) -> tuple[int, bool, bool]:
    """Return the seeds after which two arms are shown apart, or the most; whether `truth` is covered; if shown."""
    for count in looks.seeds:
        difference, error = compared(a[:count], b[:count])
        half = error.half_width(looks.after(count).level)
        if shown := abs(difference - null) > half:
            break
    return count, abs(difference - truth) <= half, shown


def several(replications: int) -> Iterator[Row]:
    """Yield rates of four arms, of which the first `better` are ahead by 4 points; -1: each is ahead of the next."""
    for (images, spread), better in product(((359, 0.005), (2_000, 0.02)), (0, 1, 2, -1)):
        generator = np.random.default_rng([2, images, round(1e4 * spread), better + 1])
        found = np.array([_several(generator, images, spread, better) for _ in range(replications)])
        alarms, shown, seeds, stopped = found.mean(axis=0)
        of_row = {"arms": 4, "images": images, "spread": spread, "better": better, "replications": replications}
        yield {**of_row, "shown": alarms, "right": shown, "seeds": seeds, "with_stopped": stopped}


def _several(generator: np.random.Generator, images: int, spread: float, better: int) -> tuple[float, ...]:
    shared = generator.standard_normal(images, dtype=np.float32)
    leads = range(2, -2, -1) if better < 0 else (place < better for place in range(4))
    truths = [ACCURACY + 0.04 * lead for lead in leads]
    arms = [Source(truth, spread).draw(generator, 10, shared)[0] for truth in truths]
    signs, seeds = decided(arms, Looks.up_to(10))
    equal = [sign for (a, b), sign in signs.items() if truths[a] == truths[b]]
    apart = [sign for (a, b), sign in signs.items() if truths[a] > truths[b]]
    alarms = any(equal) or -1 in apart
    shown = float(np.mean([sign == 1 for sign in apart])) if apart else 0.0
    of_arm = [max(count for pair, count in seeds.items() if place in pair) for place in range(4)]
    return alarms, shown, max(of_arm), float(np.mean(of_arm))


def decided(arms: Sequence[Bools], looks: Looks) -> tuple[dict[tuple[int, int], int], dict[tuple[int, int], int]]:
    """Return 1, -1 or 0 for each pair that is shown better, worse, or not, and after how many seeds.

    What `decide` does, without p: Holm's method shows any pair beyond the level over the number of those not shown yet.
    """
    signs = dict.fromkeys(combinations(range(len(arms)), 2), 0)
    seeds = dict.fromkeys(signs, 0)
    for number, count in enumerate(looks.seeds):
        left = {pair: compared(*(arms[each][:count] for each in pair)) for pair, sign in signs.items() if not sign}
        seeds |= dict.fromkeys(left, count)
        while left:
            level = levels(looks.seeds, 0.05 / len(left))[number]
            pair = next((pair for pair, (each, error) in left.items() if abs(each) > error.half_width(level)), None)
            if pair is None:
                break
            signs[pair] = 1 if left.pop(pair)[0] > 0 else -1
    return signs, seeds


def by_hand(replications: int) -> Iterator[Row]:
    """Yield how often equal arms are called different by some of several looks, each at 5 %."""
    for counts, (images, spread) in product(((3, 10), (3, 5, 10)), ((359, 0.005), (2_000, 0.01), (2_000, 0.08))):
        generator = np.random.default_rng([3, *counts, images, round(1e4 * spread)])
        shown = np.array([_looks(generator, counts, images, spread) for _ in range(replications)])
        of_row = {"looks": " and ".join(map(str, counts)), "images": images, "spread": spread}
        rates = {"shown": float(shown.any(axis=1).mean()), "last_alone": float(shown[:, -1].mean())}
        yield {**of_row, "replications": replications, **rates, "said": chance_of_any(counts, [0.05] * len(counts))}


def _looks(generator: np.random.Generator, counts: Sequence[int], images: int, spread: float) -> list[bool]:
    shared = generator.standard_normal(images, dtype=np.float32)
    a, b = (Source(ACCURACY, spread).draw(generator, counts[-1], shared)[0] for _ in "ab")
    found = [compared(a[:count], b[:count]) for count in counts]
    return [abs(difference) > error.half_width(0.05) for difference, error in found]


def equality(replications: int) -> Iterator[Row]:
    """Yield how often two arms are found equal within MARGIN, or different, where seeds are added until one is."""
    for (images, spread), apart in product(((2_000, 0.005), (5_000, 0.005), (5_000, 0.01)), (0.0, MARGIN)):
        generator = np.random.default_rng([4, images, round(1e4 * spread), round(1e4 * apart)])
        found = np.array([_equality(generator, images, spread, apart) for _ in range(replications)])
        equal, fixed_equal, shown, seeds = found.mean(axis=0)
        of_row = {"margin": MARGIN, "images": images, "spread": spread, "apart": apart, "replications": replications}
        yield {**of_row, "equal": equal, "fixed_equal": fixed_equal, "shown": shown, "seeds": seeds}


def _equality(generator: np.random.Generator, images: int, spread: float, apart: float) -> tuple[float, ...]:
    shared, looks = generator.standard_normal(images, dtype=np.float32), Looks.up_to(10)
    a, b = (Source(ACCURACY + lead, spread).draw(generator, 10, shared)[0] for lead in (apart, 0.0))
    for number, count in enumerate(looks.seeds):
        difference, error = compared(a[:count], b[:count])
        shown = abs(difference) > error.half_width(looks.levels[number])
        # Two one-sided tests, each with the whole level: looks have those of twice as much.
        equal = MARGIN - abs(difference) > error.half_width(levels(looks.seeds, 0.1)[number])
        if shown or equal:
            break
    difference, error = compared(a, b)
    return equal, MARGIN - abs(difference) > error.half_width(0.1), shown, count


NAMES: dict[str, Callable[[int], Iterator[Row]]] = {
    "two": two,
    "several": several,
    "by_hand": by_hand,
    "equality": equality,
}


def store(found: Mapping[str, Sequence[Row]]) -> None:
    """Write the rates, a line for each row."""
    parts = [f'"{name}": [\n' + ",\n".join(map(json.dumps, rows)) + "\n]" for name, rows in found.items()]
    OUT.write_text("{" + ",\n".join(parts) + "}\n", encoding="utf-8")


def read(file: Path = OUT) -> dict[str, list[Row]]:
    """Read the stored rates; none where there is no file."""
    return dict(json.loads(file.read_text(encoding="utf-8"))) if file.exists() else {}


def table(stored: Mapping[str, Sequence[Row]]) -> list[str]:
    """Return the stored rates as lines of Markdown, a table for each name."""
    lines = []
    for rows in stored.values():
        heads = [each.replace("_", " ") for each in rows[0]]
        lines += ["", f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
        lines += [f"| {' | '.join(_cell(key, value) for key, value in row.items())} |" for row in rows]
    return lines[1:]


def levels_table() -> list[str]:
    """Return the looks of some maxima and their levels as lines of Markdown."""
    lines = ["| `--seeds` | looks after | levels |", "|---|---|---|"]
    for most in (5, 7, 10, 20, 40, 100):
        looks = Looks.up_to(most)
        shown = ", ".join(f"{level:.4f}" for level in looks.levels)
        lines.append(f"| auto:{most} | {', '.join(map(str, looks.seeds))} | {shown} |")
    return lines


def _cell(key: str, value: object) -> str:
    if key in ("shown", "fixed", "covered", "accuracy", "plain", "right", "last_alone", "said", "equal", "fixed_equal"):
        return f"{100 * float(str(value)):.1f} %"
    return f"{value:.1f}" if key in ("seeds", "with_stopped") else f"{value}"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", default=list(NAMES), help=f"some of {', '.join(NAMES)}")
    parser.add_argument("--replications", type=int, default=1000)
    parser.add_argument("--table", action="store_true")
    arguments = parser.parse_args()
    stored = read()
    if arguments.table:
        print("\n".join([*levels_table(), *table(stored)]))
        return
    for name in arguments.names:
        stored[name] = []
        for row in NAMES[name](arguments.replications):
            stored[name].append(row)
            print(name, json.dumps(row), flush=True)
            store({name: stored[name] for name in NAMES if name in stored})


if __name__ == "__main__":
    main()
