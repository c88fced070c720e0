"""Do the intervals cover where images come in groups, such as those of one patient? Comparisons with known truth.

    OMP_NUM_THREADS=1 uv run python benchmarks/quality/simulations/groups.py [--replications 1000] [--out FILE.json]
    uv run python benchmarks/quality/simulations/groups.py --table     the table of docs/statistics.md, of the results

The world is that of `benchmarks/quality/coverage.py`: whether the network of seed s of arm a gets image i right is

    ability[a] + seed[a, s] + sqrt(SHARED) u[i] + sqrt(OWN) v[a, i] + sqrt(1 - SHARED - OWN) e[a, s, i] > 0

but the share `alike` of the variance of each of u, v and e is one number for all images of a group. 0: the groups mean
nothing; 1: all images of a group are copies of one. An arm's true accuracy is that without groups. Two equally good
arms; everything is drawn anew in every replication, the sizes of unequal groups too.

Two worlds are not as assumed: HARDER, where the images of larger groups are harder (the true accuracy weights each
group by its images), and PAIRS, where two groups after each other share as much as the images of one. What is stored
already is not simulated again.
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
from scipy.special import ndtr, ndtri

from sadari.evaluation.statistics import interval, verdict

SHARED, OWN = 0.45, 0.15  # as in coverage.py
ACCURACY = 0.9
EFFECT = 0.057  # of a seed, in the latent number: a standard deviation of the accuracy of one point
SIZES = {"8 each": (8, 8), "1 to 40": (1, 40), "4 copies": (4, 4)}
GROUPS = (10, 20, 40, 100)
ALIKE = (0.0, 0.1, 0.5, 1.0)
SEEDS = (1, 3)
LEVEL = 0.05
HARDER, PAIRS = "larger are harder", "pairs alike"
SLOPE = 0.5  # of the latent number, from the mean size to the largest

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Setting:
    """One comparison. sizes: a key of SIZES. alike: share of each variance that images of a group have in common."""

    sizes: str
    groups: int
    alike: float
    seeds: int
    accuracy: float = ACCURACY
    world: str = ""

    @property
    def kind(self) -> str:
        """What the images of a group are, for the table."""
        return f"{self.sizes}, {self.world}" if self.world else self.sizes


@dataclass(frozen=True)
class Rates:
    """Shares of all replications, by groups and as if there were none. width: median, of the difference."""

    setting: Setting
    replications: int
    covered: float
    covered_difference: float
    alarms: float
    plain_covered: float
    plain_alarms: float
    width: float
    plain_width: float


def normals(generator: np.random.Generator, rows: int, groups: NDArray[np.int64], alike: float) -> Floats:
    """Return standard normal numbers, (rows, N), of which those in a group have the correlation `alike`."""
    own = generator.standard_normal((rows, len(groups)))
    if not alike:
        return own
    common = generator.standard_normal((rows, int(groups[-1]) + 1))[:, groups]
    return np.asarray(np.sqrt(alike) * common + np.sqrt(1 - alike) * own)


def draw(setting: Setting, generator: np.random.Generator) -> tuple[list[Bools], list[float], NDArray[np.int64]]:
    """Return which images two arms get right, (S, N) each, what is true of each, and the groups, (N,)."""
    low, high = SIZES[setting.sizes]
    sizes = generator.integers(low, high + 1, setting.groups)
    groups = np.repeat(np.arange(setting.groups), sizes)
    common = groups // 2 if setting.world == PAIRS else groups
    effect = EFFECT if setting.seeds > 1 else 0.0
    ability = float(ndtri(setting.accuracy)) * np.sqrt(1 + effect**2)
    easier = ease(setting, sizes)[groups]
    shared = np.sqrt(SHARED) * normals(generator, 1, common, setting.alike) + easier
    arms = []
    for _ in range(2):
        level = ability + effect * generator.standard_normal((setting.seeds, 1))
        seen = shared + np.sqrt(OWN) * normals(generator, 1, common, setting.alike)
        noise = np.sqrt(1 - SHARED - OWN) * normals(generator, setting.seeds, common, setting.alike)
        arms.append(level + seen + noise > 0)
    every = np.arange(low, high + 1)
    truth = float(every @ ndtr((ability + ease(setting, every)) / np.sqrt(1 + effect**2)) / every.sum())
    return arms, [truth, truth], groups


def ease(setting: Setting, sizes: NDArray[np.int64]) -> Floats:
    """Return how much easier the images of groups of these sizes are, in the latent number."""
    low, high = SIZES[setting.sizes]
    if setting.world != HARDER:
        return np.zeros(len(sizes))
    return np.asarray(-SLOPE * (sizes - (low + high) / 2) / ((high - low) / 2))


def measure(setting: Setting, replications: int, generator: np.random.Generator) -> Rates:
    """Simulate one setting."""
    counts, widths = np.zeros(5), []
    for _ in range(replications):
        (a, b), (truth, _), groups = draw(setting, generator)
        row, spans = [], []
        for each in (groups, None):
            of_a, found = interval(a, groups=each), verdict("a", a, "b", b, groups=each)
            row += [of_a.low <= truth <= of_a.high, found.p < LEVEL]
            spans.append((found.low, found.high))
        row.append(spans[0][0] <= 0 <= spans[0][1])
        counts += row
        widths.append([high - low for low, high in spans])
    covered, alarms, plain_covered, plain_alarms, covered_difference = (counts / replications).tolist()
    width, plain_width = np.median(widths, axis=0).tolist()
    return Rates(
        setting, replications, covered, covered_difference, alarms, plain_covered, plain_alarms, width, plain_width
    )


def settings() -> Iterator[Setting]:
    """Yield what is simulated."""
    for sizes, groups, alike, seeds in product(("8 each", "1 to 40"), GROUPS, ALIKE, SEEDS):
        yield Setting(sizes, groups, alike, seeds)
    for groups, seeds in product((100, 400), (1, 3)):
        yield Setting("4 copies", groups, 1.0, seeds)
    for sizes, seeds in product(("8 each", "1 to 40"), SEEDS):
        yield Setting(sizes, 40, 0.5, seeds, 0.7)
        yield Setting(sizes, 40, 0.5, seeds, 0.97)
    for world, groups, seeds in product((HARDER, PAIRS), (10, 40), SEEDS):
        yield Setting("1 to 40", groups, 0.5, seeds, world=world)


def table(rates: Sequence[Rates]) -> list[str]:
    """Return the results as lines of Markdown: a line for each kind and number of groups, and for each `alike`."""
    lines = [
        "| images in a group | groups | alike | accuracy covered | difference covered | false alarms | "
        "accuracy covered without groups | false alarms without groups |",
        "|---|---|---|---|---|---|---|---|",
    ]
    kinds = dict.fromkeys((each.setting.kind, each.setting.groups, each.setting.alike) for each in rates)
    for kind, groups, alike in kinds:
        here = [each for each in rates if (each.setting.kind, each.setting.groups) == (kind, groups)]
        here = [each for each in here if each.setting.alike == alike]
        columns = [
            [each.covered for each in here],
            [each.covered_difference for each in here],
            [each.alarms for each in here],
            [each.plain_covered for each in here],
            [each.plain_alarms for each in here],
        ]
        lines.append(f"| {kind} | {groups} | {alike:g} | {' | '.join(map(_range, columns))} |")
    return lines


def _range(shares: Sequence[float]) -> str:
    low, high = f"{100 * min(shares):.1f}", f"{100 * max(shares):.1f}"
    return low if low == high else f"{low} - {high}"


def read(path: Path) -> list[Rates]:
    """Read what `main` stored."""
    document = json.loads(path.read_text(encoding="utf-8"))
    return [Rates(**{**each, "setting": Setting(**each["setting"])}) for each in document["rates"]]


def main() -> None:
    """Simulate all settings and store the results, or print the table of those that are stored."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replications", type=int, default=1000)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    parser.add_argument("--table", action="store_true")
    arguments = parser.parse_args()
    if arguments.table:
        print("\n".join(table(read(arguments.out))))
        return
    stored = {each.setting: each for each in (read(arguments.out) if arguments.out.is_file() else ())}
    rates, started = [], time.perf_counter()
    for number, setting in enumerate(settings()):
        known = stored.get(setting)
        if known is None or known.replications < arguments.replications:
            known = measure(setting, arguments.replications, np.random.default_rng([20, number]))
        rates.append(known)
        print(f"{time.perf_counter() - started:.0f} s {rates[-1]}", flush=True)
        document = {"seeds": "[20, number of the setting]", "rates": [asdict(each) for each in rates]}
        arguments.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
