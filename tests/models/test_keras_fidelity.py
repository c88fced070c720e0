"""A list means the same network here and in Keras: parameters, and with equal weights the same probabilities.

The twins are written out by hand from the articles, not converted from the lists under test.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

os.environ["KERAS_BACKEND"] = "torch"
os.environ["KERAS_HOME"] = tempfile.mkdtemp(prefix="keras-")  # keras writes a settings file when imported

import keras
import numpy as np
import pytest
import torch
from keras import layers as k
from numpy.typing import NDArray
from torch import nn

from sadari.models.catalog import MODELS
from sadari.models.layers import modules
from sadari.models.network import Network, build
from sadari.models.parse import parse
from sadari.models.spec import ModelSpec
from sadari.models.sprints import SPRINTS

CLOSE = 1e-5
Layers = list[Any]


def c(filters: int, padding: str = "same") -> Any:
    return k.Conv2D(filters, (3, 3), padding=padding, activation="relu")


def relu(units: int) -> Any:
    return k.Dense(units, activation="relu")


def cnn_trunk() -> Layers:
    return [each for filters in (32, 64, 64) for each in (c(filters), k.BatchNormalization(), k.MaxPooling2D((2, 2)))]


def cnn2_trunk() -> Layers:
    return [
        c(32), k.BatchNormalization(), c(32), k.BatchNormalization(), k.Dropout(0.25),
        c(64), k.MaxPooling2D((2, 2)), k.Dropout(0.25), c(128), k.BatchNormalization(), k.Dropout(0.25),
    ]  # fmt: skip


def pooled(*filters: int, padding: str = "same") -> Layers:
    return [each for count in filters for each in (c(count, padding), k.MaxPooling2D((2, 2)))]


GREY, ROWS = (28, 28, 1), (28, 28)
# name: (total, trainable, input as the article gives it, classes, layers without the class layer)
TWINS: dict[str, tuple[int, int, tuple[int, ...], int, Callable[[], Layers]]] = {
    "softmax": (7_850, 7_850, GREY, 10, lambda: [k.Flatten()]),
    "mlp": (218_058, 218_058, GREY, 10, lambda: [k.Flatten(), relu(256), relu(64)]),
    "dnn": (79_510, 79_510, GREY, 10, lambda: [k.Flatten(), k.Dense(100, activation="sigmoid")]),
    "cnn": (93_962, 93_642, GREY, 10, lambda: [*cnn_trunk(), k.Flatten(), relu(64)]),
    "lstm": (57_610, 57_610, ROWS, 10, lambda: [
        k.LSTM(64, return_sequences=True), k.LSTM(64), k.LayerNormalization(), k.Dropout(0.5),
    ]),
    "lstm3": (90_634, 90_634, ROWS, 10, lambda: [
        k.LSTM(64, return_sequences=True), k.LSTM(64, return_sequences=True), k.LSTM(64), k.LayerNormalization(),
        k.Dropout(0.5),
    ]),
    "cnn-lstm": (155_850, 155_530, GREY, 10, lambda: [
        *cnn_trunk(), k.TimeDistributed(k.Flatten()), k.LSTM(64, return_sequences=True), k.LSTM(64), k.Dropout(0.5),
    ]),
    "cnn2": (13_017_770, 13_016_106, GREY, 10, lambda: [
        *cnn2_trunk(), k.Flatten(), relu(512), k.BatchNormalization(), k.Dropout(0.5),
        relu(128), k.BatchNormalization(), k.Dropout(0.5),
    ]),
    "cnn2-lstm": (5_154_090, 5_153_706, GREY, 10, lambda: [
        *cnn2_trunk(), k.TimeDistributed(k.Flatten()), k.LSTM(512, return_sequences=True), k.LayerNormalization(),
        k.Dropout(0.5), k.LSTM(128), k.LayerNormalization(), k.Dropout(0.5),
    ]),
    "a1-cnn": (2_283_779, 2_283_779, (224, 224, 3), 3, lambda: [
        *pooled(128, 256, 128, 64), k.Flatten(), relu(128), relu(64), relu(32),
    ]),
    "a2-cnn": (333_526, 333_526, GREY, 10, lambda: [*pooled(32, 64), k.Flatten(), relu(100), k.Dropout(0.4)]),
    "a3-cnn": (2_773_194, 2_773_194, (32, 32, 3), 10, lambda: [
        c(64), k.Dropout(0.5), c(64), k.Dropout(0.5), k.MaxPooling2D(), c(128), k.Dropout(0.5), k.MaxPooling2D(),
        c(256), k.Dropout(0.5), k.MaxPooling2D(), k.Flatten(), relu(512), relu(512),
    ]),
    "a4-first": (243_786, 243_786, GREY, 10, lambda: [*pooled(64, 64, padding="valid"), k.Flatten(), relu(128)]),
    "a4-dnn": (101_770, 101_770, GREY, 10, lambda: [k.Flatten(), relu(128)]),
    "a4-cnn": (113_386, 113_386, GREY, 10, lambda: [*pooled(32, 32, padding="valid"), k.Flatten(), relu(128)]),
}  # fmt: skip

# What the language can say beyond the articles: (list, input, the same in Keras).
MORE: dict[str, tuple[str, tuple[int, int, int], Callable[[], Layers]]] = {
    "strides, even kernels and uneven padding": (
        "conv 4 4 same stride 2 tanh, conv 5 2 same linear, relu, conv 6 5 stride 3 sigmoid, flatten", (24, 21, 3),
        lambda: [
            k.Conv2D(4, 4, strides=2, padding="same", activation="tanh"), k.Conv2D(5, 2, padding="same"), k.ReLU(),
            k.Conv2D(6, 5, strides=3, activation="sigmoid"), k.Flatten(),
        ],
    ),
    "odd sizes, other pools, a mean over the map": (
        "conv 4 3 same stride 2, maxpool 3, avgpool 2, globalavgpool, layernorm, dense 7 tanh, dense 6 linear",
        (27, 29, 1),
        lambda: [
            k.Conv2D(4, 3, strides=2, padding="same", activation="relu"), k.MaxPooling2D(3), k.AveragePooling2D(2),
            k.GlobalAveragePooling2D(), k.LayerNormalization(), k.Dense(7, activation="tanh"), k.Dense(6),
        ],
    ),
    "sprint's layers": (
        "conv 4 same stride 2, conv 6 same linear, maxpool, batchnorm, relu, conv 5 same linear, batchnorm, relu, "
        "globalmaxpool",
        (28, 28, 1),
        lambda: [
            k.Conv2D(4, 3, strides=2, padding="same", activation="relu"), k.Conv2D(6, 3, padding="same"),
            k.MaxPooling2D(), k.BatchNormalization(), k.ReLU(), k.Conv2D(5, 3, padding="same"),
            k.BatchNormalization(), k.ReLU(), k.GlobalMaxPooling2D(),
        ],
    ),
    "sprint-colour's layers": (
        "conv 6 same linear nobias identity, maxpool, batchnorm noscale, gelu, conv 5 same linear nobias, "
        "batchnorm noscale, gelu, globalmaxpool",
        (15, 14, 3),
        lambda: [
            k.Conv2D(6, 3, padding="same", use_bias=False), k.MaxPooling2D(), k.BatchNormalization(scale=False),
            k.Activation("gelu"), k.Conv2D(5, 3, padding="same", use_bias=False), k.BatchNormalization(scale=False),
            k.Activation("gelu"), k.GlobalMaxPooling2D(),
        ],
    ),
    "normalised maps and steps": (
        "conv 4, layernorm, batchnorm, rows, layernorm, batchnorm, lstm 5 sequence, relu, batchnorm, flatten",
        (9, 8, 3),
        lambda: [
            c(4, "valid"), k.LayerNormalization(), k.BatchNormalization(), k.TimeDistributed(k.Flatten()),
            k.LayerNormalization(), k.BatchNormalization(), k.LSTM(5, return_sequences=True), k.ReLU(),
            k.BatchNormalization(), k.Flatten(),
        ],
    ),
}  # fmt: skip


def keras_twin(inputs: tuple[int, ...], classes: int, layers: Layers) -> Any:
    return keras.Sequential([keras.Input(inputs), *layers, k.Dense(classes, activation="softmax")])


def numbers(weight: Any) -> NDArray[np.float32]:
    """Return a copy of the values of Keras's variable `weight`."""
    return np.array(weight.value.detach().cpu().numpy())


