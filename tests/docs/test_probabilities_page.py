"""Are the tables of docs/probabilities.md those that were measured, and its bounds those of the code?"""

import json
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import pytest

from sadari.evaluation.probabilities.temperature import LEAST_IMAGES, LEAST_OF_EACH

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "probabilities.md").read_text(encoding="utf-8")
MEASURED = json.loads((ROOT / "benchmarks" / "quality" / "calibration.json").read_text(encoding="utf-8"))
BOUNDED = f"Fewer than {LEAST_IMAGES} validation images, or fewer than {LEAST_OF_EACH} that are right"


def table(heading: str, rows: list[str]) -> str:
    columns = heading.count("|") - 1
    return "\n".join([heading, "|" + "---|" * columns, *rows])


def changed(measured: dict[str, Any], scale: float, digits: int) -> str:
    """Return before, after and the difference with its interval, as cells."""
    moved = measured["difference"]
    cells = [f"{scale * measured[when]:.{digits}f}" for when in ("before", "after")]
    low, high = (f"{scale * moved[end]:+.{digits}f}" for end in ("low", "high"))
    return f"{cells[0]} | {cells[1]} | {scale * moved['mean']:+.{digits}f} ({low} to {high})"


def of_runs() -> str:
    rows = []
    for name, row in MEASURED["runs"].items():
        found = sorted({f"{each:.2f}" for each in row["temperatures"]})
        loss, error = row["changes"]
        temperatures = found[0] if len(found) == 1 else f"{found[0]} to {found[-1]}"
        rows.append(
            f"| {name} | {row['val']:,} | {row['accuracy']:.3f} | {temperatures} | {changed(loss, 1, 3)} | "
            f"{changed(error, 100, 1)} |"
        )
    heading = (
        "| set, model | val images | accuracy | temperature | log loss before | after | difference | "
        "calibration error % before | after | difference |"
    )
    return table(heading, rows)


def of_sets() -> str:
    rows = []
    for name, row in MEASURED["runs"].items():
        kinds = row["sets"]["0.9"]
        cells = [f"{100 * kinds[kind]['covered']:.1f}, {kinds[kind]['size']:.2f}" for kind in kinds]
        rows.append(f"| {name} | {' | '.join(cells)} |")
    return table("| set, model | one threshold (LAC) | classwise | APS | RAPS |", rows)


def simulated() -> str:
    rows = []
    for name, row in MEASURED["simulated"].items():
        images = int(name.split()[1])
        rows.append(
            f"| {row['accuracy']:.2f} | {images} | {row['cost']:.4f} | {row['cost_as_bounded']:.4f} | "
            f"{100 * row['fitted']:.0f} % |"
        )
    return table("| accuracy | val images | cost, however few | cost as bounded | sets with enough |", rows)


def over_splits() -> str:
    rows = []
    for wanted in ("0.9", "0.95"):
        for kind, words in (("chose", "validation images, which also chose"), ("fresh", "images that chose nothing")):
            found = [100 * each[wanted][kind] for each in MEASURED["splits"].values()]
            error = 1.96 * stdev(found) / len(found) ** 0.5
            rows.append(f"| {100 * float(wanted):g} % | {words} | {mean(found):.1f} ± {error:.1f} % |")
        less = [100 * (each[wanted]["chose"] - each[wanted]["fresh"]) for each in MEASURED["splits"].values()]
        error = 1.96 * stdev(less) / len(less) ** 0.5
        rows.append(
            f"| | the first minus the second, paired by split | {round(mean(less), 1) + 0:+.1f} ± {error:.1f} |"
        )
    return table("| wanted | thresholds from | covered, mean over splits with its 95 % interval |", rows)


@pytest.mark.parametrize("made", [of_runs, of_sets, simulated, over_splits])
def test_the_tables_are_those_that_were_measured(made: Any) -> None:
    assert made() in PAGE


def test_the_bounds_are_those_of_the_code() -> None:
    assert BOUNDED in PAGE.replace("\n", " ")
