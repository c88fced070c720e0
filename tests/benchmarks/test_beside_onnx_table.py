"""Is the table of networks beside onnxruntime that of the stored results, for every built-in network?"""

import json

from sadari.models.catalog import MODELS
from support.yardstick import BENCHMARKS, load

beside = load("beside_onnx")
ROWS = json.loads((BENCHMARKS / "speed" / "beside_onnx.json").read_text(encoding="utf-8"))["rows"]
PAGE = (BENCHMARKS.parent / "docs" / "speed.md").read_text(encoding="utf-8")


def test_the_table_is_that_of_the_results() -> None:
    assert "\n".join(beside.table(ROWS)) in PAGE


def test_every_built_in_network_answers_as_its_file() -> None:
    assert [row["model"] for row in ROWS if row["batch"] == 64] == list(MODELS.names())
    assert max(row["apart"] for row in ROWS) < 1e-5


def test_preparing_a_small_network_takes_less_than_50_ms() -> None:
    small = [row for row in ROWS if row["model"] in ("mlp", "cnn", "lstm", "a4-cnn", "sprint")]
    assert len(small) == 10 and max(row["preparing_ms"] for row in small) < 50


def test_the_ratio_is_that_of_each_turn() -> None:
    row = {"model": "m", "batch": 1, "microseconds": {"sadari": [1.0, 2.0], "onnxruntime": [3.0, 3.0]}}
    assert beside.ratios(row) == [3.0, 1.5]
    assert beside.table([row])[-1] == "| m | 1.5 | 3 | 2.25 (1.50 to 3.00) |"
