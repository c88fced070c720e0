"""Does the program measure a network and its file, and what does its table say of that?"""

import pytest

from support.yardstick import load

beside = load("beside_onnx")


def test_the_ratio_is_that_of_each_turn() -> None:
    row = {"model": "m", "batch": 1, "microseconds": {"sadari": [1.0, 2.0], "onnxruntime": [3.0, 3.0]}}
    assert beside.ratios(row) == [3.0, 1.5]
    assert beside.table([row])[-1] == "| m | 1.5 | 3 | 2.25 (1.50 to 3.00) |"


def test_a_network_and_its_file_answer_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime", reason="the extra `deploy` is not installed")
    monkeypatch.setattr(beside, "SECONDS", 0.0)
    one, many = beside.measure("softmax", 2, beside.images_of((8, 8, 1)))
    assert (one["batch"], many["batch"]) == (1, 64)
    for row in (one, many):
        assert row["apart"] < 1e-5 and row["preparing_ms"] < 1000
        assert all(len(each) == 2 and min(each) > 0 for each in row["microseconds"].values())
