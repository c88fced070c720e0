"""Layers -> a network: shapes, order of values, starting weights, gradients, training and evaluation."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.func import functional_call

from sadari.errors import SadariError, UsageError
from sadari.models.layers import modules
from sadari.models.layers.batchnorm import BatchNorm
from sadari.models.layers.dropout import Dropout
from sadari.models.layers.modules import glorot_uniform, orthogonal
from sadari.models.layers.specs import KINDS, Layer
from sadari.models.network import Network, build
from sadari.models.parse import describe, parse
from sadari.testing import LayerContract
from support.models import walk

ALL_KINDS = """
    conv 6 2 same stride 2, batchnorm, relu, avgpool
    conv 5 sigmoid, layernorm, dropout 0.5
    conv 4 1, maxpool
    rows, lstm 6 sequence, batchnorm, layernorm, lstm 5 sequence, relu
    flatten, dense 7, batchnorm, dense 6 tanh, layernorm
"""
WHITENED = "whiten 2, gelu, conv 6 same linear nobias identity, maxpool, batchnorm noscale, globalavgpool"
# Every registered layer is in one of these networks, except those that have tests of their own.
NETWORKS = (ALL_KINDS, "mirror, conv 2, globalavgpool", "conv 2, globalmaxpool", WHITENED)
ELSEWHERE = {"own", "backbone", "neighbours"}  # test_backbone.py, test_neighbours.py


class TestLayers(LayerContract):
    layers = (
        ("conv 6 2 same stride 2, batchnorm, relu, avgpool", (8, 8, 1)),
        ("conv 6 2 same stride 2, batchnorm, relu, avgpool", (19, 17, 3)),
        ("conv 5 sigmoid, layernorm, dropout 0.5, maxpool", (8, 8, 3)),
        ("rows, lstm 6 sequence, lstm 5", (8, 9, 3)),
        ("flatten, dense 7, batchnorm, dense 6 tanh", (8, 8, 1)),
        ("mirror, conv 2, globalavgpool", (8, 8, 1)),
        ("conv 2, globalmaxpool", (8, 8, 1)),
        (WHITENED, (8, 9, 3)),
    )


@pytest.fixture(autouse=True)
def _drawn_alike_every_time() -> None:
    torch.manual_seed(0)


def network(text: str, shape: tuple[int, ...] = (8, 8, 1), classes: int = 3, seed: int = 0) -> Network:
    return build(parse(text, {}), shape, classes, seed)


def test_logits_are_the_head_of_the_features() -> None:
    made = network("conv 4 same, maxpool, flatten, dense 5", (8, 8, 3)).eval()
    x = torch.rand(2, 3, 8, 8)
    features = made.features(x)
    assert features.shape == (2, 4, 4, 4)
    assert torch.equal(made.head(features), made(x))
    assert made(x).shape == (2, 3)


@pytest.mark.parametrize("leaving", ["flatten", "rows, lstm 4", "globalavgpool", "globalmaxpool"])
def test_the_head_begins_where_the_map_is_left(leaving: str) -> None:
    made = network(f"conv 4, {leaving}, dense 5")
    assert len(made.features) == 1
    assert type(made.head[0]).__name__.lower() == leaving.split(",")[0]


def test_mirror_counts_in_evaluation_only() -> None:
    x = torch.rand(4, 1, 8, 8)
    plain, made = (network(f"conv 4, flatten{more}, dense 5") for more in ("", ", mirror"))
    assert torch.equal(made.train()(x), plain.train()(x))
    both = made.eval()(x)
    assert torch.allclose(both, (plain.eval()(x) + plain(x.flip(3))) / 2)
    assert torch.equal(made(x.flip(3)), both) and not torch.allclose(both, plain(x))


def test_every_layers_output_in_order_and_untouched_by_later_layers() -> None:
    text = "conv 4 linear, relu, batchnorm, dropout 0.5, maxpool, flatten, dropout 0.5, dense 5, dense 4"
    made = network(text).train()
    x = torch.rand(2, 1, 8, 8)
    outputs = walk(made, x)
    assert [tuple(each.shape[1:]) for each in outputs][-5:] == [(36,), (36,), (5,), (4,), (3,)]
    assert outputs[0].min() < 0  # the relu behind it left it alone
    assert torch.equal(outputs[1], outputs[0].clamp(min=0))


def test_every_registered_layer_is_in_a_network_that_runs_here() -> None:
    for networks in (NETWORKS, [text for text, _ in TestLayers.layers]):
        assert {layer.kind for text in networks for layer in parse(text, {})} | ELSEWHERE == set(KINDS.own())


@pytest.mark.parametrize("text", NETWORKS)
def test_all_shapes_and_params_are_those_that_describe_says(text: str) -> None:
    layers = parse(text, {})
    rows = describe(layers, (19, 17, 3), 4)
    made = build(layers, (19, 17, 3), 4, 0)
    assert sum(each.numel() for each in made.parameters()) == sum(row.trainable for row in rows)
    outputs = walk(made, torch.rand(2, 3, 19, 17))
    assert len(outputs) == len(rows)
    for row, output in zip(rows, outputs, strict=True):
        channel_last = output.permute(0, 2, 3, 1) if output.ndim == 4 else output
        assert tuple(channel_last.shape[1:]) == row.shape, row


LINES = (
    "conv 3",
    "conv 2 2 same",
    "conv 2 5 stride 3",
    "conv 4 3 same stride 2",
    "maxpool",
    "avgpool 3",
    "batchnorm",
    "relu",
)


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.sampled_from(LINES), max_size=4),
    st.sampled_from(("flatten", "globalavgpool", "rows, lstm 3", "rows, lstm 2 sequence, flatten")),
    st.integers(1, 20),
    st.integers(1, 20),
    st.sampled_from((1, 3)),
)
def test_whatever_describe_accepts_runs_with_those_shapes_and_params(
    lines: list[str], leaving: str, height: int, width: int, channels: int
) -> None:
    layers, shape = parse(", ".join([*lines, leaving]), {}), (height, width, channels)
    try:
        rows = describe(layers, shape, 2)
    except UsageError:
        with pytest.raises(UsageError):
            build(layers, shape, 2, 0)
        return
    made = build(layers, shape, 2, 0)
    outputs = walk(made, torch.rand(2, channels, height, width))
    shapes = [tuple((each.permute(0, 2, 3, 1) if each.ndim == 4 else each).shape[1:]) for each in outputs]
    assert shapes == [row.shape for row in rows]
    assert sum(each.numel() for each in made.parameters()) == sum(row.trainable for row in rows)


def test_maps_flatten_in_the_order_height_width_channel() -> None:
    x = torch.rand(2, 3, 4, 5)
    for memory in (torch.contiguous_format, torch.channels_last):
        y = modules.Flatten()(x.contiguous(memory_format=memory))
        assert y[1, (2 * 5 + 4) * 3 + 1] == x[1, 1, 2, 4]
        z = modules.Rows()(x.contiguous(memory_format=memory))
        assert z.shape == (2, 4, 15)
        assert z[1, 2, 4 * 3 + 1] == x[1, 1, 2, 4]
    assert modules.Flatten()(view := x.contiguous(memory_format=torch.channels_last)).data_ptr() == view.data_ptr()


def test_channels_last_gives_the_same_logits() -> None:
    made = network(ALL_KINDS, (19, 17, 3)).eval()
    x = torch.rand(4, 3, 19, 17)
    logits = made(x)
    last = made.to(memory_format=torch.channels_last)(x.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(last, logits, rtol=1e-4, atol=1e-5)


def test_the_same_seed_gives_the_same_weights_whatever_was_drawn_before() -> None:
    text = "conv 4, batchnorm, rows, lstm 4, dense 5"
    torch.manual_seed(1)
    first = network(text, seed=7).state_dict()
    torch.manual_seed(2)
    torch.rand(3)
    before = torch.get_rng_state()
    second, other = network(text, seed=7).state_dict(), network(text, seed=8).state_dict()
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert not torch.equal(first["features.0.weight"], other["features.0.weight"])
    assert not torch.equal(first["head.1.weight_hh_l0"], other["head.1.weight_hh_l0"])


def test_layers_of_one_shape_start_differently() -> None:
    made = network("flatten, dense 64, dense 64, dense 64")
    assert not torch.equal(made.head[2].get_parameter("weight"), made.head[3].get_parameter("weight"))


def test_keys_are_readable_and_hold_no_constant() -> None:
    keys = set(network("conv 4, batchnorm, rows, lstm 4, dense 5").state_dict())
    assert {"features.0.weight", "features.1.running_mean", "head.1.weight_ih_l0", "head.3.bias"} <= keys
    assert "head.1.bias_hh_l0" not in keys
    assert "head.1.bias_hh_l0" not in dict(network("rows, lstm 4").named_parameters())


@pytest.mark.parametrize("training", [True, False])
def test_gradients_of_input_and_weights_are_right(training: bool) -> None:
    made = network(ALL_KINDS, (20, 19, 1)).double().train(training)
    for module in made.modules():
        if isinstance(module, Dropout):
            module.rate = 0.0  # a mask drawn anew for each difference quotient has no gradient
    generator = torch.Generator().manual_seed(3)
    weights = dict(made.named_parameters())
    with torch.no_grad():
        for each in weights.values():  # zero biases would put ReLUs exactly on their kink
            each.add_(torch.rand(each.shape, generator=generator, dtype=torch.float64) * 0.2)
    x = torch.rand(3, 1, 20, 19, dtype=torch.float64, generator=generator, requires_grad=True)

    def logits(x: torch.Tensor, *values: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = functional_call(made, dict(zip(weights, values, strict=True)), (x,))
        return result

    assert torch.autograd.gradcheck(logits, (x, *weights.values()), atol=1e-4, fast_mode=True)


def test_the_lstm_is_its_textbook_definition() -> None:
    generator = torch.Generator().manual_seed(0)
    lstm = modules.LSTM(5, 4, sequence=True)
    lstm.initialise(generator)
    with torch.no_grad():
        lstm.bias_ih_l0.add_(torch.randn(16, generator=generator))
    x = torch.randn(3, 6, 5, generator=generator)
    h, c, states = torch.zeros(3, 4), torch.zeros(3, 4), []
    for step in range(6):
        gates = x[:, step] @ lstm.weight_ih_l0.T + h @ lstm.weight_hh_l0.T + lstm.bias_ih_l0
        i, f, g, o = gates.chunk(4, dim=1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        states.append(h)
    torch.testing.assert_close(lstm(x), torch.stack(states, dim=1))
    lstm.sequence = False
    torch.testing.assert_close(lstm(x), h)


@pytest.mark.parametrize(
    ("rows", "units", "dtype"),
    [(1, 512, torch.float32), (63, 600, torch.float32), (64, 512, torch.bfloat16), (64, 511, torch.float32)],
)
def test_few_products_are_taken_in_float32(rows: int, units: int, dtype: torch.dtype) -> None:
    layer = modules.Dense(512, units, "relu")
    x = torch.rand(rows, 512)
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(x.bfloat16()).dtype == dtype
    assert layer(x).dtype == torch.float32


def test_the_lstm_learns_under_bfloat16_and_stays_near_float32() -> None:
    made = network("rows, lstm 16 sequence, lstm 8, dense 4 tanh", (12, 12, 1)).train()
    x = torch.rand(modules.ROUND_FROM, 1, 12, 12)
    with torch.autocast("cpu", torch.bfloat16):
        assert made.head[:2](x).dtype == torch.bfloat16
        logits = made(x)
    assert 0 < (logits.float() - made(x)).abs().max() < 0.02
    logits.float().square().sum().backward()
    assert all(each.grad is not None and each.grad.abs().sum() > 0 for each in made.parameters())


def test_a_copy_of_an_lstm_has_weights_of_its_own() -> None:
    made = network("rows, lstm 4")
    twin = copy.deepcopy(made)
    x = torch.rand(2, 1, 8, 8)
    before = made(x)
    with torch.no_grad():
        for each in twin.parameters():
            each.zero_()
    assert torch.equal(made(x), before)
    assert torch.equal(twin(x), torch.zeros(2, 3))


def test_weights_loaded_into_an_lstm_are_used() -> None:
    made, other = network("rows, lstm 4", seed=1), network("rows, lstm 4", seed=2)
    other.load_state_dict(made.state_dict())
    x = torch.rand(2, 1, 8, 8)
    assert torch.equal(made(x), other(x))


def test_batchnorm_moves_its_statistics_by_one_hundredth() -> None:
    norm = BatchNorm(2).train()
    x = torch.randn(50, 2) * 3 + 5
    norm(x)
    torch.testing.assert_close(norm.running_mean, 0.01 * x.mean(0))
    torch.testing.assert_close(norm.running_var, 0.99 + 0.01 * x.var(0))


def test_batchnorm_in_training_has_mean_0_and_variance_1_per_feature_of_steps() -> None:
    y = BatchNorm(3).train()(torch.randn(20, 7, 3) * 4 + 2)
    torch.testing.assert_close(y.mean((0, 1)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(y.var((0, 1), correction=0), torch.ones(3), atol=1e-3, rtol=0)


def test_a_lone_last_image_can_be_trained_on() -> None:
    made = network("flatten, dense 4, batchnorm").train()
    norm = made.head[2]
    before = {key: each.clone() for key, each in norm.state_dict().items()}
    logits = made(torch.rand(1, 1, 8, 8))
    logits.sum().backward()
    assert logits.isfinite().all()
    assert all(torch.equal(each, before[key]) for key, each in norm.state_dict().items())


def test_dropout_only_drops_in_training() -> None:
    made = network("dropout 0.5, flatten")
    x = torch.ones(64, 1, 8, 8)
    assert torch.equal(walk(made.eval(), x)[0], x)
    dropped = walk(made.train(), x)[0]
    assert set(dropped.flatten().tolist()) == {0.0, 2.0}
    assert abs(float(dropped.mean()) - 1) < 0.1


def test_a_network_too_large_for_memory_is_refused() -> None:
    with pytest.raises(SadariError, match=r"memory does not hold a network of [0-9,]+ params; use smaller layers"):
        network("flatten, dense 999999999999999")


def test_a_network_that_does_not_fit_is_refused() -> None:
    with pytest.raises(UsageError, match="layer 1 `dense 5`"):
        network("dense 5")


def test_glorot_uniform_fills_its_range_evenly() -> None:
    weight = torch.empty(300, 200)
    glorot_uniform(weight, 200, 300, torch.Generator().manual_seed(0))
    limit = (6 / 500) ** 0.5
    assert 0.999 * limit < weight.max() <= limit
    assert -limit <= weight.min() < -0.999 * limit
    quarters = torch.histc(weight, 4, -limit, limit) / weight.numel()
    assert torch.allclose(quarters, torch.full((4,), 0.25), atol=0.01)


def test_orthogonal_columns_in_every_direction() -> None:
    generator = torch.Generator().manual_seed(0)
    weight = torch.empty(64, 16)
    orthogonal(weight, generator)
    torch.testing.assert_close(weight.T @ weight, torch.eye(16), atol=1e-5, rtol=0)
    firsts = []
    for _ in range(200):
        orthogonal(weight, generator)
        firsts.append(float(weight[0, 0]))
    assert abs(sum(each > 0 for each in firsts) - 100) < 30  # a QR without sign correction gives one sign always


def test_relu_behind_a_pool_changes_no_bit() -> None:
    made = network("conv 4 same, maxpool, conv 5 same linear, maxpool, conv 6 same, maxpool 1, flatten")
    x = torch.rand(3, 1, 8, 8)
    plain = torch.nn.Sequential(*made.features)
    found = []
    for trunk in (made.features, plain):
        made.zero_grad()
        maps = trunk(x)
        maps.square().sum().backward()
        found.append([maps, *(torch.as_tensor(each.grad).clone() for each in made.features.parameters())])
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(*found, strict=True))
    assert (found[0][0] == 0).any()
    assert (found[0][0] > 0).any()


@pytest.mark.parametrize("listen", ["behind the convolution", "before the pool"])
def test_a_layer_that_is_listened_to_gives_what_it_always_gives(listen: str) -> None:
    made = network("conv 4 same, maxpool, flatten")
    heard: list[torch.Tensor] = []
    if listen == "before the pool":
        made.features[1].register_forward_pre_hook(lambda _, given: heard.append(given[0]))
    else:
        made.features[0].register_forward_hook(lambda _, __, gives: heard.append(gives))
    x = torch.rand(3, 1, 8, 8)
    maps = made.features(x)
    assert (heard[0] >= 0).all()
    assert torch.equal(maps, torch.nn.functional.max_pool2d(heard[0], 2))


class Unknown(Layer):
    kind = "unknown"


def test_a_layer_that_nothing_computes_is_one_sentence() -> None:
    with pytest.raises(SadariError, match="`unknown` can be read, but nothing computes it; add a case for Unknown to"):
        build((Unknown(text="unknown"), *parse("flatten", {})), (4, 4, 1), 2, 0)
