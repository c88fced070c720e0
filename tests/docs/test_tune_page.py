"""Does docs/tune.md have the figures that its benchmark measured, and the words that the program prints?"""

import json
from pathlib import Path
from typing import Any

import pytest

from sadari.models.catalog import MODELS
from sadari.models.spaces import WITHOUT, space_of
from sadari.tuning.plan import TRIALS
from sadari.tuning.space import JUDGING, OF_MACHINE

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "tune.md").read_text(encoding="utf-8")
MEASURED: dict[str, Any] = json.loads((ROOT / "benchmarks" / "quality" / "tune.json").read_text(encoding="utf-8"))


def points(low: float, high: float) -> str:
    return f"{100 * low:+.1f} to {100 * high:+.1f}"


def row(name: str) -> str:
    """Return the row of a case as the page has it; where there are no test images, those that chose judge, too."""
    found = MEASURED[name]
    tested = "validation images" not in found["sentences"][0]
    gain, on_val, on_test = found["gain"], found["flattery"]["validation"], found["flattery"]["test"]
    cells = (
        f"{found['data']}, {found['model']}",
        f"{found['trials']} in {found['budget']}",
        f"{100 * gain['difference']:+.1f} ({points(gain['low'], gain['high'])}), {gain['verdict']}"
        + ("" if tested else " (on validation images)"),
        f"{100 * on_val['chosen']:.1f}",
        f"{100 * on_val['anew']:.1f} ({points(-on_val['high'], -on_val['low'])})",
        f"{100 * on_test['anew']:.1f} ({points(-on_test['high'], -on_test['low'])})" if tested else "no test images",
    )
    return f"| {' | '.join(cells)} |"


@pytest.mark.parametrize("name", MEASURED)
def test_the_table_is_what_was_measured(name: str) -> None:
    assert row(name) in PAGE
    assert f"{MEASURED[name]['seeds']} fresh seeds" in PAGE


def test_the_page_says_what_the_program_does() -> None:
    assert f"{TRIALS} trials" in PAGE
    for name in MODELS.names():
        if name in WITHOUT:
            assert WITHOUT[name] in PAGE
    for key in space_of(MODELS.get("cnn")):
        assert f"`{key}" in PAGE, key
    for key in ("val_fraction", "split_seed", "group"):
        assert key in JUDGING and f"`{key}`" in PAGE
    assert "device" in OF_MACHINE and "`device`" in PAGE
