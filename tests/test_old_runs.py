"""Do runs, comparisons, searches and exports that 0.1.0 made open, go on, report and export today?

`support/runs-of-0.1.0.tar.gz` holds one of each kind, made by that version on small drawn shapes, below /old-runs.
"""

import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import sadari
from sadari.comparison.best.state import SearchState
from sadari.comparison.reopen import reopen
from sadari.evaluation.metrics import score
from sadari.explain.activations import feature_maps
from sadari.inference.classifier import Classifier
from sadari.inference.evaluate import evaluate, own_images
from sadari.inference.model import TrainedModel
from sadari.run import RunRecord
from sadari.training.train import resume
from support.terminal import Terminal

ARCHIVE = Path(__file__).parent / "support" / "runs-of-0.1.0.tar.gz"
TEXTS = (".json", ".toml", ".txt", ".csv")
FINISHED = ("network", "classical", "transfer")


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """Return the folder that the archive was made from, with its paths as they are here."""
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    root = tmp_path / "old-runs"
    for path in root.rglob("*"):
        if path.suffix in TEXTS:
            text = path.read_text(encoding="utf-8")
            path.write_text(text.replace("/old-runs", str(root)), encoding="utf-8")
    return root


@pytest.mark.parametrize("name", FINISHED)
def test_a_finished_run_is_evaluated_as_it_was(name: str, old: Path) -> None:
    run = RunRecord.open(old / name)
    assert run.finished and run.threads == 1 and run.history
    again = evaluate(run)
    stored, found = run.scores("test"), score(again)
    assert {name: found[name] for name in stored} == pytest.approx(stored, abs=1e-5)
    assert np.allclose(again.probabilities, run.predictions.probabilities, atol=1e-5)


@pytest.mark.parametrize("name", FINISHED)
def test_a_finished_run_is_found_finished(name: str, old: Path) -> None:
    before = (old / name / "model.safetensors").read_bytes()
    assert resume(old / name).path == old / name
    assert (old / name / "model.safetensors").read_bytes() == before


@pytest.mark.parametrize(
    ("name", "whole"), [("network-interrupted", "network"), ("classical-interrupted", ""), ("transfer-interrupted", "")]
)
def test_an_interrupted_run_goes_on(name: str, whole: str, old: Path) -> None:
    done = len(RunRecord(old / name).history)
    run = resume(old / name)
    assert run.finished and len(run.history) == run.job.settings.epochs > done
    if whole:  # an uninterrupted run of the same job, perhaps on another processor
        ours, theirs = (load_file(old / each / "model.safetensors") for each in (name, whole))
        assert ours.keys() == theirs.keys()
        assert all(torch.allclose(ours[key].float(), theirs[key].float(), atol=1e-4) for key in ours)


@pytest.mark.parametrize("name", FINISHED)
def test_a_run_is_explained_and_exported(name: str, old: Path, tmp_path: Path) -> None:
    run = RunRecord.open(old / name)
    image = own_images(run).images[0]
    maps = feature_maps(TrainedModel.load(run), image)
    assert len(maps) > 0
    for form, out in (("onnx", tmp_path / "model.onnx"), ("safetensors", tmp_path / "folder")):
        assert sadari.export(run.path, form, out=out).path == out


def test_an_exported_folder_predicts_as_its_run(old: Path) -> None:
    run = RunRecord.open(old / "network")
    images = own_images(run).images[:8]
    one, other = (Classifier.open(old / name).probabilities(images) for name in ("network", "exported"))
    assert np.allclose(one, other, atol=1e-6)


@pytest.mark.parametrize(("name", "arms"), [("comparison", 2), ("study", 3), ("best/final", 1)])
def test_a_comparison_is_reported(name: str, arms: int, old: Path, tmp_path: Path) -> None:
    result = reopen([old / name])
    assert len(result.arms) == arms and all(arm.accuracy is not None for arm in result.arms)
    page = sadari.write_report(result, tmp_path / "report.html").read_text(encoding="utf-8")
    assert all(arm.name in page for arm in result.arms)
    if name == "comparison":
        assert result.robustness is not None and result.robustness.corrupted
    if name == "study":
        assert len(result.claims) == 1


def test_runs_of_different_days_are_joined(old: Path) -> None:
    paths = [old / "comparison" / name for name in ("own-net-seed0", "own-net-seed1", "softmax-seed0")]
    assert [len(arm.seeds) for arm in reopen(paths).arms] in ([2, 1], [1, 2])


def test_an_unfinished_comparison_goes_on(old: Path, sadari: Terminal) -> None:
    network = old / "own-net.toml"
    settings = [
        argument
        for pair in ("threads=1", "device=cpu", "precision=float32", "tensorboard=off", "batch_size=16",
                     "checkpoint_seconds=1000.0")
        for argument in ("--set", pair)
    ]  # fmt: skip
    trained_at = (old / "comparison-interrupted" / "own-net-seed0" / "model.safetensors").stat().st_mtime_ns
    answer = sadari(
        "compare", "shapes:images=60,size=16", "--models", f"{network},softmax", "--seeds", "2", "--epochs", "2",
        *settings, "--out", old / "comparison-interrupted", "--json",
    )  # fmt: skip
    assert answer.status == 0, answer.err
    assert [len(arm["seeds"]) for arm in answer.document["arms"]] == [2, 2]
    assert (old / "comparison-interrupted" / "own-net-seed0" / "model.safetensors").stat().st_mtime_ns == trained_at


@pytest.mark.parametrize("name", ["best", "best-interrupted"])
def test_a_search_is_read(name: str, old: Path) -> None:
    diary = SearchState.read(old / name)
    assert diary.budget > 0 and diary.costs
