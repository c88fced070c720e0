"""Does docs/scaling.md have the figures that the benchmark of Ray measured?"""

import json
from pathlib import Path

from support.yardstick import BENCHMARKS, load

PAGE = (Path(__file__).parents[2] / "docs" / "scaling.md").read_text(encoding="utf-8")
RESULT = BENCHMARKS / "speed" / "on_ray.json"
on_ray = load("on_ray")


def test_the_table_is_what_was_measured() -> None:
    costs = PAGE[PAGE.index("### What it costs") :]
    if RESULT.is_file():
        document = json.loads(RESULT.read_text(encoding="utf-8"))
        for row in on_ray.table(document):
            assert row in costs
        assert document["date"] in costs
    else:
        assert "not measured yet" in costs


def test_a_row_is_a_difference_or_a_ratio_of_medians() -> None:
    document = {
        "data": "digits",
        "model": "mlp",
        "short": {"epochs": 2, "threads": 1},
        "settings": {"epochs": 20, "threads": 1},
        "overhead": {"here": [1.0, 2.0, 9.0], "there": [1.5, 2.25, 9.0], "seconds": 0.25, "first": 4.0},
        "jobs": {"count": 20, "workers": [60.0], "ray": [66.0], "ratio": 1.1},
    }
    assert on_ray.table(document)[2:] == [
        "| a run: mlp on digits, epochs=2, threads=1 | 2.00 s | 2.25 s | +0.25 s |",
        "| the first run of a process, which loads torch | | | +4.0 s |",
        "| 20 runs: mlp on digits, epochs=20, threads=1 | 60.0 s, `--workers 2` | 66.0 s, two nodes | 1.10 times |",
    ]
