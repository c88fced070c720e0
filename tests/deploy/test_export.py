"""Is an exported file written only where it is the trained model, and does it say what a user without Sadari needs?"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

import sadari as public
from sadari.deploy import export as exporting
from sadari.deploy import sample as sampling
from sadari.deploy.onnx_graph import make_onnx
from sadari.deploy.onnx_runtime import INPUT, blocks_of, load_onnx
from sadari.deploy.parity import TIE, compare_answers, tie_of
from sadari.deploy.quantize import Calibration, cost_of
from sadari.inference.model import TrainedModel
from sadari.models.layers.neighbours import Neighbours
from sadari.progress import Silent
from sadari.run import RunRecord
from support.photographs import photographs, trained
from support.sets import write_folder
from support.terminal import Terminal


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("data") / "photos", photographs(20, ((16, 16),), "PNG"))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> RunRecord:
    return trained(folder, tmp_path_factory.mktemp("runs") / "mlp", "mlp", epochs=6)


def test_the_file_says_what_predict_says(sadari: Terminal, run: RunRecord, folder: Path, tmp_path: Path) -> None:
    answer = sadari("export", str(run.path), "--out", "model.onnx")
    assert (answer.status, answer.err) == (0, "")
    first, proof = answer.out.splitlines()
    assert first.startswith("model.onnx   ") and first.endswith("uint8 (N, 16, 16, 3) -> probabilities (N, 3)")
    assert proof.startswith("  the same class as the run's network for all 8 validation images; largest difference of")
    answers = public.predict(run.path, folder / "test")
    images = public.load(folder)
    predict = load_onnx((tmp_path / "model.onnx").read_bytes())
    found = dict(zip(images.ids.tolist(), predict(np.asarray(images.images[:])), strict=True))
    assert len(answers) == 21
    for each in answers:
        assert each.probabilities is not None
        assert np.abs(found[each.file.removeprefix(f"{folder}/")] - each.probabilities).max() < 1e-5


def test_json_holds_the_proof(sadari: Terminal, run: RunRecord, tmp_path: Path) -> None:
    document = sadari("export", str(run.path), "--out", "model.onnx", "--json").document
    assert document["path"] == "model.onnx"
    assert document["bytes"] == (tmp_path / "model.onnx").stat().st_size
    assert (document["form"], document["split"], document["cost"]) == ("onnx", "validation", None)
    assert document["part"] == document["split"]  # the key of 0.1.0, for one release
    assert document["classes"] == ["bird", "cat", "dog"]
    parity = document["parity"]
    assert (parity["images"], parity["ties"], parity["differing"]) == (8, 0, 0)
    assert 0 <= parity["mean"] <= parity["largest"] < 1e-5


def test_the_file_names_its_run(run: RunRecord, tmp_path: Path) -> None:
    made = public.export(run.path, out=tmp_path / "model.onnx")
    metadata = {each.key: each.value for each in onnx.load(made.path).metadata_props}
    assert (metadata["model"], metadata["data"], metadata["judged_on"]) == ("mlp", "photos", "test")
    assert json.loads(metadata["scores"]) == run.scores("test")
    assert metadata["preprocess"].startswith("upright, RGB, 16 x 16 pixels: the largest centred part")
    assert str(tmp_path.parent) not in str(metadata)


def test_by_default_it_lies_beside_the_run(run: RunRecord) -> None:
    made = public.export(run.path)
    assert made.path == run.path.with_name("mlp.onnx") and made.path.is_file()
    made.path.unlink()


@pytest.mark.slow
def test_int8_tells_its_cost(sadari: Terminal, run: RunRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sadari.deploy.quantize.SHORTEST", 0.005)
    document = sadari("export", str(run.path), "--quantize", "int8", "--out", "small.onnx", "--json").document
    cost = document["cost"]
    images = public.load(run.job.data)
    val = run.split.val
    predict = load_onnx((tmp_path / "small.onnx").read_bytes())
    right = predict(np.asarray(images.images[val])).argmax(axis=1) == images.labels[val]
    assert cost["accuracy_int8"] == right.mean()
    assert cost["accuracy"] == pytest.approx(run.scores("val")["accuracy"])
    assert cost["images"] == len(val) == 8
    metadata = {each.key: each.value for each in onnx.load(tmp_path / "small.onnx").metadata_props}
    assert json.loads(metadata["quantization_cost"]) == {
        "split": "validation", "images": 8, "accuracy_float32": cost["accuracy"],
        "accuracy_int8": cost["accuracy_int8"], "changed": cost["changed"],
    }  # fmt: skip
    assert (metadata["quantized"], metadata["model"]) == ("int8", "mlp")
    assert 0.1 < cost["size_ratio"] < 0.6
    assert cost["speed_ratio"] > 0
    said = sadari("export", str(run.path), "--quantize", "int8", "--out", "small.onnx").out.splitlines()
    assert said[2].startswith("  int8: accuracy ") and "float32" in said[2] and "another class for" in said[2]
    assert said[3].startswith("  int8: ") and said[3].endswith("times as fast here")


def test_large_images_are_few_at_once() -> None:
    """Memory must hold all maps of the images in one pass; while int8 is calibrated, those of every layer."""
    for side, counts in ((8, [64, 6]), (288, [12] * 5 + [10]), (2048, [1] * 70)):
        images = np.broadcast_to(np.uint8(0), (70, side, side, 3))
        assert [len(block) for block in blocks_of(images)] == counts
    assert [block.shape for block in blocks_of(np.zeros((0, 8, 8, 3), np.uint8))] == [(0, 8, 8, 3)]
    calibration = Calibration(np.arange(3, dtype=np.uint8).reshape(3, 1, 1, 1))
    fed = [calibration.get_next() for _ in range(4)]
    assert [each[INPUT].tolist() for each in fed[:3] if each] == [[[[[0]]]], [[[[1]]]], [[[[2]]]]] and fed[3] is None


def test_the_cost_is_counted_on_pairs() -> None:
    labels = np.array([0, 0, 1, 1])
    sure = np.array([[0.9, 0.1], [0.9, 0.1], [0.1, 0.9], [0.1, 0.9]], np.float32)
    worse = sure[[0, 2, 2, 0]]
    cost = cost_of(sure, worse, labels, 0.25, 2.0)
    assert (cost.accuracy, cost.accuracy_int8, cost.changed, cost.images) == (1.0, 0.5, 2, 4)
    assert cost.verdict.difference == -0.5
    assert (cost.size_ratio, cost.speed_ratio) == (0.25, 2.0)


def test_another_model_is_not_kept(run: RunRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def of_other_weights(model: TrainedModel, about: dict[str, str], *members: Any) -> bytes:
        with torch.no_grad():
            last = list(model.network.head.parameters())[-1]
            last.copy_(torch.tensor([0.0, 50.0, 0.0]))
        content = make_onnx(model, about, *members)
        with torch.no_grad():
            last.zero_()
        return content

    monkeypatch.setattr(exporting, "make_onnx", of_other_weights)
    with pytest.raises(
        public.SadariError, match=r"names another class for \d of 8 validation images .* no file was written"
    ):
        public.export(run.path, out=tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


def test_parity_counts_ties_and_differences() -> None:
    wanted = np.array([[0.5, 0.5, 0.0], [0.8, 0.2, 0.0], [0.3, 0.3, 0.4]], np.float32)
    same = compare_answers(wanted, wanted)
    assert (same.images, same.ties, same.differing, same.largest, same.proved) == (3, 0, 0, 0.0, True)
    tied = wanted.copy()
    tied[0] = (0.49999, 0.50001, 0.0)
    found = compare_answers(wanted, tied)
    assert (found.ties, found.differing, found.proved) == (1, 0, True)
    assert found.largest == pytest.approx(1e-5, rel=0.01)
    other = wanted.copy()
    other[1] = (0.2, 0.8, 0.0)
    found = compare_answers(wanted, other)
    assert (found.ties, found.differing, found.proved) == (0, 1, False)
    assert found.largest == pytest.approx(0.6)
    shifted = np.array([[0.6, 0.3, 0.1]] * 3, np.float32)
    assert not compare_answers(np.array([[0.7, 0.2, 0.1]] * 3, np.float32), shifted).proved  # the same classes, yet


@pytest.mark.parametrize("found", [np.full((3, 2), np.nan, np.float32), np.zeros((3, 1), np.float32)])
def test_no_numbers_are_no_parity(found: np.ndarray) -> None:
    with pytest.raises(public.SadariError, match=r"not the trained one: its probabilities .*; no file was written"):
        compare_answers(np.full((3, 2), 0.5, np.float32), found)


def test_votes_tie_where_one_neighbour_is_exchanged() -> None:
    assert tie_of(torch.nn.Sequential(Neighbours(4, 3, 20))) == pytest.approx(2 / 21)
    assert tie_of(torch.nn.Linear(2, 2)) == TIE


def test_many_images_prove_it_and_none_of_the_test(run: RunRecord, monkeypatch: pytest.MonkeyPatch) -> None:
    images = public.load(run.job.data)
    for most, wanted in ((sampling.CHECKED, 8), (5, 5)):
        monkeypatch.setattr(sampling, "CHECKED", most)
        monkeypatch.setattr(sampling, "CALIBRATING", 7)
        drawn = sampling.draw_sample(run, Silent())
        assert (len(drawn.images), len(drawn.labels), len(drawn.calibrating)) == (wanted, wanted, 7)
        assert drawn.split == "validation"
        val = {images.images[each].tobytes() for each in run.split.val}
        train = {images.images[each].tobytes() for each in run.split.train}
        assert {each.tobytes() for each in drawn.images} <= val
        assert {each.tobytes() for each in drawn.calibrating} <= train
        assert len({each.tobytes() for each in drawn.images}) == wanted


def test_without_validation_the_training_images_prove_it(folder: Path, tmp_path: Path) -> None:
    run = trained(folder, tmp_path / "run", "softmax", val_fraction=0.0, epochs=1)
    made = public.export(run.path)
    assert made.split == "training" and made.parity is not None and made.parity.images == 39


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        (("RUN", "--to", "onx"), 2, "unknown form 'onx'; did you mean 'onnx'?"),
        (("RUN", "--quantize", "int4"), 2, "--quantize is int8, not 'int4'"),
        (("RUN", "--to", "safetensors", "--quantize", "int8"), 2, "--quantize goes with --to onnx and --to web only"),
        (("RUN", "--out", "."), 2, "'.' is a folder; --out takes the name of a file"),
        (("nowhere",), 2, "'nowhere' is not a run"),
        (("RUN", "--out", "/proc/model.onnx"), 1, "cannot write /proc/model.onnx"),
    ],
)
def test_mistakes_end_with_one_sentence_and_no_file(
    words: tuple[str, ...], status: int, sentence: str, sadari: Terminal, run: RunRecord, tmp_path: Path
) -> None:
    answer = sadari("export", *(word.replace("RUN", str(run.path)) for word in words))
    assert (answer.status, answer.out) == (status, "")
    assert sentence in answer.err and answer.err.count("error: ") == 1
    assert list(tmp_path.iterdir()) == []


def test_an_unfinished_run_is_not_exported(run: RunRecord, tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_bytes((run.path / "settings.toml").read_bytes())
    with pytest.raises(public.SadariError, match="is not finished; finish it with: sadari resume"):
        public.export(tmp_path)


def test_images_that_are_gone_or_changed_prove_nothing(tmp_path: Path) -> None:
    files = photographs(9, ((16, 16),), "PNG")
    data = write_folder(tmp_path / "photos", files)
    run = trained(data, tmp_path / "run", "softmax", epochs=1)
    (data / "train/cat/001.png").write_bytes(files["train/dog/001.png"])
    with pytest.raises(public.SadariError, match="have changed since"):
        public.export(run.path)
    data.rename(tmp_path / "elsewhere")
    with pytest.raises(public.SadariError, match=r"proved on the run's own images: .* are not there any more"):
        public.export(run.path)
    assert not list(tmp_path.glob("*.onnx"))


@pytest.mark.parametrize("package", ["onnx", "onnxscript", "onnxruntime"])
def test_a_missing_package_is_named_with_what_to_type(
    package: str, run: RunRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(public.SadariError, match=rf"needs the package {package}, which .*: uv sync --extra deploy$"):
        public.export(run.path, out=tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


def test_what_onnxruntime_cannot_run_is_one_sentence(run: RunRecord) -> None:
    with pytest.raises(public.SadariError, match=r"onnxruntime cannot run the exported model \(.+\); try another"):
        load_onnx(b"this is no model")
    predict = load_onnx(make_onnx(TrainedModel.load(run), {}))
    with pytest.raises(public.SadariError, match="onnxruntime cannot run the exported model"):
        predict(np.zeros((1, 5, 5, 3), dtype=np.uint8))
