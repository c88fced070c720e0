"""Does the page say what the temperature is and what it changes, by the images that judge?"""

from pathlib import Path

import numpy as np
import pytest

from sadari.evaluation.metrics import METRICS
from sadari.evaluation.probabilities.change import changes
from sadari.report.calibrated import about_calibration, before_temperature
from sadari.run import RunRecord
from sadari.training.train import train
from sadari.values import Predictions
from support.jobs import job_for


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[RunRecord]:
    folder = tmp_path_factory.mktemp("runs")
    return [train(job_for("mlp", data="digits", seed=seed, epochs=3), folder / str(seed)) for seed in (0, 1)]


def test_before_is_the_run_without_its_temperature(runs: list[RunRecord], tmp_path: Path) -> None:
    plain = train(job_for("mlp", data="digits", epochs=3, calibration="none"), tmp_path / "plain")
    assert np.allclose(before_temperature(runs[0]).probabilities, plain.predictions.probabilities, atol=1e-6)
    assert before_temperature(plain).probabilities is not None and plain.temperature == 1
    (sentence,) = about_calibration([plain], [plain.predictions], [plain.predictions], drawn_once=True)
    assert sentence == "Its probabilities are not calibrated: no temperature was fitted."


def test_what_changes_is_said_with_its_interval(runs: list[RunRecord]) -> None:
    before, after = [before_temperature(each) for each in runs], [each.predictions for each in runs]
    first, second = about_calibration(runs, before, after, drawn_once=True)
    assert first.startswith("The logits of each run are divided by a temperature of its own, 0.")
    assert first.endswith("fitted on 288 validation images.")
    loss, error = changes(before, after)
    assert f"its log loss goes from {loss.before:.3f} to {loss.after:.3f}" in second
    assert f"to {100 * error.after:.1f} %" in second and "judge by this one" in second
    assert loss.before == pytest.approx(np.mean([METRICS.get("loss").function(each) for each in before]))
    assert error.after == pytest.approx(np.mean([METRICS.get("calibration_error").function(each) for each in after]))
    assert loss.difference is not None and loss.difference.low < loss.difference.mean < loss.difference.high
    assert "95 %" not in about_calibration(runs, before, after, drawn_once=False)[1]


def test_the_same_networks_are_paired() -> None:
    """A loss that falls by the same amount on each image has an interval of no width, however images differ."""
    random = np.random.default_rng(0)
    share = random.uniform(0.1, 0.8, (2, 300)).astype(np.float32)
    labels, ids = np.zeros(300, dtype=np.int64), np.arange(300).astype(str)

    def said(each: np.ndarray) -> Predictions:
        return Predictions(ids, labels, np.stack([each, 1 - each], axis=1), ("a", "b"), 1.0)

    loss, _ = changes([said(each) for each in share], [said(each * np.float32(1.2)) for each in share])
    assert loss.difference is not None
    assert (loss.difference.low, loss.difference.high) == pytest.approx((-np.log(1.2),) * 2, abs=1e-5)
