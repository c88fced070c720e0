"""How often is a sentence beside the intervals wrong? Simulated with known truth, stored in coverage.json.

    OMP_NUM_THREADS=1 uv run python benchmarks/quality/statements.py [--replications 2000] [NAME ...]
    uv run python benchmarks/quality/statements.py --table     the tables of docs/statistics.md, from what is stored

mcnemar: two networks; false alarms and power of the exact test and of the mid-p value that decides, and how often each
contradicts the interval beside it. winner: the mean lead of the best of several arms over its own truth, beside the
lead that `highest_of_equals` says. over_fits: how often a levelled validation loss whose noise persists over epochs is
said to have turned, and how often one that turned.
"""

import argparse
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from sadari.comparison.analysis.curves import FEWEST_EPOCHS, LEAST_NATS, LEVEL, RISE, Course
from sadari.evaluation.selection import highest_of_equals
from sadari.evaluation.statistics import verdict

OUT = Path(__file__).with_name("coverage.json")
BOTH_WRONG = 0.6  # share of the errors of the worse network that both make
LITTLE = 0.03  # noise over the least loss
Row = dict[str, Any]


def mcnemar(replications: int) -> Iterator[Row]:
    """Yield rates for pairs of networks of equal accuracy, and for some that differ."""
    for images, accuracy, apart in ((100, 0.9, 0.08), (359, 0.95, 0.03), (359, 0.98, 0.02), (1_000, 0.9, 0.03)):
        for difference in (0.0, apart):
            generator = np.random.default_rng([1, images, round(1e4 * accuracy), round(1e4 * difference)])
            counts = np.array([_one_pair(generator, images, accuracy, difference) for _ in range(replications)])
            exact, mid, outside = counts.T
            yield {
                "images": images,
                "accuracy": accuracy,
                "difference": difference,
                "replications": replications,
                "exact_shown": float(exact.mean()),
                "mid_p_shown": float(mid.mean()),
                "exact_against_interval": float((exact != outside).mean()),
                "mid_p_against_interval": float((mid != outside).mean()),
            }


def _one_pair(generator: np.random.Generator, images: int, accuracy: float, difference: float) -> tuple[bool, ...]:
    worse, better = 1 - accuracy + difference / 2, 1 - accuracy - difference / 2
    both = BOTH_WRONG * better
    shares = [worse - both, better - both, both, 1 - worse - better + both]
    only_a, only_b, neither = generator.multinomial(images, shares)[:3]
    a, b = np.ones((1, images), bool), np.ones((1, images), bool)
    b[0, :only_a] = False
    a[0, only_a : only_a + only_b] = False
    a[0, images - neither :] = b[0, images - neither :] = False
    found = verdict("a", a, "b", b)
    exact = stats.binomtest(int(only_a), int(only_a + only_b)).pvalue if only_a + only_b else 1.0
    return bool(exact < 0.05), found.p < 0.05, found.low > 0 or found.high < 0


