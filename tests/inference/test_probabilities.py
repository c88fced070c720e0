"""Is the temperature of a run part of every probability that leaves it, and does it decide on nothing?"""

import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from PIL import Image
from safetensors import safe_open
from sklearn.datasets import load_digits

import sadari as public
from sadari.deploy.card import model_card
from sadari.deploy.onnx_runtime import load_onnx
from sadari.deploy.origin import origin_of
from sadari.evaluation.probabilities.temperature import at_temperature
from sadari.explain.inputs import NamedImage
from sadari.explain.look import look
from sadari.inference.classifier import Classifier
from sadari.inference.evaluate import evaluate, own_images
from sadari.inference.model import TrainedModel
from sadari.run import CALIBRATION, VALIDATED, RunRecord
from sadari.settings import Value
from sadari.training.train import train
from support.interruptions import at_step, ctrl_c
from support.jobs import QUIET, job_for, model_bytes
from support.terminal import Terminal


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunRecord, RunRecord]:
    """The same network with a temperature and without one."""
    folder = tmp_path_factory.mktemp("runs")
    jobs = {name: job_for("mlp", data="digits", epochs=4, calibration=name) for name in ("temperature", "none")}
    return train(jobs["temperature"], folder / "with"), train(jobs["none"], folder / "without")


@pytest.fixture(scope="module")
def digits(runs: tuple[RunRecord, RunRecord]) -> NDArray[np.uint8]:
    """The test images of both."""
    return np.asarray(own_images(runs[0]).images[runs[0].split.test])


def test_it_changes_probabilities_and_nothing_else(runs: tuple[RunRecord, RunRecord]) -> None:
    scaled, plain = runs
    assert model_bytes(scaled) == model_bytes(plain)
    assert scaled.temperature != 1 and not (plain.path / CALIBRATION).exists() and plain.temperature == 1
    for split_name in ("train", "val", "test"):
        with_it, without = scaled.scores(split_name), plain.scores(split_name)
        changed = {name for name in with_it if with_it[name] != without[name]}
        assert changed <= {"loss", "calibration_error", "auc", "average_precision"} and "loss" in changed
    assert scaled.scores("val")["loss"] < plain.scores("val")["loss"] == pytest.approx(scaled.val_loss_of_logits)
    assert np.array_equal(scaled.predictions.predicted, plain.predictions.predicted)
    assert scaled.summary["calibration"] == scaled.calibration and "calibration" not in plain.summary


def test_every_way_out_has_the_same_probabilities(
    runs: tuple[RunRecord, RunRecord], digits: NDArray[np.uint8], tmp_path: Path
) -> None:
    run = runs[0]
    wanted = run.predictions.probabilities
    assert np.allclose(wanted, at_temperature(runs[1].predictions.probabilities, run.temperature), atol=1e-5)
    assert np.allclose(evaluate(run).probabilities, wanted, atol=1e-6)
    assert np.allclose(Classifier.open(run.path).probabilities(digits), wanted, atol=1e-6)
    hub = public.export(run.path, "safetensors", out=tmp_path / "hub").path
    assert np.allclose(Classifier.open(hub).probabilities(digits), wanted, atol=1e-6)
    onnx = public.export(run.path, "onnx", out=tmp_path / "model.onnx").path
    assert np.allclose(load_onnx(onnx.read_bytes())(digits), wanted, atol=1e-5)
    looked = look(TrainedModel.load(run), NamedImage("one", digits[0]))
    assert np.allclose(looked.probabilities, wanted[0], atol=1e-6)
    Image.fromarray(digits[0, :, :, 0]).save(tmp_path / "one.png")
    (answer,) = public.predict(run.path, tmp_path / "one.png")
    assert answer.probabilities == pytest.approx(wanted[0], abs=1e-6)


def test_all_that_speaks_of_the_model_says_so(runs: tuple[RunRecord, RunRecord], tmp_path: Path) -> None:
    run, plain = runs
    said = f"Its probabilities are calibrated: temperature {run.temperature:g}, fitted on 288 validation images"
    assert origin_of(run.path).calibration.startswith(said)
    assert said in model_card(run, TrainedModel.load(run)) and said in (run.path / "log.txt").read_text("utf-8")
    nothing = "Its probabilities are not calibrated: no temperature was fitted."
    assert origin_of(plain.path).calibration == nothing and nothing in model_card(plain, TrainedModel.load(plain))
    hub = public.export(run.path, "safetensors", out=tmp_path / "hub").path
    assert json.loads((hub / "config.json").read_text("utf-8"))["temperature"] == run.temperature
    assert origin_of(hub).calibration.startswith(said)
    file = public.export(run.path, "onnx", out=tmp_path / "model.onnx").path
    metadata = {each.key: each.value for each in onnx.load(file).metadata_props}
    assert metadata["calibration"].startswith(said)
    thresholds = json.loads(metadata["coverage_thresholds"])
    assert list(thresholds) == ["0.8", "0.9", "0.95", "0.99"]
    sets = Classifier.open(run.path).coverage(0.95)
    assert sets is not None and sets.least[0] == pytest.approx(thresholds["0.95"])
    with safe_open(hub / "model.safetensors", framework="pt") as file:
        assert file.metadata()["temperature"] == f"{run.temperature:g}"


