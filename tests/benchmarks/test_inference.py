"""Do all entrants of the race of judging compute the same, and is every turn kept and told?"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sadari.values import ImageSet
from support.yardstick import MACHINE, load, records, turns

inference, judging = load("inference"), load("race.judging")
Judge, JUDGES = judging.Judge, judging.JUDGES


def drawn(count: int) -> ImageSet:
    pixels = np.random.default_rng(0).integers(0, 256, (count, 28, 28, 1), dtype=np.uint8)
    names, given = np.arange(count).astype(np.str_), np.full(count, "test")
    return ImageSet("drawn", pixels, np.zeros(count, dtype=np.int64), names, judging.CLASSES, given, "")


def turn_of(model: str, choosing: bool = False, **figures: Any) -> dict[str, Any]:
    """A made-up turn: seconds of the passes of everybody, or a whole figure."""
    task = judging.Judging(model, "drawn", 1000, 7, {}, choosing)
    whole = {
        name: figure if isinstance(figure, dict) else {"seconds": figure, "batch": 0, "peak_mib": 512.4, "start": 2.04}
        for name, figure in figures.items()
    }
    return {"task": task.key, "commit": "abc", "figures": whole}


OURS = [replace(JUDGES[name], batches=(128,)) for name in ("sadari", "sadari-onnx")]
PEERS = [
    replace(JUDGES["torch"], batches=(128,)),
    Judge("keras-torch", "infer_keras.py", "float32", backend="torch", batches=(128,)),
]


@pytest.mark.parametrize(
    ("model", "entrants"),
    [
        pytest.param("sprint", OURS, marks=pytest.mark.slow),
        *(
            pytest.param(model, OURS + PEERS, marks=pytest.mark.slow)  # Keras alone takes ten seconds to begin
            for model in ("sprint", "mlp", "lstm", "cnn2", "a4-cnn")
        ),
    ],
)
def test_all_entrants_judge_alike(model: str, entrants: list[Any], tmp_path: Path) -> None:
    """Real processes, in the environment of the tests; weights and statistics are random."""
    task = judging.make_judging(model, drawn(300), tmp_path / "model")
    file = tmp_path / "model" / "images.npy"
    figures = turns.take_turn(task, entrants, 0, file, own=False)["figures"]
    assert set(figures) == {each.name for each in entrants}
    for figure in figures.values():
        assert "failed" not in figure, figure
        assert figure["other_classes"] == 0 and figure["largest"] < 1e-4
        assert len(figure["seconds"]) == 3 and figure["start"] > 0 and figure["peak_mib"] > 10
    onnx = replace(JUDGES["sadari-onnx"], batches=(32, 256))
    choosing = turns.take_turn(replace(task, choosing=True), [onnx], 0, file, own=False)
    assert set(choosing["figures"]["sadari-onnx"]["tried"]) == {"32", "256"}


def test_a_peer_tries_batches_once_and_then_takes_the_fastest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    taken: list[tuple[bool, dict[str, tuple[int, ...]]]] = []

    def take(task: Any, who: Any, seed: int, file: Path, own: bool) -> dict[str, Any]:
        assert own and file.name == "images.npy" and seed == len(taken[1:])
        taken.append((task.choosing, {each.name: each.batches for each in who}))
        figure = {"tried": {"32": 5.0, "256": 9.0, "1000": 7.0}} if task.choosing else None
        return turn_of(task.model, task.choosing, **{each.name: figure or [0.2, 0.1, 0.3] for each in who})

    monkeypatch.setattr(inference, "take_turn", take)
    monkeypatch.setattr(inference, "prepare", lambda *_: None)
    monkeypatch.setattr(inference, "test_pictures", lambda _: drawn(8))
    monkeypatch.setattr(inference, "make_judging", lambda model, *_: judging.Judging(model, "drawn", 1000, 7, {}))
    record = records.Record.open(tmp_path / "inference.json", MACHINE)
    judges = [JUDGES["sadari"], JUDGES["torch"]]
    inference.measure(["mlp"], judges, 2, record, float("inf"))
    assert taken == [
        (True, {"torch": (32, 256, 1000)}),
        (False, {"sadari": (0,), "torch": (256,)}),
        (False, {"sadari": (0,), "torch": (256,)}),
    ]
    assert "2/2 mlp: sadari 5,000/s, torch 5,000/s" in capsys.readouterr().out
    inference.measure(["mlp"], judges, 2, records.Record.open(record.path, MACHINE), float("inf"))
    inference.measure(["cnn"], judges, 2, record, 0.0)  # no time left
    assert len(taken) == 3


def test_another_class_in_float32_ends_the_measurement(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong: Any = {"seconds": [1.0], "other_classes": 2}
    task = judging.Judging("mlp", "drawn", 1000, 7, {})
    record = records.Record.open(tmp_path / "inference.json", MACHINE)
    monkeypatch.setattr(
        inference, "take_turn", lambda _, who, *__, **___: turn_of("mlp", False, **{who[0].name: wrong})
    )
    inference._turn(task, [JUDGES["sadari-bfloat16"]], record, tmp_path)
    with pytest.raises(turns.WrongError, match="sadari on mlp names another class for 2 images"):
        inference._turn(task, [JUDGES["sadari"]], record, tmp_path)
    assert len(record.turns) == 1


def test_the_tables_tell_medians_and_ratios_of_one_turn(tmp_path: Path) -> None:
    made_up = [
        turn_of("cnn", choosing=True, torch={"tried": {"32": 1.0}}),
        turn_of("cnn", sadari=[0.1, 0.1, 0.9], torch={"seconds": [0.2], "batch": 256, "peak_mib": 300, "start": 1.0}),
        turn_of("cnn", sadari=[0.2], torch={"seconds": [0.8], "batch": 256, "peak_mib": 300, "start": 3.0}),
        turn_of("cnn", sadari=[0.2], torch={"failed": "no memory"}),
    ]
    record = records.Record(tmp_path / "none.json", MACHINE, made_up)
    rates, ratios, memory, start = inference.tables(record)[1::2]
    assert "| cnn | 5,000 | 3,125 (256) |" in rates
    assert "| cnn | 3.00 (2.00-4.00) |" in ratios
    assert "| cnn | 512 | 300 |" in memory
    assert "| cnn | 2.0 | 2.0 |" in start
    assert inference.describe_turn(record.turns[-1]) == "cnn: sadari 5,000/s, torch failed: no memory"
