"""Does a comparison in one process hold what its largest run holds, and does the page say what was measured?"""

import json
from pathlib import Path

from support.yardstick import BENCHMARKS, load

STORED = json.loads((BENCHMARKS / "speed" / "comparison_memory.json").read_text(encoding="utf-8"))
PAGE = (Path(__file__).parents[2] / "docs" / "speed.md").read_text(encoding="utf-8")
MARGIN_MIB, MOST_TIMES = 8, 1.2  # those that the page states
memory = load("comparison_memory")


def test_the_table_is_that_of_the_results() -> None:
    for way in memory.WAYS:
        runs, largest = STORED[way]["runs"], max(STORED["alone"].values())
        peak, held = max(run["peak"] for run in runs), [run["held"] for run in runs]
        assert f"| {way} | {peak} | {peak / largest:.2f} | {held[0]} | {held[1]} | {held[-1]} |" in PAGE


def test_what_is_held_stays_within_the_margin_and_the_peak_below_what_is_promised() -> None:
    runs, round_of = STORED["given back"]["runs"], len(STORED["alone"])
    held = [run["held"] for run in runs]
    assert len(held) >= 3 * round_of
    assert max(held[round_of:]) - held[round_of - 1] <= MARGIN_MIB
    assert max(run["peak"] for run in runs) <= MOST_TIMES * max(STORED["alone"].values())


def test_a_line_says_how_a_comparison_stands_beside_its_largest_run() -> None:
    runs = [{"run": "a", "peak": 300, "held": 100}, {"run": "b", "peak": 330, "held": 110}]
    found = {"alone": {"a": 250, "b": 300}, "given back": {"runs": runs}, "kept": {"runs": runs[:1]}}
    [given, kept] = memory.describe({**found, "kept": {"runs": [runs[0], runs[0]]}}).splitlines()
    assert given == (
        "given back: peak 330 MiB, 1.10 of the largest run alone (300); "
        "held after the first, the second and the last run: 100, 110, 110"
    )
    assert kept.startswith("kept: peak 300 MiB, 1.00 of")