def test_without_validation_images_nothing_is_scaled(tmp_path: Path) -> None:
    run = train(job_for("softmax", data="digits", epochs=1, split="all"), tmp_path / "run")
    assert run.temperature == 1 and run.validated is None
    assert run.calibration["note"] == "no validation image is too few to fit a temperature on (at least 100)"
    few = train(job_for("softmax", data="shapes:images=60,size=16", epochs=1), tmp_path / "few")
    assert few.temperature == 1 and "too few to fit a temperature" in few.calibration["note"]


def test_a_resumed_run_has_the_same_temperature(
    runs: tuple[RunRecord, RunRecord], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = job_for("mlp", data="digits", epochs=4)
    with at_step(monkeypatch, 2, 3, ctrl_c), pytest.raises(KeyboardInterrupt):
        train(job, tmp_path / "run")
    resumed = train(job, tmp_path / "run")
    assert (resumed.path / CALIBRATION).read_bytes() == (runs[0].path / CALIBRATION).read_bytes()
    assert (resumed.path / VALIDATED).read_bytes() == (runs[0].path / VALIDATED).read_bytes()


def test_the_estimator_has_it_too() -> None:
    images, labels = load_digits(return_X_y=True)
    settings: dict[str, Value] = {**QUIET, "tensorboard": "off"}
    del settings["epochs"], settings["batch_size"]
    shares = {}
    for name in ("temperature", "none"):
        fitted = public.ImageClassifier("mlp", epochs=4, settings={**settings, "calibration": name}, random_state=0)
        fitted.fit(images, labels)
        shares[name] = fitted.predict_proba(images[:50])
        again = pickle.loads(pickle.dumps(fitted))  # noqa: S301 - its own bytes
        assert np.array_equal(again.predict_proba(images[:50]), shares[name])
    assert not np.allclose(shares["temperature"], shares["none"], atol=1e-3)
    assert np.array_equal(shares["temperature"].argmax(axis=1), shares["none"].argmax(axis=1))


def test_a_student_learns_from_logits(runs: tuple[RunRecord, RunRecord], tmp_path: Path) -> None:
    students = [
        train(job_for("softmax", data="digits", epochs=1, teacher=str(run.path)), tmp_path / run.path.name)
        for run in runs
    ]
    assert model_bytes(students[0]) == model_bytes(students[1])


def test_an_old_run_opens_as_before(runs: tuple[RunRecord, RunRecord], tmp_path: Path, sadari: Terminal) -> None:
    old = Path(shutil.copytree(runs[1].path, tmp_path / "old"))
    (old / VALIDATED).unlink()
    settings = (old / "settings.toml").read_text("utf-8")
    (old / "settings.toml").write_text(settings.replace('calibration = "none"\n', ""), "utf-8")
    assert np.allclose(evaluate(RunRecord(old)).probabilities, runs[1].predictions.probabilities, atol=1e-6)
    refused = sadari("evaluate", old, "--coverage", "0.9")
    assert refused.status == 1 and "has no validation images to set a coverage by" in refused.err


def test_sets_are_said_where_they_are_asked_for(
    runs: tuple[RunRecord, RunRecord], digits: NDArray[np.uint8], tmp_path: Path, sadari: Terminal
) -> None:
    Image.fromarray(digits[0, :, :, 0]).save(tmp_path / "one.png")
    run = runs[0].path
    answer = sadari("predict", run, tmp_path / "one.png", "--coverage", "0.99", "--json")
    assert answer.status == 0 and "99 % of the images have their class in their set" in answer.err
    assert "of 359 test images" in answer.err
    (found,) = public.predict(run, tmp_path / "one.png", coverage=0.99)
    assert answer.document["set"] == list(found.set or ()) and found.set and found.set[0] == found.label
    table = sadari("predict", run, tmp_path / "one.png", "--coverage", "0.99")
    assert "also in the set of 99 %" in table.out
    csv = sadari("predict", run, tmp_path / "one.png", "--coverage", "0.99", "--csv")
    assert csv.out.splitlines()[0].endswith(",set,error") and " | ".join(found.set) in csv.out
    judged = sadari("evaluate", run, "--coverage", "0.9", "--classwise", "--json")
    seen = judged.document["coverage"]
    assert seen["low"] < seen["covered"] < seen["high"] and len(seen["thresholds"]) == 10 and seen["classwise"]
    assert "90 % of the images of each class" in sadari("evaluate", run, "--coverage", "0.9", "--classwise").out


def test_what_is_no_share_is_refused(runs: tuple[RunRecord, RunRecord], sadari: Terminal) -> None:
    for command in (("predict", runs[0].path, "one.png"), ("evaluate", runs[0].path)):
        refused = sadari(*command, "--coverage", "95")
        assert (refused.status, refused.out) == (2, "")
        assert refused.err.startswith("error: coverage is a share between 0 and 1, such as 0.95, not 95")
        assert sadari(*command, "--classwise").status == 2
