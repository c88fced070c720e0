"""Does the ONNX file of every model answer as the model does? Trained on few, small images."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray

from sadari.deploy.onnx_graph import make_onnx
from sadari.deploy.onnx_runtime import load_onnx
from sadari.deploy.parity import compare_answers, tie_of
from sadari.deploy.quantize import quantize
from sadari.inference.model import TrainedModel
from sadari.inference.predict import Inputs, predict_logits
from sadari.job import Job
from sadari.models.catalog import MODELS, find_model
from sadari.run import RunRecord
from sadari.settings import Value
from sadari.training.train import train
from sadari.values import ImageSet
from support.backbones import SIDE, backbone_job
from support.jobs import job_for, parts, patterns

# One of each kind of layer; the others are made of the same and take long.
QUICK = ("majority", "sgd", "cnn", "lstm", "knn", "fine-tune")
CHANGES: dict[str, dict[str, Value]] = {"vgg16": {"train": "head"}, "a3-cnn": {"learning_rate": 0.01}}


Pixels = NDArray[np.uint8]


def images_for(job: Job) -> ImageSet:
    pretrained = job.backbone is not None
    return patterns(60, side=SIDE if pretrained else 16, channels=3 if pretrained else 1)


def job_of(name: str) -> Job:
    overrides: dict[str, Value] = {"epochs": 1, **CHANGES.get(name, {})}
    if find_model(name).begins_with_backbone():
        return backbone_job(name, cache="none", **overrides)
    return job_for(name, "patterns", 0, **overrides)


def trained(name: str, out: Path) -> TrainedModel:
    job = job_of(name)
    images = images_for(job)
    return TrainedModel.load(train(job, out, images=images, split=parts(images, 10, 10)))


def pixels_for(name: str) -> Pixels:
    return np.asarray(images_for(job_of(name)).images[:])


def network_says(model: TrainedModel, images: Pixels) -> NDArray[np.float32]:
    logits = predict_logits(model.network, Inputs.pixels(images, model.preprocess), np.arange(len(images)))
    return np.asarray(torch.softmax(logits, dim=1).numpy())


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in MODELS.names()]
)
def test_every_model_answers_the_same_outside(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    model = trained(name, tmp_path / "run")
    capfd.readouterr()
    before = {key: tensor.clone() for key, tensor in model.network.state_dict().items()}
    content = make_onnx(model, {"model": name})
    predict = load_onnx(content)
    assert capfd.readouterr() == ("", "")
    pixels = pixels_for(name)
    assert predict(pixels[:0]).shape == (0, 3)  # onnxruntime's LSTM alone would end this process
    for chosen in (pixels, pixels[:1], pixels[:7]):  # N is free
        found = predict(chosen)
        parity = compare_answers(network_says(model, chosen), found, tie_of(model.network))
        assert parity.proved, parity
        assert parity.largest < 1e-5
        assert found.dtype == np.float32
        assert np.allclose(found.sum(axis=1), 1, atol=1e-5)
    if name != "majority":
        assert np.ptp(predict(pixels), axis=0).max() > 1e-3  # it looks at the image
    after = model.network.state_dict()
    assert all(torch.equal(after[key], tensor) for key, tensor in before.items())
    assert not model.network.training

    proto = onnx.load_from_string(content)
    onnx.checker.check_model(proto)
    (input_,), (output,) = proto.graph.input, proto.graph.output
    assert (input_.name, output.name) == ("images", "probabilities")
    assert input_.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert [each.dim_value for each in input_.type.tensor_type.shape.dim] == [0, *pixels.shape[1:]]
    metadata = {each.key: each.value for each in proto.metadata_props}
    assert json.loads(metadata["classes"]) == ["a", "b", "c"]
    assert json.loads(metadata["shape"]) == list(pixels.shape[1:])
    assert metadata["model"] == name
    assert b"site-packages" not in content and str(Path(__file__).parents[2]).encode() not in content


def test_large_scores_stay_numbers(tmp_path: Path) -> None:
    """One-vs-rest sigmoids of scores far below zero: the logarithm of each alone would be that of 0."""
    model = trained("sgd", tmp_path / "run")
    with torch.no_grad():
        layer = model.network.head[1]
        layer.weight.mul_(1000)  # type: ignore[operator]
        layer.bias.sub_(2000)  # type: ignore[operator]
    pixels = pixels_for("sgd")
    wanted = network_says(model, pixels)
    found = load_onnx(make_onnx(model, {}))(pixels)
    assert np.isfinite(wanted).all()
    assert np.abs(wanted - found).max() < 1e-3


@pytest.mark.parametrize("name", ["mlp", "cnn", "lstm"])
def test_int8_is_smaller_and_nearly_the_same(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    model = trained(name, tmp_path / "run")
    pixels = pixels_for(name)
    content = make_onnx(model, {"model": name})
    capfd.readouterr()
    smaller = quantize(content, pixels[:40])
    assert capfd.readouterr() == ("", "")
    kinds = {node.op_type for node in onnx.load_from_string(smaller).graph.node}
    assert {"QuantizeLinear", "DequantizeLinear"} <= kinds
    if name == "mlp":  # large enough for the weights to count
        assert len(smaller) < 0.5 * len(content)
    metadata = {each.key: each.value for each in onnx.load_from_string(smaller).metadata_props}
    assert metadata["quantized"] == "int8"
    assert json.loads(metadata["classes"]) == ["a", "b", "c"]
    difference = np.abs(load_onnx(smaller)(pixels) - load_onnx(content)(pixels))
    assert 0 < difference.mean() < 0.05


def test_both_sides_of_a_mirrored_network_share_their_weights_in_int8(tmp_path: Path) -> None:
    model = trained("photo-probe", tmp_path / "run")
    pixels = pixels_for("photo-probe")
    content = make_onnx(model, {})
    smaller = quantize(content, pixels[:40])
    large = [each for each in onnx.load_from_string(smaller).graph.initializer if len(each.raw_data) > 64]
    weights = [(each.data_type, *each.dims, each.raw_data) for each in large]
    assert len(weights) == len(set(weights)) > 5
    assert len(smaller) < 0.5 * len(content)
    assert np.abs(load_onnx(smaller)(pixels) - load_onnx(content)(pixels)).mean() < 0.1


def test_what_a_run_stored_is_what_leaves(tmp_path: Path) -> None:
    """The probabilities of predictions.csv come out of the file, through training, storing and exporting."""
    run = RunRecord(tmp_path / "run")
    model = trained("cnn", run.path)
    judged = run.predictions
    pixels = pixels_for("cnn")[run.split.test]
    assert np.abs(load_onnx(make_onnx(model, {}))(pixels) - judged.probabilities).max() < 1e-5
