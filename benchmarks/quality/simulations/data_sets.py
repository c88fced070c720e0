"""How often is a verdict across data sets wrong? Mean differences over sets, the next set, and ranks, with known truth.

    uv run python benchmarks/quality/simulations/data_sets.py [--replications 2000]
    uv run python benchmarks/quality/simulations/data_sets.py --table     the tables of docs/statistics.md

over_sets: on each set the true difference of two arms is drawn with a mean of half a point and a deviation between
sets, and is estimated with an error of its own, between 0.3 and 2 points. Rates: how often the interval covers the
mean; how often a difference is shown where the mean is none (the same draws less their mean); how often the next set's
true difference is within the range that the probabilities for it describe. `skewed`: the true differences follow a
shifted exponential distribution instead of a normal one, which the method does not expect. ranks: how often arms that
are equally good are shown to differ in rank.
"""

import argparse
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import log
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sadari.evaluation.draws.data_sets import over_sets
from sadari.evaluation.draws.ranks import rank

OUT = Path(__file__).with_suffix(".json")
MEAN = 0.005
ERRORS = (0.003, 0.02)  # of a difference on one set, drawn evenly in its logarithm
Row = dict[str, Any]


def sets(replications: int) -> Iterator[Row]:
    """Yield coverage of the mean, false alarms, and coverage of the next set."""
    for count in (2, 3, 4, 5, 10, 20):
        for between, skewed in ((0.0, False), (0.01, False), (0.03, False), (0.03, True)):
            generator = np.random.default_rng([1, count, round(1000 * between), skewed])
            found = np.array([one(generator, count, between, skewed) for _ in range(replications)], dtype=np.float64)
            covered, alarm, following, width = found.T
            yield {
                "sets": count,
                "between": between,
                "skewed": skewed,
                "replications": replications,
                "mean covered": float(covered.mean()),
                "false alarms": float(alarm.mean()),
                "next covered": float(following.mean()),
                "half-width": float(np.median(width)),
            }


def one(generator: np.random.Generator, count: int, between: float, skewed: bool) -> tuple[float, ...]:
    """Return (mean covered, false alarm, next set covered, half-width) of one comparison across sets."""

    def true(number: int) -> NDArray[np.float64]:
        drawn = generator.exponential(size=number) - 1 if skewed else generator.standard_normal(number)
        return np.asarray(MEAN + between * drawn)

    errors = np.exp(generator.uniform(log(ERRORS[0]), log(ERRORS[1]), count))
    estimates = true(count) + errors * generator.standard_normal(count)
    found = over_sets(list(estimates), list(errors))
    none = over_sets(list(estimates - MEAN), list(errors))
    above = found.next_above(float(true(1)[0]))
    return (
        abs(found.mean - MEAN) <= found.high - found.mean,
        none.p < 0.05,
        0.025 <= above <= 0.975,
        found.high - found.mean,
    )


def ranks(replications: int) -> Iterator[Row]:
    """Yield how often equally good arms are shown to differ in rank, and how often one that is ahead is shown so.

    p below 5 %: how often the test that all are alike says otherwise, before a pair has to be far enough apart.
    """
    for count in (2, 3, 4, 5, 10, 20):
        for arms in (2, 3, 5, 10):
            generator = np.random.default_rng([2, count, arms])
            rows = []
            for _ in range(replications):
                noise = generator.standard_normal((count, arms))
                names = [str(place) for place in range(arms)]
                equal, ahead = rank(noise.tolist(), names), rank((noise + 1.5 * (np.arange(arms) == 0)).tolist(), names)
                rows.append((equal.p < 0.05, bool(equal.apart), ("0", "1") in ahead.apart))
            small, alarm, shown = np.array(rows).mean(axis=0)
            row: Row = {"sets": count, "arms": arms, "replications": replications}
            yield row | {"p below 5 %": float(small), "false alarms": float(alarm), "shown": float(shown)}


STATEMENTS: dict[str, Callable[[int], Iterator[Row]]] = {"sets": sets, "ranks": ranks}


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
    return lines + [f"| {' | '.join(_cell(row[key]) for key in heads)} |" for row in rows]


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{100 * value:.1f}" if isinstance(value, float) else f"{value}"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--replications", type=int, default=2000)
    parser.add_argument("--table", action="store_true")
    arguments = parser.parse_args()
    if arguments.table:
        for name, rows in read().items():
            print("\n".join(["", name, "", *table(rows)]))
        return
    store({name: list(make(arguments.replications)) for name, make in STATEMENTS.items()})


if __name__ == "__main__":
    main()
