"""Do the figures of docs/scaling.md follow from what was measured, and does it say what the program does?"""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from sadari.comparison.workers.local import PLACES
from sadari.locks import claim as claims
from sadari.settings import Settings
from support.yardstick import load

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")
ROWS: list[dict[str, Any]] = json.loads((ROOT / "benchmarks/speed/any_size.json").read_text(encoding="utf-8"))["rows"]
(MEASURED,) = (row for row in ROWS if row["images"] == 120_000 and row["way"] == "streamed")
IMAGES, GPUS, RATE, JPEG, WEIGHTS = (
    10_000_000,
    64,
    2_500,
    110e3,
    25.6e6,
)  # of the page; the last three are assumed there
ALL = GPUS * RATE
PIXELS = 224 * 224 * 3


def paper() -> dict[str, list[str]]:
    """Return the cells of the table behind the first one, by the first one."""
    table = PAGE[PAGE.index("<!-- paper -->") : PAGE.index("<!-- /paper -->")]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line.startswith("|")
    ]
    return {first: rest for first, *rest in rows[2:]}


def test_the_table_of_devices_is_what_was_measured() -> None:
    measured = json.loads((ROOT / "benchmarks/speed/devices.json").read_text(encoding="utf-8"))
    rows = load("devices").table(measured["cases"])
    assert len(rows) > 3 and all(row in PAGE for row in rows) and measured["date"] in PAGE


def test_the_table_multiplies_what_was_measured() -> None:
    first = MEASURED["first"]["load_processor_seconds"] / 120_000
    later = MEASURED["again"]["load_seconds"] / 120_000
    index = (MEASURED["first"]["anonymous_MiB"] - MEASURED["first"]["of_which_before_MiB"]) * 2**20 / 120_000
    epoch = MEASURED["again"]["epoch"]
    decoding = epoch["decoding_processor_seconds"] / epoch["images"]
    assert paper() == {
        "JPEGs": ["110 kB each (assumed)", f"{IMAGES * JPEG / 1e12:.1f} TB"],
        "pack at 224 pixels": ["224 x 224 x 3 bytes each", f"{IMAGES * PIXELS / 1e12:.1f} TB"],
        "pack at 128 pixels": ["128 x 128 x 3 bytes each", f"{IMAGES * 128 * 128 * 3 / 1e12:.2f} TB"],
        "first load: every image decoded once": [
            f"{1e3 * first:.2f} ms of a core each",
            f"{IMAGES * first / 3600:.1f} core-hours",
        ],
        "every later load": [f"{1e6 * later:.0f} µs of one core each", f"{IMAGES * later / 60:.1f} minutes"],
        "memory of the index (names, labels, checksums)": [
            f"{index / 1e3:.1f} kB each",
            f"{IMAGES * index / 1e9:.0f} GB in each process",
        ],
        "decoding while training": [
            f"{1e3 * decoding:.2f} ms of a core each: {1 / decoding:.0f} a second and core",
            f"{ALL * decoding:.0f} cores for 64 GPUs",
        ],
        "reading the pack while training": [
            f"{PIXELS:,} bytes each at {ALL:,} a second",
            f"{ALL * PIXELS / 1e9:.0f} GB/s, {ALL * PIXELS / 8e9:.1f} GB/s a machine",
        ],
        "one epoch": [f"{ALL:,} a second", f"{IMAGES / ALL:.0f} s"],
        "90 epochs": ["", f"{90 * IMAGES / ALL / 60:.0f} minutes"],
        "a checkpoint: weights, best weights, momentum, float32": [
            "25.6 million weights",
            f"{3 * 4 * WEIGHTS / 1e9:.2f} GB, each {Settings().checkpoint_seconds:g} s",
        ],
    }


def test_the_sentences_below_it_follow_too() -> None:
    epoch = MEASURED["again"]["epoch"]
    a_core = epoch["images"] / epoch["decoding_processor_seconds"]
    assert f"512 cores decode {round(512 * a_core, -3):,.0f} images a second" in PAGE
    assert f"keeps up with {100 * ALL / (512 * a_core):.0f} % of the" in PAGE
    assert f"are {ALL * JPEG / 1e9:.1f} GB/s, {ALL * JPEG / 8e9:.1f} GB/s\n  a machine" in PAGE
    assert f"10 million, {IMAGES / RATE / 60:.0f} minutes on one GPU" in PAGE
    assert f"ten such trainings, {10 * 90 * IMAGES / ALL / 3600:.0f} hours" in PAGE


def test_the_page_says_what_the_locks_do() -> None:
    assert f"touches every {claims.BEAT_SECONDS:g} seconds" in PAGE
    assert f"silent for {claims.SILENT_SECONDS:g} seconds" in PAGE
    assert f"counts from {claims.LONG_SILENT_SECONDS / 60:g} minutes on" in PAGE
    for own, _, _ in PLACES:
        assert f"`{own}`" in PAGE


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(tests/[\w/]+\.py)`", PAGE))))
def test_every_test_that_is_named_is_there(name: str) -> None:
    assert (ROOT / name).is_file()
