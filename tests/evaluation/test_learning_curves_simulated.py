"""Is the table of learning curves over splits that of the stored simulation, and does it cover the truth?"""

import json
from math import sqrt
from pathlib import Path

from support.yardstick import load

simulation = load("simulations.learning_curves")
DOCUMENT = Path(__file__).parents[2] / "docs" / "statistics.md"


def test_the_page_has_the_stored_rates_and_they_cover() -> None:
    rows, text = json.loads(simulation.OUT.read_text(encoding="utf-8")), DOCUMENT.read_text(encoding="utf-8")
    assert {(row["model"], row["images"], row["splits"]) for row in rows} == {
        (name, *setting) for name in simulation.MODELS for setting in simulation.SETTINGS
    }
    assert all(line in text for line in simulation.table(rows))
    for row in rows:
        assert row["covered"] >= 0.95 - 3 * sqrt(0.05 * 0.95 / row["replications"]), row