def stir(twin: Any, generator: np.random.Generator) -> None:
    """Give every weight that starts at a constant (biases, gains, moving statistics) a value of its own."""
    for layer in twin.layers:
        for weight in layer.weights:
            if len(weight.shape) == 1:
                start = numbers(weight)
                weight.assign(start + generator.uniform(-0.3, 0.3, start.shape).astype(np.float32))


def copy_weights(twin: Any, network: Network) -> None:
    """Copy Keras's weights layer by layer; both lists hold the layers with weights in the same order."""
    ours = [each for each in (*network.features, *network.head) if list(each.parameters())]
    theirs = [each for each in twin.layers if each.weights]
    for module, layer in zip(ours, theirs, strict=True):
        state = module.state_dict()
        state.pop("num_batches_tracked", None)
        values = [torch.from_numpy(_our_order(numbers(each))) for each in layer.weights]
        module.load_state_dict(dict(zip(state, values, strict=True)), strict=False)


def _our_order(weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """Turn Keras's kernels, (height, width, in, out) or (in, out), into torch's, with `out` first."""
    return np.ascontiguousarray(weight.transpose((3, 2, 0, 1) if weight.ndim == 4 else None))


def furthest(twin: Any, network: Network, shape: tuple[int, ...], classes: int) -> float:
    """Return the largest difference of any probability over a random batch."""
    generator = np.random.default_rng(0)
    stir(twin, generator)
    copy_weights(twin, network)
    batch = 3 * generator.standard_normal((2 if shape[0] > 100 else 8, *shape), dtype=np.float32)
    theirs = twin(batch.reshape(-1, *twin.input_shape[1:]), training=False).detach().cpu().numpy()
    network.eval()
    with torch.no_grad():
        ours = network(torch.from_numpy(batch).permute(0, 3, 1, 2)).softmax(dim=1).numpy()
    assert theirs.shape == ours.shape == (len(batch), classes)
    assert np.abs(theirs - theirs[:1]).max() > 1e-3, "the twin says the same of every image; nothing is compared"
    return float(np.abs(ours - theirs).max())


def image_shape(inputs: tuple[int, ...]) -> tuple[int, ...]:
    return inputs if len(inputs) == 3 else (*inputs, 1)


def ours_of(spec: ModelSpec, inputs: tuple[int, ...], classes: int) -> Network:
    return build(parse(spec.layers, spec.variables), image_shape(inputs), classes, seed=0)


@pytest.fixture(autouse=True, scope="module")
def _leave_nothing_behind() -> Iterator[None]:
    yield
    shutil.rmtree(os.environ["KERAS_HOME"], ignore_errors=True)


def test_every_network_of_the_ladder_has_its_twin() -> None:
    """Those with a backbone aside: timm computes it, and tests/models/test_backbone.py counts its parameters.

    Those of `sprints.py` are no article's: their layers have their twins in MORE, but for `mirror` and `whiten`, which
    Keras lacks.
    """
    own = [spec for spec in MODELS if spec.fitted_by == "gradient" and "backbone " not in spec.layers]
    assert {*TWINS, *(spec.name for spec in SPRINTS)} == {spec.name for spec in own}


@pytest.mark.parametrize("name", TWINS)
def test_params_and_probabilities_are_those_of_keras(name: str) -> None:
    total, trainable, inputs, classes, layers = TWINS[name]
    spec = MODELS.get(name)
    twin = keras_twin(inputs, classes, layers())
    assert (twin.count_params(), sum(int(np.prod(w.shape)) for w in twin.trainable_weights)) == (total, trainable)
    rows = spec.rows(image_shape(inputs), classes)
    assert (sum(row.total for row in rows), sum(row.trainable for row in rows)) == (total, trainable)
    network = ours_of(spec, inputs, classes)
    assert sum(each.numel() for each in network.parameters()) == trainable
    assert furthest(twin, network, image_shape(inputs), classes) <= CLOSE


WORDS = {
    "Conv2D": "conv", "BatchNormalization": "batchnorm", "LayerNormalization": "layernorm", "MaxPooling2D": "maxpool",
    "Dropout": "dropout", "Flatten": "flatten", "TimeDistributed": "rows", "LSTM": "lstm", "Dense": "dense",
}  # fmt: skip


@pytest.mark.parametrize("name", TWINS)
def test_layers_follow_each_other_as_in_keras(name: str) -> None:
    """Dropout does nothing in evaluation: its place and its rate must be compared by themselves."""
    _, _, inputs, _, layers = TWINS[name]
    spec = MODELS.get(name)
    ours = [(layer.kind, getattr(layer, "rate", None)) for layer in parse(spec.layers, spec.variables)]
    theirs = [(WORDS[type(layer).__name__], getattr(layer, "rate", None)) for layer in layers()]
    assert ours == ([("rows", None), *theirs] if len(inputs) == 2 else theirs)


@pytest.mark.parametrize("name", MORE)
def test_what_the_language_adds_is_what_keras_does(name: str) -> None:
    text, shape, layers = MORE[name]
    twin = keras_twin(shape, 4, layers())
    network = build(parse(text, {}), shape, 4, seed=0)
    assert sum(each.numel() for each in network.parameters()) == sum(
        int(np.prod(w.shape)) for w in twin.trainable_weights
    )
    assert furthest(twin, network, shape, 4) <= CLOSE


@pytest.mark.parametrize("name", ["cnn", "cnn-lstm", "cnn2-lstm", "dnn"])
def test_starting_weights_follow_keras_distributions(name: str) -> None:
    _, _, inputs, classes, layers = TWINS[name]
    keras.utils.set_random_seed(0)
    twin = keras_twin(inputs, classes, layers())
    network = ours_of(MODELS.get(name), inputs, classes)
    fresh = keras_twin(inputs, classes, layers())  # Keras against Keras shows how far apart two draws may be
    ours = [each for each in (*network.features, *network.head) if list(each.parameters())]
    theirs = [each for each in twin.layers if each.weights]
    others = [each for each in fresh.layers if each.weights]
    for module, layer, other in zip(ours, theirs, others, strict=True):
        for value, weight, again in zip(_weights(module), layer.weights, other.weights, strict=True):
            _same_distribution(value, numbers(weight), numbers(again))


def _weights(module: nn.Module) -> list[NDArray[np.float32]]:
    return [_keras_order(value.numpy()) for key, value in module.state_dict().items() if key != "num_batches_tracked"]


def _keras_order(weight: NDArray[np.float32]) -> NDArray[np.float32]:
    return weight.transpose((2, 3, 1, 0) if weight.ndim == 4 else None)


def _same_distribution(ours: NDArray[np.float32], theirs: NDArray[np.float32], again: NDArray[np.float32]) -> None:
    assert ours.shape == theirs.shape
    if np.array_equal(theirs, again):
        assert np.array_equal(ours, theirs)  # constants: zero biases, forget bias 1, gains 1
        return
    assert not np.array_equal(ours, theirs)
    spread = 6 * theirs.std() / np.sqrt(theirs.size)
    assert abs(ours.mean() - theirs.mean()) < spread
    for power in (2, 4):
        assert np.mean(ours**power) == pytest.approx(
            np.mean(theirs**power), rel=6 * np.sqrt(power / theirs.size) + 0.01
        )
    assert np.abs(ours).max() == pytest.approx(np.abs(theirs).max(), rel=0.25)


def test_the_recurrent_kernel_is_orthogonal_as_in_keras() -> None:
    theirs = k.LSTM(16)
    theirs.build((None, 3, 5))
    keras_kernel = numbers(theirs.cell.recurrent_kernel)
    lstm = modules.LSTM(5, 16, sequence=False)
    lstm.initialise(torch.Generator().manual_seed(0))
    ours = lstm.weight_hh_l0.detach().numpy().T
    for kernel in (keras_kernel, ours):
        assert kernel.shape == (16, 64)
        assert np.allclose(kernel @ kernel.T, np.eye(16), atol=1e-5)
    assert np.array_equal(lstm.bias_ih_l0.detach().numpy(), numbers(theirs.cell.bias))
    assert lstm.bias_ih_l0[16:32].tolist() == [1.0] * 16
