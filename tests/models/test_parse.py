"""Text -> typed layers -> shapes and parameters, and the sentences for what does not fit."""

import pytest

from sadari.errors import UsageError
from sadari.models.catalog import MODELS
from sadari.models.layers import specs
from sadari.models.layers.specs import LSTM, BatchNorm, Conv, Dense, Dropout, Flatten, MaxPool, Rows
from sadari.models.layers.whiten_spec import Gelu, Whiten
from sadari.models.parse import Row, describe, parse
from support.models import is_right


def test_every_kind_of_layer_is_read() -> None:
    text = """
        conv 32 5 same stride 2 tanh nobias identity   # all its tokens
        batchnorm; layernorm, relu
        maxpool
        avgpool 3
        dropout $rate
        rows
        lstm 64 sequence
        lstm 16
        dense 8 linear
        batchnorm noscale
        whiten 3; gelu
    """
    layers = parse(text, {"rate": 0.25})
    assert layers == (
        Conv(text="", filters=32, kernel=5, stride=2, same=True, activation="tanh", bias=False, identity=True),
        BatchNorm(text=""),
        specs.LayerNorm(text=""),
        specs.Relu(text=""),
        MaxPool(text="", size=2),
        specs.AvgPool(text="", size=3),
        Dropout(text="", rate=0.25),
        Rows(text=""),
        LSTM(text="", units=64, sequence=True),
        LSTM(text="", units=16, sequence=False),
        Dense(text="", units=8, activation="linear"),
        BatchNorm(text="", scale=False),
        Whiten(text="", kernel=3),
        Gelu(text=""),
    )
    assert [layer.text for layer in layers][:2] == ["conv 32 5 same stride 2 tanh nobias identity", "batchnorm"]
    assert layers[6].text == "dropout 0.25"


def test_words_may_come_in_any_order() -> None:
    assert parse("conv 32 same stride 2 5 linear", {}) == parse("conv 32 5 linear stride 2 same", {})


def test_defaults_are_those_of_the_articles() -> None:
    assert parse("conv 8, dense 8, globalavgpool, flatten", {}) == (
        Conv(text="", filters=8, kernel=3, stride=1, same=False, activation="relu"),
        Dense(text="", units=8, activation="relu"),
        specs.GlobalAvgPool(text=""),
        Flatten(text=""),
    )


def test_comments_and_empty_lines_are_no_layers() -> None:
    assert parse("\n # conv 3, dense 4\n flatten # , dense 5\n,;\n", {}) == (Flatten(text=""),)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("flatten\ncnov 32", "layer 2 `cnov 32`: unknown layer 'cnov'; did you mean 'conv'?"),
        ("conv", "layer 1 `conv`: needs the number of filters, such as 64"),
        ("conv 0", "layer 1 `conv 0`: the number of filters is a whole number from 1 up, not 0"),
        ("conv -3", "the number of filters is a whole number from 1 up, not -3"),
        ("conv 3.5", "the number of filters is a whole number from 1 up, not 3.5"),
        ("conv 1e3", "the number of filters is a whole number from 1 up, not 1e3"),
        ("conv nan", "the number of filters is a whole number from 1 up, not nan"),
        ("conv 32 smae", "layer 1 `conv 32 smae`: unknown word 'smae'; did you mean 'same'?"),
        ("conv 32 relu tanh", "takes one of relu, linear, sigmoid, tanh, not relu and tanh"),
        ("conv 32 3 3", "has no use for '3'; remove it"),
        ("conv 32 stride", "needs a whole number behind 'stride'"),
        ("conv 32 stride x", "stride is a whole number from 1 up, not x"),
        ("dropout", "layer 1 `dropout`: needs the rate, such as 0.5"),
        ("dropout 1", "the rate is a number from 0 to below 1, not 1"),
        ("dropout nan", "the rate is a number from 0 to below 1, not nan"),
        ("dropout -0.1", "the rate is a number from 0 to below 1, not -0.1"),
        ("flatten 3", "layer 1 `flatten 3`: has no use for '3'; remove it"),
        ("batchnorm relu", "unknown word 'relu'; there are: noscale"),
        ("maxpool relu", "has no use for 'relu'; remove it"),
        ("lstm 64 sequences", "unknown word 'sequences'; did you mean 'sequence'?"),
        ("dropout $droput", "layer 1 `dropout $droput`: unknown variable 'droput'; did you mean 'dropout'?"),
        ("dropout $", "unknown variable ''"),
    ],
)
def test_a_layer_that_makes_no_sense_is_named(text: str, sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text, {"dropout": 0.5})
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_variable_where_there_are_none() -> None:
    with pytest.raises(UsageError, match=r"unknown variable '\$rate'; the network has no variables"):
        parse("dropout $rate", {})


