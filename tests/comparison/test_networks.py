"""Are networks told from copies of one network, and are seeds that learnt nothing counted?"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sadari.comparison.result import ComparisonResult
from sadari.comparison.seeds.networks import are_one_network, collapsed, upper_share
from sadari.evaluation.statistics import verdicts
from sadari.run import RunRecord
from sadari.run_files import write_predictions
from sadari.values import Predictions
from support import fake_training
from support.comparing import request, run
from support.fake_training import FakeTrainer


def test_networks_that_are_right_on_the_same_images_are_not_one(tmp_path: Path) -> None:
    records = [_run(tmp_path / f"{each}", 0.8 - 0.01 * each) for each in range(3)]
    assert not are_one_network(records)
    copies = [_run(tmp_path / f"copy{each}", 0.8) for each in range(3)]
    assert are_one_network(copies) and not are_one_network(copies[:1])


def _run(path: Path, sure: float) -> RunRecord:
    path.mkdir()
    labels = np.arange(6) % 2
    probabilities = np.where(labels[:, None] == np.arange(2), sure, 1 - sure).astype(np.float32)
    ids = np.array([f"{each}" for each in range(6)])
    write_predictions(path / "predictions.csv", Predictions(ids, labels, probabilities, ("a", "b"), 0.0))
    return RunRecord(path)


def test_the_sentence_calls_alike_only_what_is_one_network() -> None:
    generator = np.random.default_rng(0)
    same = np.repeat(generator.random((1, 300)) < 0.9, 3, axis=0)
    other = generator.random((3, 300)) < 0.9
    by_chance = verdicts([("x", same), ("y", other)], alike=())[0]
    copies = verdicts([("x", same), ("y", other)], alike=["x"])[0]
    usual = verdicts([("x", same), ("y", other)])[0]
    assert "3 seeds;" in by_chance.sentence and "answer alike" not in by_chance.sentence
    assert copies.sentence == usual.sentence and "3 seeds that answer alike of x" in usual.sentence
    assert (by_chance.p, by_chance.low, by_chance.high) == (usual.p, usual.low, usual.high)


@pytest.mark.parametrize(
    ("happened", "of", "share"), [(0, 3, 0.6316), (0, 5, 0.4507), (0, 10, 0.2589), (1, 3, 0.8647), (3, 3, 1.0)]
)
def test_the_bound_is_that_of_clopper_and_pearson(happened: int, of: int, share: float) -> None:
    assert upper_share(happened, of) == pytest.approx(share, abs=1e-4)


@pytest.fixture
def sometimes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let seed 1 of mlp learn nothing: it says the same class of every image."""
    original = fake_training.drawn_predictions

    def drawn(images: Any, positions: Any, skill: float, seed: int) -> Predictions:
        found = original(images, positions, skill, seed)
        if seed == 103:
            probabilities = np.full_like(found.probabilities, 0.05)
            probabilities[:, 0] = 0.55
            return Predictions(found.ids, found.labels, probabilities, found.classes, 0.01)
        return found

    monkeypatch.setattr(fake_training, "drawn_predictions", drawn)


def compared(tmp_path: Path) -> ComparisonResult:
    return run(request("softmax", "mlp", seeds=3), tmp_path, FakeTrainer())


@pytest.mark.usefixtures("sometimes")
def test_a_seed_that_learnt_nothing_is_told(tmp_path: Path) -> None:
    result = compared(tmp_path)
    said = "mlp: 1 of 3 seeds collapsed (1: no better than one class alone); up to 86 % may."
    assert said in result.about_seeds
    documents = {each["name"]: each["collapsed"] for each in result.document()["arms"]}
    assert documents["mlp"]["seeds"] == [1] and documents["mlp"]["networks"] == 3
    assert documents["softmax"] == {"seeds": [], "networks": 3, "up_to": pytest.approx(0.6316, abs=1e-4)}
    assert list(result.to_frame().set_index("name")["collapsed"]) in ([1, 0], [0, 1])


def test_where_none_collapsed_the_terminal_is_silent(tmp_path: Path) -> None:
    result = compared(tmp_path)
    assert result.about_seeds == ()
    assert all(
        arm.collapsed and arm.collapsed.sentence == "0 of 3 seeds collapsed; up to 63 % may" for arm in result.arms
    )


def test_one_run_says_nothing_of_collapse(tmp_path: Path) -> None:
    result = run(request("mlp", seeds=1), tmp_path, FakeTrainer())
    assert result.arms[0].collapsed is None
    assert collapsed(result.records["mlp"], np.ones((1, 5), bool)) is None
