"""Are feature maps what the layers really made, in order, under names that a user can type?"""

import numpy as np
import pytest
import torch

from sadari.errors import SadariError, UsageError
from sadari.explain.activations import feature_map, feature_maps, layer_outputs, prepared
from sadari.explain.layers import layer_names
from sadari.explain.strongest import strongest
from sadari.models.backbone.module import Backbone
from support.jobs import patterns
from support.models import ALL, CONVOLVED, DENSE, POOLED, RECURRENT, model_of, pixels_for, walk

NAMES = ("conv1", "batchnorm1", "maxpool1", "conv2", "relu1", "flatten1", "dense1", "dense2")


def test_layers_are_called_by_kind_and_number() -> None:
    assert layer_names(model_of(CONVOLVED).architecture) == NAMES


@pytest.mark.parametrize("kind", ALL)
def test_maps_are_what_the_layers_made_and_end_in_the_logits(kind: str) -> None:
    model = model_of(ALL[kind])
    pixels = pixels_for(model)
    with torch.no_grad():
        expected = walk(model.network, prepared(model, pixels[None]))
    maps = feature_maps(model, pixels)
    assert [each.layer for each in maps] == list(layer_names(model.architecture))
    for (_, found), values in zip(maps, expected, strict=True):
        assert found.dtype == np.float32 and found.ndim == 3
        assert np.array_equal(found.ravel(), values[0].numpy().ravel())
    assert maps[-1].maps.shape == (1, 1, 3)


def test_maps_sequences_and_vectors_have_shapes_of_their_own() -> None:
    convolved = model_of(CONVOLVED)
    shapes = {each.layer: each.maps.shape for each in feature_maps(convolved, pixels_for(convolved))}
    assert (shapes["conv1"], shapes["maxpool1"], shapes["conv2"]) == ((6, 12, 12), (6, 6, 6), (8, 4, 4))
    assert shapes["dense1"] == (1, 1, 10)
    recurrent = model_of(RECURRENT)
    shapes = {each.layer: each.maps.shape for each in feature_maps(recurrent, pixels_for(recurrent))}
    assert (shapes["rows1"], shapes["lstm1"], shapes["lstm2"]) == ((1, 12, 12), (1, 12, 6), (1, 1, 5))


def test_a_rectified_layer_does_not_falsify_the_one_before_it() -> None:
    maps = {each.layer: each.maps for each in feature_maps(model_of(CONVOLVED), pixels_for(model_of(CONVOLVED)))}
    assert maps["conv2"].min() < 0
    assert np.array_equal(maps["relu1"], np.maximum(maps["conv2"], 0))


def test_one_layer_is_the_same_alone_and_unknown_ones_are_suggested() -> None:
    model = model_of(CONVOLVED)
    pixels = pixels_for(model)
    assert np.array_equal(feature_map(model, pixels, "conv2").maps, dict(feature_maps(model, pixels))["conv2"])
    with pytest.raises(UsageError, match="unknown layer 'conv9'; did you mean 'conv"):
        feature_map(model, pixels, "conv9")


def test_pixels_of_another_shape_are_refused() -> None:
    with pytest.raises(SadariError, match="given to a model for"):
        feature_maps(model_of(DENSE), np.zeros((9, 9, 1), np.uint8))


def test_the_stages_of_a_backbone_come_before_it() -> None:
    model = model_of("backbone test_resnet train head weights random, globalavgpool", 32, 3, backbone="test_resnet")
    pixels = pixels_for(model)
    names = [each.layer for each in feature_maps(model, pixels)]
    assert names[0] == "backbone1.conv1.0" and "backbone1.layer1.0" in names and "backbone1.layer1" not in names
    assert names[-3:] == ["backbone1", "globalavgpool1", "dense1"]
    with torch.no_grad():
        backbone = next(iter(model.network.features))
        assert isinstance(backbone, Backbone)
        expected = backbone(prepared(model, pixels[None]))[0].numpy()
    maps = dict(feature_maps(model, pixels))
    assert np.array_equal(maps["backbone1"], expected)
    last = [name for name in names if name.startswith("backbone1.")][-1]
    assert np.array_equal(maps[last], expected)
    inner = feature_map(model, pixels, "backbone1.layer1.0.bn1").maps
    assert inner.min() < 0, "timm rectifies in place behind it"


def test_a_backbone_with_channels_last_shows_only_its_end() -> None:
    model = model_of("backbone test_mambaout weights random, globalavgpool", 64, 3, backbone="test_mambaout")
    assert [each.layer for each in feature_maps(model, pixels_for(model))] == ["backbone1", "globalavgpool1", "dense1"]


def test_looking_computes_nothing_behind_the_layer_that_is_asked_for() -> None:
    model = model_of(CONVOLVED)
    outputs = layer_outputs(model, prepared(model, pixels_for(model)[None]))
    model.network.head = torch.nn.Sequential()  # whatever comes later would now be missing
    assert [next(outputs).layer for _ in range(2)] == ["conv1", "batchnorm1"]


@pytest.mark.parametrize("training", [False, True])
def test_the_strongest_images_are_those_with_the_largest_peak(training: bool) -> None:
    model, images = model_of(POOLED, side=8), patterns(40, channels=1)
    model.network.train(training)
    positions = np.arange(5, 40)
    peaks = [feature_map(model, images.images[place], "conv2").maps[3].max() for place in positions]
    found = strongest(model, images, positions, "conv2", 3, count=4)
    assert list(found.positions) == list(positions[np.argsort(-np.array(peaks), kind="stable")[:4]])
    assert np.allclose(found.peaks, sorted(peaks, reverse=True)[:4], atol=1e-6)
    assert [each.training for each in model.network.modules()] == [training] * len([*model.network.modules()])


def test_a_channel_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    model, images = model_of(POOLED, side=8), patterns(12, channels=1)
    with pytest.raises(UsageError, match="conv1 has the channels 0 to 3, not 4"):
        strongest(model, images, np.arange(12), "conv1", 4)


def test_a_black_image_is_shown_too() -> None:
    model = model_of(POOLED, side=8)
    assert all(np.isfinite(each.maps).all() for each in feature_maps(model, np.zeros((8, 8, 1), np.uint8)))
