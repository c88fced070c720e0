"""How often is what many arms show together wrong? Borrowed seed variances, and the winner, with known truth.

    OMP_NUM_THREADS=1 uv run python benchmarks/quality/simulations/many_arms.py [--replications 1000] [NAME ...]
    uv run python benchmarks/quality/simulations/many_arms.py --table     the tables of docs/statistics.md

The world is that of `../coverage.py`: probit networks, image difficulties that all arms share, normal seed effects.
borrowing: how often the borrowed interval covers, where the seeds of all arms vary equally and where those of the last
one vary otherwise, beside the interval of the arm alone. probabilities: how often the arm that is called better with a
probability is the better one, where true differences are normal with a standard deviation of a point. winner: how often
the interval of the best of several covers its truth, beside its own interval, and how often the truly best arm is
among those that may be the best.
"""

import argparse
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from sadari.evaluation.arms.best import Race, find_winner
from sadari.evaluation.arms.borrowing import borrow
from sadari.evaluation.statistics import difference_error, interval, verdicts

OUT = Path(__file__).with_suffix(".json")
SHARED, OWN = 0.45, 0.15  # as in coverage.py
Row = dict[str, Any]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class World:
    """Arms with known true accuracies, each with a standard deviation of its accuracies over seeds."""

    truths: tuple[float, ...]
    spreads: tuple[float, ...]
    seeds: int
    images: int
    without_chance: int = 0  # of the arms, the last ones: one network, repeated for every seed

    def draw(self, generator: np.random.Generator) -> tuple[list[Bools], list[float]]:
        """Return what each arm had right, bool (seeds, images), and the accuracy that its interval is about."""
        shared = generator.standard_normal(self.images, dtype=np.float32)
        drawn, truths = [], []
        for place, (truth, spread) in enumerate(zip(self.truths, self.spreads, strict=True)):
            alone = place >= len(self.truths) - self.without_chance
            networks = 1 if alone else self.seeds
            effect = effect_of(truth, spread)
            level = ndtri(truth) * np.sqrt(1 + effect**2) + effect * generator.standard_normal(networks)
            noise = generator.standard_normal((networks, self.images), dtype=np.float32)
            own = generator.standard_normal(self.images, dtype=np.float32)
            seen = np.sqrt(SHARED) * shared + np.sqrt(OWN) * own + np.sqrt(1 - SHARED - OWN) * noise
            correct = seen > -level[:, None]
            drawn.append(np.repeat(correct, self.seeds, axis=0) if alone else correct)
            truths.append(float(ndtr(level[0])) if networks == 1 else truth)
        return drawn, truths


_EFFECTS: dict[tuple[float, float], float] = {}


def effect_of(truth: float, spread: float) -> float:
    """Return the standard deviation of the seed effects with which accuracies have the deviation `spread`."""
    key = (round(truth, 3), spread)
    if key not in _EFFECTS:
        nodes, weights = np.polynomial.hermite_e.hermegauss(40)

        def deviation(effect: float) -> float:
            values = ndtr(ndtri(key[0]) * np.sqrt(1 + effect**2) + effect * nodes)
            chance = weights / weights.sum()
            variance = float((chance * values**2).sum() - (chance * values).sum() ** 2)
            return float(np.sqrt(max(variance, 0.0))) - spread

        _EFFECTS[key] = float(brentq(deviation, 0.0, 2.0)) if spread else 0.0
    return _EFFECTS[key]


# Name, true accuracies, standard deviations over seeds, arms without chance.
BORROWING = (
    ("two equal", (0.9, 0.9), (0.015, 0.015), 0),
    ("four equal", (0.9,) * 4, (0.015,) * 4, 0),
    ("four equal, two more without chance", (0.9,) * 6, (0.015,) * 4 + (0.0, 0.0), 2),
    ("four of unequal accuracy", (0.97, 0.95, 0.9, 0.8), (0.0085, 0.011, 0.015, 0.02), 0),
    ("four of unequal accuracy, deviations alike", (0.97, 0.95, 0.9, 0.8), (0.01,) * 4, 0),
    ("two, one 3 times as much", (0.9, 0.9), (0.006, 0.018), 0),
    ("four, one 3 times as much", (0.9,) * 4, (0.006,) * 3 + (0.018,), 0),
    ("two, one 10 times as much", (0.9, 0.9), (0.003, 0.03), 0),
    ("four, one 10 times as much", (0.9,) * 4, (0.003,) * 3 + (0.03,), 0),
    ("four, one a tenth as much", (0.9,) * 4, (0.02,) * 3 + (0.002,), 0),
)


