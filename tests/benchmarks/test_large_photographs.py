"""Are the tables on photographs those of the stored results, and do the results bear out what the page says?"""

import json
from pathlib import Path
from typing import Any

from sadari.data import decode
from sadari.data.packs import build

ROOT = Path(__file__).parents[2]
FOUND: dict[str, Any] = json.loads((ROOT / "benchmarks" / "speed" / "large_photographs.json").read_text("utf-8"))
PAGE = (ROOT / "docs" / "speed.md").read_text(encoding="utf-8")
TABLES = PAGE[PAGE.index("<!-- large -->") : PAGE.index("<!-- /large -->")]
MARGINS = {row["margin"]: row for row in FOUND["margins"]}
FULL_SCALE = max(MARGINS)


def test_the_steps_are_those_measured() -> None:
    steps = FOUND["steps"]
    assert f"its file, {FOUND['megabytes']:.1f} MB | {steps['digest']:.1f} ms |" in TABLES
    assert f"decoding at full scale | {steps['decoding at full scale']:.1f} ms |" in TABLES
    assert f"for 224 pixels | {steps['decoding at the scale taken']:.1f} ms |" in TABLES


def test_the_margins_are_those_measured_and_the_one_taken_is_named() -> None:
    for row in MARGINS.values():
        assert f"| 1/{row['scale']} | {row['cpu_ms']:.1f} ms | {row['mean']:.2f} | {row['largest']} |" in TABLES
    assert f"| {decode.DRAFT_MARGIN}, as it is |" in TABLES
    taken, full = MARGINS[decode.DRAFT_MARGIN], MARGINS[FULL_SCALE]
    assert full["cpu_ms"] / taken["cpu_ms"] > 2.6
    assert taken["mean"] < MARGINS[3]["mean"] and taken["largest"] == 1


def test_memory_does_not_grow_with_the_photographs() -> None:
    packing = FOUND["packing"]
    for row in packing:
        of_one = 1000 * row["cpu"] / row["images"]
        cells = (
            f"| {row['images']} | {row['threads']} | {row['cpu']:.1f} s | {of_one:.0f} ms | {row['peak_MiB']:.0f} MiB |"
        )
        assert cells in TABLES
    few, many = (row for row in packing if row["threads"] == 2)
    assert many["images"] >= 6 * few["images"] and many["peak_MiB"] < few["peak_MiB"] + 5
    assert build.BLOCK_BYTES == 8 * 2**20
