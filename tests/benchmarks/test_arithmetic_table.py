"""Is the table of both kinds of arithmetic that of the stored results, and do they bear out what auto takes?"""

import json
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROWS = json.loads((ROOT / "benchmarks" / "speed" / "arithmetic.json").read_text(encoding="utf-8"))
PAGE = (ROOT / "docs" / "speed.md").read_text(encoding="utf-8")


def test_the_table_is_that_of_the_results() -> None:
    found: dict[str, list[str]] = {}
    for row in ROWS:
        figures = f"{row['ratio']:.2f} ({row['least']:.2f} to {row['greatest']:.2f})"
        found.setdefault(row["model"], []).append(figures)
    for model, (one, two) in found.items():
        assert f"| `{model}` | {one} | {two} |" in PAGE
    assert PAGE.count(" | one thread | two threads |") == 1


def test_no_network_is_slower_in_what_auto_takes() -> None:
    assert {row["instructions"] for row in ROWS} == {"AVX512-BF16"}
    assert all(row["least"] > 1 for row in ROWS)