EVERY = ("two equal", "four equal", "four, one 3 times as much", "four, one 10 times as much")  # with 2 and 5 seeds too


def borrowing(replications: int) -> Iterator[Row]:
    """Yield coverage of the borrowed intervals: of the first arm, the last that varies, and their difference."""
    for number, (name, truths, spreads, alone) in enumerate(BORROWING):
        for seeds in (2, 3, 5) if name in EVERY else (3,):
            generator = np.random.default_rng([1, number, seeds])
            world, last = World(truths, spreads, seeds, 1_000, alone), len(truths) - alone - 1
            hits = np.array([_borrowed(world, generator, last) for _ in range(replications)])
            row: Row = {"arms": name, "seeds": seeds, "replications": replications}
            rates = hits.mean(axis=0)
            yield (
                row
                | dict(zip(("first", "last", "difference"), map(float, rates[:3]), strict=True))
                | {
                    "width": float(np.median(hits[:, 3])),
                    "width of difference": float(np.median(hits[:, 4])),
                }
            )


def _borrowed(world: World, generator: np.random.Generator, last: int) -> tuple[float, ...]:
    correct, truths = world.draw(generator)
    found = borrow([(str(place), each) for place, each in enumerate(correct)], every=False)
    if found is None:
        return (1.0, 1.0, 1.0, 1.0, 1.0)
    arms = {each.arm: each for each in found.arms}
    first, other = arms.get("0"), arms.get(str(last))
    pair = next((each for each in found.pairs if (each.a, each.b) == ("0", str(last))), None)
    if first is None or other is None or pair is None:
        return (1.0, 1.0, 1.0, 1.0, 1.0)
    own = 2 * difference_error(correct[0], correct[last]).half_width(0.05)
    return (
        first.low <= truths[0] <= first.high,
        other.low <= truths[last] <= other.high,
        pair.low <= truths[0] - truths[last] <= pair.high,
        (first.high - first.low) / (first.own_high - first.own_low),
        (pair.high - pair.low) / own,
    )


BINS = ((0.5, 0.7), (0.7, 0.9), (0.9, 0.975), (0.975, 1.01))


def probabilities(replications: int) -> Iterator[Row]:
    """Yield how often the arm that is better with a probability in a range is the better one; four arms."""
    for spread, seeds in ((0.005, 3), (0.015, 3), (0.015, 5)):
        generator = np.random.default_rng([3, round(1e4 * spread), seeds])
        said, right = [], []
        for _ in range(replications):
            truths = tuple(np.round(0.9 + 0.01 * generator.standard_normal(4), 3))
            world = World(truths, (spread,) * 4, seeds, 1_000)
            found = borrow([(str(place), each) for place, each in enumerate(world.draw(generator)[0])])
            for pair in found.pairs if found else ():
                ahead = truths[int(pair.a)] - truths[int(pair.b)]
                if ahead:
                    said.append(max(pair.better, 1 - pair.better))
                    right.append((ahead > 0) == (pair.better > 0.5))
        chance, is_right = np.array(said), np.array(right)
        for low, high in BINS:
            here = (chance >= low) & (chance < high)
            yield {
                "spread": spread,
                "seeds": seeds,
                "replications": replications,
                "said from": low,
                "mean said": float(chance[here].mean()),
                "right": float(is_right[here].mean()),
            }