def winner(replications: int) -> Iterator[Row]:
    """Yield the lead of the best over its truth, in accuracy, for arms that are equal and where one is ahead."""
    for arms, seeds, ahead in product((2, 4, 10), (1, 3), (0.0, 0.02)):
        generator = np.random.default_rng([2, arms, seeds, round(1000 * ahead)])
        images, spread, gained, said = 359, 0.005 if seeds > 1 else 0.0, [], []
        truths = np.full(arms, 0.95) + np.where(np.arange(arms) == 0, ahead, 0.0)
        for _ in range(max(replications // 10, 50)):
            # An image is hard for all arms, or for one network alone, in equal shares.
            level = stats.norm.ppf(
                np.clip(truths[:, None] + spread * generator.standard_normal((arms, seeds)), 0, 0.999)
            )
            noise = generator.standard_normal((arms, seeds, images)) + generator.standard_normal(images)
            correct = noise / sqrt(2) < level[:, :, None]
            means = correct.mean(axis=(1, 2))
            gained.append(float(means.max() - truths[means.argmax()]))
            said.append(highest_of_equals(list(correct)))
        row = {"arms": arms, "seeds": seeds, "images": images, "ahead": ahead, "replications": len(gained)}
        yield {**row, "gained": float(np.mean(gained)), "said": float(np.mean(said))}


def over_fits(replications: int) -> Iterator[Row]:
    """Yield how often the validation loss of one seed is said to have turned. by_neighbours: by the former rule.

    persistence: the correlation of neighbouring epochs. noise: its standard deviation over the least loss.
    """
    for epochs, persistence, (turns, noise) in product(
        (12, 30, 60), (0.0, 0.5, 0.8, 0.95), ((False, 0.1), (True, LITTLE), (True, 0.1))
    ):
        generator = np.random.default_rng([3, epochs])
        loss = _loss(epochs, turns)
        drawn = [
            Course(loss + 0.4 * noise * _persistent(generator, 1, epochs, persistence))
            for _ in range(max(replications // 10, 100))
        ]
        yield {
            "epochs": epochs,
            "persistence": persistence,
            "turns": turns,
            "noise": noise,
            "replications": len(drawn),
            "said_to_turn": float(np.mean([each.turned for each in drawn])),
            "by_neighbours": float(np.mean([_turned_by_neighbours(each) for each in drawn])),
        }


def _turned_by_neighbours(course: Course) -> bool:
    """Return what `Course.turned` was for one seed while only neighbouring epochs showed the noise."""
    curve, risen = course.mean[course.tail :], float(course.mean[-1] - course.mean[course.turn])
    if len(curve) < FEWEST_EPOCHS:
        return False
    bends = curve[2:] - 2 * curve[1:-1] + curve[:-2]
    noise = stats.t.ppf(1 - LEVEL / course.last, len(curve) - 2) * sqrt(float((bends**2).mean()) / 3)
    return risen > noise and risen >= LEAST_NATS and course.rise >= RISE


def _loss(epochs: int, turns: bool) -> NDArray[np.float64]:
    """Return a loss that falls from 1 to 0.4 in two fifths of the epochs, then stays, or rises to 0.6."""
    falling = max(2, int(0.4 * epochs))
    rise = 0.2 * np.arange(1, epochs - falling + 1) / (epochs - falling) if turns else np.zeros(epochs - falling)
    return np.concatenate([np.linspace(1, 0.4, falling), 0.4 + rise])


def _persistent(generator: np.random.Generator, seeds: int, epochs: int, persistence: float) -> NDArray[np.float64]:
    """Return noise of standard deviation 1, (seeds, epochs), of a first-order autoregression."""
    noise = generator.standard_normal((seeds, epochs))
    for epoch in range(1, epochs):
        noise[:, epoch] = persistence * noise[:, epoch - 1] + sqrt(1 - persistence**2) * noise[:, epoch]
    return noise


STATEMENTS: dict[str, Callable[[int], Iterator[Row]]] = {"mcnemar": mcnemar, "winner": winner, "over_fits": over_fits}


def store(file: Path, statements: Mapping[str, Sequence[Row]]) -> None:
    """Write the rates into the stored results of coverage.py, a line for each setting."""
    results, _, _ = file.read_text(encoding="utf-8").rstrip().partition(',\n"statements"')
    parts = [
        f"{json.dumps(name)}: [\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]"
        for name, rows in statements.items()
    ]
    block = ",\n".join(parts)
    file.write_text(f'{results.removesuffix("}").rstrip()},\n"statements": {{\n{block}\n}}}}\n', encoding="utf-8")


def read(file: Path = OUT) -> dict[str, list[Row]]:
    """Read the stored rates."""
    return dict(json.loads(file.read_text(encoding="utf-8")).get("statements", {}))


def table(stored: Mapping[str, Sequence[Row]]) -> list[str]:
    """Return the stored rates as lines of Markdown, a table for each name."""
    lines = []
    for rows in stored.values():
        heads = [each.replace("_", " ") for each in rows[0]]
        lines += ["", f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
        shown = [row for row in rows if row.get("noise") != LITTLE]  # where every turn is seen
        lines += [f"| {' | '.join(_cell(key, value) for key, value in row.items())} |" for row in shown]
    return lines[1:]


def _cell(key: str, value: object) -> str:
    rates = ("shown", "against", "turn", "neighbours", "gained", "said")
    return f"{100 * value:.2f} %" if isinstance(value, float) and any(each in key for each in rates) else f"{value}"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", default=list(STATEMENTS), help=f"some of {', '.join(STATEMENTS)}")
    parser.add_argument("--replications", type=int, default=2000)
    parser.add_argument("--table", action="store_true")
    arguments = parser.parse_args()
    stored = read()
    if arguments.table:
        print("\n".join(table(stored)))
        return
    for name in arguments.names:
        stored[name] = []
        for row in STATEMENTS[name](arguments.replications):
            stored[name].append(row)
            print(name, json.dumps(row), flush=True)
    store(OUT, {name: stored[name] for name in STATEMENTS if name in stored})


if __name__ == "__main__":
    main()
