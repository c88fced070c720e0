"""Do the intervals cover the truth, and how often does a test raise a false alarm? Comparisons with known truth.

    OMP_NUM_THREADS=1 uv run python benchmarks/quality/coverage.py [--replications 2000] [--out FILE.json]
    uv run python benchmarks/quality/coverage.py --seeds 1      those of one seed again, the others as they are stored
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
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from simulations.accuracy import MARGIN, OWN, SHARED, Rates, Setting, line_of, measure, settings, table
from simulations.figures import FigureRates, FigureSetting, figure_table, measure_all_figures
from simulations.integration import integrated_table, unequal_table

STATEMENTS = ',\n"statements"'  # begins what statements.py has added to the stored results, which stays


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--replications", type=int, default=2000)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--integrate", action="store_true")
    parser.add_argument("--figures", action="store_true")
    parser.add_argument("--seeds", type=int, nargs="*", help="only settings with so many seeds; the others stay")
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
    stored_rates = {each.setting: each for each in read(arguments.out)} if arguments.seeds else {}
    for number, setting in enumerate(settings()):
        if setting in stored_rates and setting.seeds not in arguments.seeds:
            results.append(stored_rates[setting])
            continue
        found = measure(setting, arguments.replications, np.random.default_rng(number))
        results.append(found)
        print(f"{time.perf_counter() - started:6.0f} s  {line_of(found)}", flush=True)
    seconds = json.loads(arguments.out.read_text(encoding="utf-8"))["seconds"] if stored_rates else None
    seconds = seconds or round(time.perf_counter() - started)  # of all settings
    head = {"margin": MARGIN, "shared": SHARED, "own": OWN, "seconds": seconds}
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


if __name__ == "__main__":
    main()
