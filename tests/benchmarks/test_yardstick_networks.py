"""Do all peers compute the networks that Sadari computes, from one description?"""

import os
import tempfile
from pathlib import Path
from typing import Any

os.environ["KERAS_BACKEND"] = "torch"
os.environ["KERAS_HOME"] = tempfile.mkdtemp(prefix="keras-")  # keras writes a settings file when imported

import numpy as np
import pytest
import torch

from sadari.models.catalog import find_model
from sadari.models.network import Network, build
from sadari.models.parse import parse
from support.yardstick import SHAPES, entrants, load, task_of, tasks, turns

peer_task, torch_layers, keras_layers = (load(name) for name in ("training_task", "torch_layers", "keras_layers"))


def layers_of(model: str) -> Any:
    return tasks.layers_of(model, SHAPES[tasks.NETWORKS[model].pictures], 10)


@pytest.mark.parametrize("model", tasks.NETWORKS)
def test_every_peer_builds_every_network_with_the_same_parameters(model: str) -> None:
    layers, shape = layers_of(model), SHAPES[tasks.NETWORKS[model].pictures]
    peer_task.check_params(layers, torch_layers.counts(torch_layers.build(layers, shape, 0)))
    peer_task.check_params(layers, keras_layers.counts(keras_layers.build(layers, shape)))


@pytest.mark.parametrize("model", ["cnn-lstm", "cnn2-lstm", "lstm", "a4-cnn"])
def test_the_peers_compute_what_sadari_computes(model: str) -> None:
    """With equal weights, equal logits: kernels, padding, activations, gates and the order of values all agree."""
    layers, shape, spec = layers_of(model), SHAPES[tasks.NETWORKS[model].pictures], find_model(model)
    ours = build(parse(spec.layers, spec.variables), shape, 10, 3).eval()
    images = np.random.default_rng(0).random((3, *shape), dtype=np.float32)
    with torch.inference_mode():
        wanted = ours(torch.from_numpy(images).permute(0, 3, 1, 2)).numpy()
        theirs = torch_layers.build(layers, shape, 0).eval()
        give_to_torch(ours, theirs, layers)
        found = theirs(torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()).numpy()
    twin = keras_layers.build(layers, shape)
    give_to_keras(ours, twin)
    with torch.no_grad():
        again = twin(images, training=False).numpy()
    assert np.allclose(found, wanted, atol=1e-5)
    assert np.allclose(again, wanted, atol=1e-5)
    assert np.std(wanted) > 0.01


def give_to_keras(ours: Network, model: Any) -> None:
    """Copy Sadari's weights, kernels in Keras's order of axes."""
    for source, target in zip([*ours.features, *ours.head], model.layers, strict=True):
        values = [each.numpy() for name, each in source.state_dict().items() if name != "num_batches_tracked"]
        if values:
            target.set_weights([each.transpose((2, 3, 1, 0) if each.ndim == 4 else None) for each in values])


def give_to_torch(ours: Network, theirs: Any, layers: Any) -> None:
    """Copy Sadari's weights; behind a flatten, torch counts a map's values in another order."""
    own = [*ours.features, *ours.head]
    for number, (source, target) in enumerate(zip(own, theirs, strict=True)):
        values = [each.clone() for each in source.parameters()]
        if layers[number]["kind"] == "dense" and layers[number - 1]["kind"] == "flatten":
            height, width, channels = layers[number - 2]["shape"]
            weight = values[0].reshape(-1, height, width, channels)
            values[0] = weight.permute(0, 3, 1, 2).reshape(len(weight), -1)
        learning = [each for each in target.parameters() if each.requires_grad]
        for parameter, value in zip(learning, values, strict=True):
            parameter.copy_(value)


def test_peers_start_from_the_same_distributions() -> None:
    layers = layers_of("cnn-lstm")
    spec = find_model("cnn-lstm")
    ours = build(parse(spec.layers, spec.variables), (28, 28, 1), 10, 0)
    theirs = torch_layers.build(layers, (28, 28, 1), 0)
    trained = [[each for each in network.parameters() if each.requires_grad] for network in (ours, theirs)]
    for mine, its in zip(*trained, strict=True):
        assert mine.shape == its.shape
        assert its.detach().std().item() == pytest.approx(mine.detach().std().item(), rel=0.15)


def test_another_number_of_parameters_ends_the_entrant(capsys: pytest.CaptureFixture[str]) -> None:
    layers = layers_of("mlp")
    counted = [(layer["total"], layer["trainable"]) for layer in layers]
    peer_task.check_params(layers, counted)
    counted[1] = (counted[1][0] - 1, counted[1][1])
    with pytest.raises(SystemExit) as ended:
        peer_task.check_params(layers, counted)
    assert ended.value.code == peer_task.WRONG == turns.WRONG
    assert "layer 2 (dense) has 200,959 params" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        peer_task.check_params(layers, counted[1:])


def test_a_figure_of_another_network_is_refused() -> None:
    task, entrant = task_of(), entrants.PEERS["torch"]
    assert turns.checked({"params": 218_058}, task, entrant) == {"params": 218_058}
    with pytest.raises(turns.WrongError, match="torch on mlp has 218,057 params instead of 218,058"):
        turns.checked({"params": 218_057}, task, entrant)


def test_pixels_are_scaled_by_the_training_images_alone(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    train, test = (draw.integers(0, high, (20, 4, 4, 3), dtype=np.uint8) for high in (256, 100))
    labels = np.arange(20) % 10
    np.savez(tmp_path / "x.npz", X_train=train, y_train=labels, X_test=test, y_test=labels)
    task = {"file": str(tmp_path / "x.npz"), "scaling": "channel"}
    pixels = peer_task.read_pixels(task)
    assert pixels.x_train.dtype == np.float32
    assert np.allclose(pixels.x_train.mean(axis=(0, 1, 2)), 0, atol=1e-5)
    assert np.allclose(pixels.x_train.std(axis=(0, 1, 2)), 1, atol=1e-5)
    assert pixels.x_test.mean() < -0.5
    assert np.allclose(peer_task.read_pixels({**task, "scaling": "unit"}).x_train * 255, train, atol=1e-4)