def test_rows_say_how_each_shape_came_about() -> None:
    """A4's reading of `model.summary()`: 28 -> 26 -> 13 -> 11 -> 5 -> 1600."""
    rows = describe(parse("conv 64, maxpool, conv 64, maxpool, flatten, dense 128", {}), (28, 28, 1), 10)
    assert rows == (
        Row(1, "conv 64", (26, 26, 64), 640, 640, "28 - 3 + 1 = 26", "(3x3x1 + 1) x 64 = 640"),
        Row(2, "maxpool", (13, 13, 64), 0, 0, "26 / 2 = 13"),
        Row(3, "conv 64", (11, 11, 64), 36_928, 36_928, "13 - 3 + 1 = 11", "(3x3x64 + 1) x 64 = 36,928"),
        Row(4, "maxpool", (5, 5, 64), 0, 0, "11 / 2 = 5, 1 left out"),
        Row(5, "flatten", (1600,), 0, 0, "5 x 5 x 64 = 1600"),
        Row(6, "dense 128", (128,), 204_928, 204_928, "128 units, each sees 1600", "(1600 + 1) x 128 = 204,928"),
        Row(7, "dense 10 softmax", (10,), 1290, 1290, "10 units, each sees 128", "(128 + 1) x 10 = 1,290"),
    )


@pytest.mark.parametrize(
    ("layer", "shape", "how"),
    [
        ("conv 4 same", (9, 8, 4), "same padding keeps 9, same padding keeps 8"),
        ("conv 4 same stride 2", (5, 4, 4), "9 / 2, up = 5, 8 / 2, up = 4"),
        ("conv 4 stride 2", (4, 3, 4), "(9 - 3) / 2, down, + 1 = 4, (8 - 3) / 2, down, + 1 = 3"),
        ("avgpool 4", (2, 2, 3), "9 / 4 = 2, 1 left out, 8 / 4 = 2"),
        ("rows", (9, 24), "9 rows of 8 x 3 = 24"),
        ("globalavgpool", (3,), "the mean over 9x8"),
        ("globalmaxpool", (3,), "the largest over 9x8"),
        ("batchnorm", (9, 8, 3), "as before"),
        ("mirror", (9, 8, 3), "as before"),
    ],
)
def test_shapes_of_images_that_are_not_square(layer: str, shape: tuple[int, ...], how: str) -> None:
    assert parse(layer, {})[0].follow((9, 8, 3)) == (shape, how)


@pytest.mark.parametrize(
    ("text", "size", "sentence"),
    [
        (
            "conv 8, maxpool, maxpool, maxpool, maxpool",
            8,
            "layer 4 `maxpool`: the map is 1x1 here; remove a pool or use larger images",
        ),
        (
            "conv 8, maxpool, conv 8, conv 8",
            8,
            "layer 4 `conv 8`: the map is 1x1 here, smaller than the 3x3 kernel; remove a pool, ",
        ),
        (
            "conv 8, dense 64",
            8,
            "layer 2 `dense 64`: needs a vector, but has a map here (6x6x8); add flatten before it",
        ),
        (
            "rows, lstm 8 sequence, dense 64",
            8,
            "layer 3 `dense 64`: needs a vector, but has a sequence of time steps here (8 steps of 8)",
        ),
        (
            "flatten, conv 8",
            8,
            "layer 2 `conv 8`: needs a map, but has a vector here; move it before the layer that leaves the map",
        ),
        ("rows, maxpool", 8, "layer 2 `maxpool`: needs a map, but has a sequence of time steps here"),
        ("flatten, flatten", 8, "layer 2 `flatten`: what comes here is a vector already; remove it"),
        ("lstm 8", 8, "layer 1 `lstm 8`: needs a sequence of time steps, but has a map here; add rows before it"),
        (
            "rows, lstm 8, lstm 8",
            8,
            "layer 3 `lstm 8`: needs a sequence of time steps, but has a vector here; write `sequence`",
        ),
        ("conv 8", 8, "the network ends in 6x6x8 but the class layer needs a vector; add flatten at the end"),
        ("rows, lstm 4 sequence", 8, "the network ends in 8 steps of 4 but the class layer needs a vector"),
        ("", 8, "the network ends in 8x8x1 but the class layer needs a vector; add flatten at the end"),
    ],
)
def test_a_layer_that_does_not_fit_is_named(text: str, size: int, sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        describe(parse(text, {}), (size, size, 1), 10)
    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)


def test_every_number_of_parameters_has_its_arithmetic() -> None:
    text = "conv 4 5 same nobias, batchnorm noscale, batchnorm, layernorm, conv 6, rows, lstm 8 sequence, layernorm, "
    text = f"whiten 2, {text}lstm 5, dense 7 tanh"
    counted = [row for row in describe(parse(text, {}), (12, 12, 3), 4) if row.total]
    assert len(counted) == 11
    for row in counted:
        assert is_right(row.params_how, row.total), row
    for spec in MODELS:
        if not spec.begins_with_backbone():
            assert all(is_right(row.params_how, row.total) for row in spec.rows((32, 32, 3), 10) if row.total), (
                spec.name
            )
    assert all(not row.params_how for row in describe(parse("relu, maxpool, flatten", {}), (4, 4, 1), 2)[:3])
