"""Do the layers of networks for small colour images compute what their papers say? Each against plain arithmetic."""

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sadari.errors import UsageError
from sadari.models.layers.batchnorm import EPSILON, BatchNorm
from sadari.models.layers.modules import Conv
from sadari.models.layers.whiten import LEAST_VARIANCE, Gelu, Whiten
from sadari.models.network import build
from sadari.models.parse import describe, parse


def smooth_images(shape: tuple[int, int, int, int], seed: int = 0) -> Tensor:
    """Return images (N, C, H, W) whose pixels are like those next to them, as in photographs."""
    drawn = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    return drawn.cumsum(2).cumsum(3) / 10 + 0.3


def patches_of(images: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Return all patches of (N, C, H, W) as rows, one by one."""
    _, _, height, width = images.shape
    return np.stack([
        image[:, row : row + size, column : column + size].ravel()
        for image in images
        for row in range(height - size + 1)
        for column in range(width - size + 1)
    ])  # fmt: skip


@pytest.mark.parametrize(("channels", "size", "sides"), [(3, 2, (9, 9)), (1, 2, (8, 11)), (1, 3, (7, 6))])
def test_patches_come_out_with_variance_one_and_apart(channels: int, size: int, sides: tuple[int, int]) -> None:
    images = smooth_images((20, channels, *sides))
    layer = Whiten(channels, size)
    layer.fit([images[:7], images[7:]])
    values = channels * size * size
    found = layer(images).double()
    assert found.shape == (20, 2 * values, sides[0] - size + 1, sides[1] - size + 1)
    seen = found[:, :values].permute(0, 2, 3, 1).reshape(-1, values).detach().numpy()
    patches = patches_of(images.double().numpy(), size)
    variances = np.linalg.eigvalsh(patches.T @ patches / len(patches))
    expected = np.diag(variances / (variances + LEAST_VARIANCE))
    assert np.allclose(seen.T @ seen / len(seen), expected, atol=1e-3)


def test_the_second_half_of_the_filters_is_the_negative_of_the_first() -> None:
    layer = Whiten(3, 2)
    assert torch.equal(layer.weight[:12], -layer.weight[12:])
    begun = layer.weight.clone()
    layer.fit([smooth_images((10, 3, 8, 8))])
    assert torch.equal(layer.weight[:12], -layer.weight[12:])
    assert not torch.equal(layer.weight, begun)


def test_filters_do_not_depend_on_how_images_are_divided() -> None:
    images, whole, divided = smooth_images((30, 3, 8, 8)), Whiten(3, 2), Whiten(3, 2)
    whole.fit([images])
    divided.fit([images[:4], images[4:11], images[11:]])
    products = whole.weight.flatten(1) @ divided.weight.flatten(1).T  # the sign of a component is free
    scale = whole.weight.flatten(1).square().sum(1)
    assert torch.allclose(products.diagonal().abs(), scale, rtol=1e-3)


def test_a_constant_image_gives_finite_filters() -> None:
    layer = Whiten(3, 2)
    layer.fit([torch.ones(5, 3, 6, 6)])
    assert layer.weight.isfinite().all()


def test_its_biases_learn_and_its_filters_stay_and_are_stored() -> None:
    network = build(parse("whiten 2, gelu, conv 4 same, globalavgpool", {}), (8, 8, 3), 3, seed=0)
    assert [name for name, _ in network.features[0].named_parameters()] == ["bias"]
    assert {"features.0.weight", "features.0.bias"} <= set(network.state_dict())
    rows = describe(parse("whiten 2, globalavgpool", {}), (8, 9, 3), 3)
    assert (rows[0].shape, rows[0].total, rows[0].trainable) == ((7, 8, 24), 24 * 12 + 24, 24)
    assert (rows[0].how, rows[0].params_how) == ("8 - 2 + 1 = 7, 9 - 2 + 1 = 8", "(2x2x3 + 1) x 24 = 312")


@pytest.mark.parametrize(
    ("text", "side", "sentence"),
    [
        (
            "conv 8, whiten 2",
            8,
            "layer 2 `whiten 2`: reads images, but has a map of 8 channels here; make it",
        ),
        ("whiten 9", 8, "layer 1 `whiten 9`: the image is 8x8, smaller than the 9x9 kernel"),
        ("flatten, whiten 2", 8, "layer 2 `whiten 2`: needs a map, but has a vector here"),
    ],
)
def test_where_it_does_not_fit_it_says_so(text: str, side: int, sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        describe(parse(text, {}), (side, side, 3), 3)
    assert sentence in str(caught.value)


def test_gelu_is_x_times_the_share_of_a_normal_distribution_below_x() -> None:
    x = torch.linspace(-5, 5, 41, dtype=torch.float64)
    expected = torch.tensor([each * (1 + math.erf(each / math.sqrt(2))) / 2 for each in x.tolist()], dtype=x.dtype)
    assert torch.allclose(Gelu()(x), expected)


@pytest.mark.parametrize(("inputs", "filters", "kernel"), [(3, 5, 3), (4, 2, 3), (3, 3, 5)])
def test_the_first_filters_pass_channels_on_at_first(inputs: int, filters: int, kernel: int) -> None:
    made = build(parse(f"conv {filters} {kernel} same linear identity, flatten", {}), (6, 7, inputs), 3, seed=1)
    x = torch.rand(2, inputs, 6, 7)
    count = min(inputs, filters)
    maps = made.features(x)
    assert torch.allclose(maps[:, :count], x[:, :count])
    drawn = build(parse(f"conv {filters} {kernel} same linear, flatten", {}), (6, 7, inputs), 3, seed=1)
    assert torch.equal(maps[:, count:], drawn.features(x)[:, count:])
    assert torch.equal(made.head[1].weight, drawn.head[1].weight)  # type: ignore[arg-type]


def test_a_convolution_without_biases_is_torchs() -> None:
    made = build(parse("conv 5 same linear nobias, flatten", {}), (6, 7, 3), 3, seed=1)
    layer = made.features[0]
    assert isinstance(layer, Conv) and [name for name, _ in layer.named_parameters()] == ["weight"]
    twin = nn.Conv2d(3, 5, 3, padding=1, bias=False)
    twin.load_state_dict(layer.state_dict())
    x = torch.rand(2, 3, 6, 7)
    assert torch.equal(layer(x), twin(x))


def test_a_batch_norm_without_scale_is_torchs_with_ones() -> None:
    made = build(parse("batchnorm noscale, flatten", {}), (6, 7, 3), 3, seed=1)
    layer = made.features[0]
    assert isinstance(layer, BatchNorm) and [name for name, _ in layer.named_parameters()] == ["bias"]
    assert "weight" not in layer.state_dict()
    twin = nn.BatchNorm2d(3, eps=EPSILON, momentum=0.01)
    x = torch.rand(2, 3, 6, 7)
    for _ in range(2):
        assert torch.equal(layer(x), twin(x))
        assert torch.equal(layer.eval()(x), twin.eval()(x))
    (layer.train()(x) * x).sum().backward()
    (twin.train()(x) * x).sum().backward()
    assert torch.equal(layer.bias.grad, twin.bias.grad)  # type: ignore[arg-type]