# Name, how far each arm is behind the first, for A arms.
FIELDS: tuple[tuple[str, Callable[[int], NDArray[Any]]], ...] = (
    ("equal", lambda arms: np.zeros(arms)),
    ("one a point ahead", lambda arms: np.where(np.arange(arms) > 0, 0.01, 0.0)),
    ("one three points ahead", lambda arms: np.where(np.arange(arms) > 0, 0.03, 0.0)),
    ("half a point apart", lambda arms: 0.005 * np.arange(arms)),
)
WORLDS = ((1, 0.0, 359), (3, 0.005, 359), (3, 0.02, 1_000), (5, 0.02, 1_000))  # seeds, deviation over seeds, images


def winner(replications: int) -> Iterator[Row]:
    """Yield coverage of the winner's truth, and how often the best is in the set, for 2, 4 and 10 arms."""
    for arms in (2, 4, 10):
        for seeds, spread, images in WORLDS:
            for number, (name, behind) in enumerate(FIELDS):
                generator = np.random.default_rng([2, arms, seeds, round(1e4 * spread), number])
                world = World(tuple(0.95 - behind(arms)), (spread,) * arms, seeds, images)
                rounds = max(replications // (3 if arms == 10 else 1), 1)
                hits = np.array([_won(world, generator) for _ in range(rounds)], dtype=np.float64)
                row: Row = {"arms": arms, "seeds": seeds, "deviation": spread, "images": images, "apart": name}
                names = ("own covers", "covers", "best in set", "in set", "stretch")
                yield row | {"replications": rounds} | dict(zip(names, map(float, hits.mean(axis=0)), strict=True))


def _won(world: World, generator: np.random.Generator) -> tuple[float, ...]:
    correct, truths = world.draw(generator)
    order = sorted(range(len(correct)), key=lambda place: -float(correct[place].mean()))
    ranked = {str(place): correct[place] for place in order}
    found = find_winner(ranked, verdicts(list(ranked.items())))
    assert found is not None
    own, truth = interval(correct[order[0]]), truths[order[0]]
    best = str(int(np.argmax(truths)))
    return (
        own.low <= truth <= own.high,
        found.low <= truth <= found.high,
        best in found.may_be_best,
        len(found.may_be_best),
        Race(tuple(ranked.values())).stretch(),
    )


STATEMENTS: dict[str, Callable[[int], Iterator[Row]]] = {
    "borrowing": borrowing,
    "probabilities": probabilities,
    "winner": winner,
}
COUNTS = ("arms", "seeds", "replications", "images", "in set", "stretch", "deviation", "spread", "apart")


def read(file: Path = OUT) -> dict[str, list[Row]]:
    """Read the stored rates."""
    return dict(json.loads(file.read_text(encoding="utf-8"))) if file.is_file() else {}


def store(stored: Mapping[str, Sequence[Row]], file: Path = OUT) -> None:
    """Write the rates, a line for each setting."""
    parts = (f"{json.dumps(key)}: [\n" + ",\n".join(map(json.dumps, rows)) + "\n]" for key, rows in stored.items())
    file.write_text("{" + ",\n".join(parts) + "}\n", encoding="utf-8")


def table(rows: Sequence[Row]) -> list[str]:
    """Return rates as lines of Markdown."""
    heads = [key for key in rows[0] if key != "replications"]
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    return lines + [f"| {' | '.join(_cell(key, row[key]) for key in heads)} |" for row in rows]


def _cell(key: str, value: object) -> str:
    if not isinstance(value, float) or key in ("deviation", "spread"):
        return f"{value:,}" if isinstance(value, int) else f"{value}"
    return f"{value:.2f}" if key.startswith("width") or key in COUNTS else f"{100 * value:.1f}"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", default=list(STATEMENTS), help=f"some of {', '.join(STATEMENTS)}")
    parser.add_argument("--replications", type=int, default=1000)
    parser.add_argument("--table", action="store_true")
    arguments = parser.parse_args()
    if arguments.table:
        for name, rows in read().items():
            print("\n".join(["", name, "", *table(rows)]))
        return
    for name in arguments.names:
        rows = []
        for row in STATEMENTS[name](arguments.replications):
            rows.append(row)
            print(name, json.dumps(row), flush=True)
        now = read() | {name: rows}  # another process may have stored the others meanwhile
        store({each: now[each] for each in STATEMENTS if each in now})


if __name__ == "__main__":
    main()
