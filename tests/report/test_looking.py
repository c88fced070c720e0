"""Do the pictures of a look show what the values hold, for every kind of model, and the same each time?"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from sadari.explain.activations import FeatureMap, feature_map
from sadari.explain.inputs import NamedImage
from sadari.explain.look import ChannelView, Look, beside_image, look, view_channel
from sadari.explain.strongest import Strongest
from sadari.explain.weights import class_weights, first_filters
from sadari.report.looking import write_channel, write_learnt, write_look
from sadari.report.plots.explain import (
    draw_attributions,
    draw_channel,
    draw_filter_lesson,
    draw_filters,
    draw_layers,
    draw_maps,
    draw_pool_lesson,
    draw_weights,
)
from sadari.report.plots.style import styled
from support.jobs import patterns
from support.models import ALL, CONVOLVED, DENSE, LINEAR, RECURRENT, model_of, pixels_for


def looked(layers: str = CONVOLVED, channels: int = 1, **more: Any) -> Look:
    model = model_of(layers, channels=channels)
    return look(model, NamedImage("test/00001", pixels_for(model), 2), **more)


def words(figure: Figure) -> list[str]:
    """All that is written on a figure, axis ticks aside."""
    found = [text.get_text() for text in figure.findobj(lambda each: hasattr(each, "get_text"))]  # type: ignore[attr-defined]
    return [each for each in found if each]


def test_a_look_holds_everything_about_one_image() -> None:
    seen = looked()
    assert (seen.name, seen.truth, seen.classes) == ("test/00001", "c", ("a", "b", "c"))
    assert seen.probabilities.sum() == pytest.approx(1) and seen.probabilities.dtype == np.float32
    (most_probable, share), *rest = seen.likeliest()
    assert share == seen.probabilities.max() >= rest[0][1] and seen.attributed.label == most_probable
    assert list(seen.attributed.maps) == ["grad-cam", "integrated-gradients", "occlusion"]
    assert len(seen.maps) == 8 and [each.lines for each in seen.filters] == ["vertical", "horizontal"]


def test_a_wish_narrows_the_look() -> None:
    seen = looked(layer="conv2", label=0, methods=("occlusion",))
    assert [each.layer for each in seen.maps] == ["conv2"]
    assert (seen.attributed.label, list(seen.attributed.maps)) == ("a", ["occlusion"])


@pytest.mark.parametrize(("kind", "channels"), [*((kind, 1) for kind in ALL), ("pooled", 3)])
def test_every_kind_of_model_leaves_pictures_that_open(kind: str, channels: int, tmp_path: Path) -> None:
    seen = looked(ALL[kind], channels)
    files = write_look(seen, tmp_path)
    names = {path.name for path in files}
    assert names >= {
        "attributions.png",
        "lesson-vertical-lines.png",
        "lesson-horizontal-lines.png",
        "lesson-pooling.png",
    }
    assert sum(name.startswith("maps-") for name in names) == len(seen.maps)
    assert ("layers.png" in names) == (kind not in ("dense", "linear"))
    for path in files:
        with Image.open(path) as picture:
            picture.load()
            assert min(picture.size) > 100


def test_equal_looks_give_equal_bytes(tmp_path: Path) -> None:
    first, second = (write_look(looked(layer="conv1"), tmp_path / each) for each in ("a", "b"))
    assert [each.read_bytes() for each in first] == [each.read_bytes() for each in second]


def drawn(figure: Figure) -> list["np.ndarray[Any, np.dtype[Any]]"]:
    return [np.asarray(image.get_array()) for axes in figure.axes for image in axes.get_images()]


def test_the_mosaic_has_every_channel_in_its_place() -> None:
    maps = np.arange(10 * 2 * 3, dtype=np.float32).reshape(10, 2, 3)
    with styled():
        figure = draw_maps(FeatureMap("conv1", maps))
    (mosaic, *_) = drawn(figure)
    shown = np.ma.filled(mosaic.astype(float), np.nan)
    assert shown.shape == (2 * 3 - 1, 8 * 4 - 1)
    assert np.array_equal(shown[:2, 4:7], maps[1]) and np.array_equal(shown[3:5, 4:7], maps[9])
    assert np.isnan(shown[3:5, 8:]).all()
    assert "conv1: 10 channels of 3x2" in words(figure)


def test_more_channels_than_can_be_distinguished_are_counted() -> None:
    with styled():
        figure = draw_maps(FeatureMap("flatten1", np.zeros((1, 1, 300), np.float32)))
    assert "flatten1: 300 units, the first 256" in words(figure)


def test_the_strip_shows_the_channel_that_answers_most() -> None:
    seen = looked()
    with styled():
        figure = draw_layers(seen)
    loudest = int(seen.maps[0].maps.max(axis=(1, 2)).argmax())
    assert np.array_equal(drawn(figure)[1], seen.maps[0].maps[loudest])
    assert f"channel {loudest}, 12x12" in words(figure)


def test_attributions_are_named_and_coloured_from_minus_to_plus() -> None:
    seen = looked()
    with styled():
        figure = draw_attributions(seen.attributed)
    assert set(words(figure)) >= {"grad-cam", "integrated-gradients", "occlusion"}
    assert f"What speaks for {seen.attributed.label}?" in words(figure)
    shown = dict(zip(seen.attributed.maps, drawn(figure)[2::2], strict=True))
    assert np.array_equal(np.sign(shown["occlusion"]), np.sign(seen.attributed.maps["occlusion"]))
    assert np.abs(shown["occlusion"]).max() == 1 and shown["grad-cam"].min() >= 0


def test_an_attribution_of_nothing_can_be_drawn(tmp_path: Path) -> None:
    seen = looked()
    nothing: Mapping[str, Any] = {name: np.zeros((12, 12), np.float32) for name in seen.attributed.maps}
    assert write_look(replace(seen, attributed=replace(seen.attributed, maps=dict(nothing))), tmp_path)


def test_the_lessons_show_their_numbers() -> None:
    seen = looked()
    assert seen.pool is not None
    with styled():
        lesson, pool = draw_filter_lesson(seen.filters[0]), draw_pool_lesson(seen.pool)
    shown = words(lesson)
    assert f"their sum is {seen.filters[0].total:,}" in shown and "12 - 3 + 1 = 10" in shown
    assert {str(each) for each in seen.filters[0].products.ravel()} <= set(shown)
    assert {str(each) for each in seen.pool.window.ravel()} <= set(words(pool)) and "12 / 2 = 6" in words(pool)


@pytest.mark.parametrize("channels", [1, 3])
def test_filters_and_weights_are_drawn_one_by_one(channels: int, tmp_path: Path) -> None:
    filters, weights = first_filters(model_of(CONVOLVED, channels=channels)), class_weights(model_of(LINEAR))
    assert filters is not None and weights is not None
    with styled():
        assert len(drawn(draw_filters(filters))) == 6
        assert set(words(draw_weights(weights))) >= {"a", "b", "c"}
    assert [write_learnt(each, tmp_path).name for each in (filters, weights)] == ["filters.png", "weights.png"]


@pytest.mark.parametrize(
    ("side", "lessons"), [(1, []), (2, []), (3, ["lesson-horizontal-lines.png", "lesson-vertical-lines.png"])]
)
def test_a_tiny_image_is_shown_without_the_lessons_it_is_too_small_for(
    side: int, lessons: list[str], tmp_path: Path
) -> None:
    model = model_of(DENSE, side=side)
    files = write_look(look(model, NamedImage("tiny", pixels_for(model))), tmp_path)
    names = sorted(path.name for path in files)
    assert [name for name in names if name.startswith("lesson")] == lessons
    assert "attributions.png" in names


def planes_of(layers: str, layer: str, channels: int) -> list[np.ndarray[Any, np.dtype[Any]] | None]:
    model, images = model_of(layers, side=12), patterns(12, side=12, channels=1)
    asked = NamedImage("mine", pixels_for(model))
    views = [view_channel(model, images, np.arange(12), layer, channel) for channel in range(channels)]
    return [beside_image(view, model, asked).plane for view in views]


@pytest.mark.parametrize(("layer", "features"), [("rows1", 12), ("lstm1", 6)])
def test_a_channel_of_a_sequence_is_one_feature_over_its_steps(layer: str, features: int) -> None:
    model = model_of(RECURRENT)
    (sequence,) = feature_map(model, pixels_for(model), layer).maps
    planes = planes_of(RECURRENT, layer, features)
    for channel, plane in enumerate(planes):
        assert plane is not None and np.array_equal(plane, sequence[:, channel : channel + 1])


def test_a_channel_of_a_map_is_a_map_and_of_a_vector_nothing_to_see() -> None:
    single = "conv 1, conv 2, flatten"
    (plane,) = planes_of(single, "conv1", 1)
    expected = feature_map(model_of(single), pixels_for(model_of(single)), "conv1").maps
    assert plane is not None and np.array_equal(plane, expected[0]), "a layer of one channel is no sequence"
    assert planes_of(RECURRENT, "lstm2", 2) == [None, None]


def test_a_channel_of_tokens_is_one_feature_over_them() -> None:
    model = model_of("backbone test_vit weights random, globalavgpool", 32, 3, backbone="test_vit")
    pixels, layer = pixels_for(model), "backbone1.blocks.0"
    most = Strongest(layer, 5, np.zeros(1, np.int64), np.zeros(1, np.float32))
    view = beside_image(ChannelView(most, pixels[None], ("a",)), model, NamedImage("mine", pixels))
    assert view.plane is not None
    assert np.array_equal(view.plane, feature_map(model, pixels, layer).maps[0][:, 5:6])
    assert (view.name, view.pixels is pixels) == ("mine", True)


def test_a_channel_is_drawn_with_and_without_an_image(tmp_path: Path) -> None:
    model, images = model_of(CONVOLVED, side=8), patterns(20, channels=1)
    view = view_channel(model, images, np.arange(20), "conv2", 3)
    assert view.images.shape == (9, 8, 8, 1) and view.ids[0] == images.ids[view.strongest.positions[0]]
    assert write_channel(view, tmp_path).name == "channel-conv2-3.png"
    plane = np.eye(4, dtype=np.float32)
    with styled():
        figure = draw_channel(replace(view, name="mine.png", pixels=images.images[0], plane=plane))
    assert np.array_equal(drawn(figure)[1], plane)
    assert "mine.png" in words(figure) and view.ids[8] in words(figure)
