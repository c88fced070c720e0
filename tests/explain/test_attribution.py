"""Do attributions keep their axioms, find what is known to matter, and leave the model as it was?"""

from collections.abc import Callable
from hashlib import sha256

import numpy as np
import pytest
import torch

from sadari.errors import SadariError, UsageError
from sadari.explain import grad_cam as cam
from sadari.explain.activations import feature_maps, layer_outputs, prepared
from sadari.explain.attribution import ATTRIBUTIONS, Attribution, attribute
from sadari.explain.grad_cam import grad_cam, map_layer
from sadari.explain.inputs import NamedImage
from sadari.explain.integrated_gradients import integrated_gradients
from sadari.explain.look import look
from sadari.explain.occlusion import occlusion
from sadari.explain.weights import class_weights, first_filters
from sadari.inference.model import TrainedModel
from sadari.models.layers.neighbours import Neighbours
from support.models import ALL, CONVOLVED, DENSE, LINEAR, POOLED, model_of, pixels_for

RESNET = "backbone test_resnet train head weights random, globalavgpool"


def output(model: TrainedModel, pixels: "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]", label: int) -> float:
    with torch.no_grad():
        return float(model.network(prepared(model, pixels[None]))[0, label])


def bytes_of(model: TrainedModel) -> str:
    """Everything that could have changed: weights, statistics, gradients, hooks, modes, what learns."""
    digest = sha256()
    for name, values in model.network.state_dict().items():
        digest.update(name.encode() + values.numpy().tobytes())
    for name, parameter in model.network.named_parameters():
        digest.update(f"{name} {parameter.requires_grad} {parameter.grad}".encode())
    for name, module in model.network.named_modules():
        hooks = (module._forward_hooks, module._forward_pre_hooks, module._backward_hooks, module._backward_pre_hooks)
        digest.update(f"{name} {module.training} {[len(each) for each in hooks]}".encode())
    return digest.hexdigest()


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("method", ATTRIBUTIONS, ids=lambda each: each.name)
def test_every_method_gives_a_map_of_the_image_or_says_why_not(method: Attribution, kind: str) -> None:
    model = model_of(ALL[kind], channels=3)
    pixels, before = pixels_for(model), bytes_of(model)
    if method.lacks(model):
        with pytest.raises(UsageError, match=f"{method.name} cannot explain this model: it"):
            attribute(method.name, model, pixels, 1)
        return
    values = attribute(method.name, model, pixels, 1)
    assert values.shape == (12, 12) and values.dtype == np.float32
    assert np.isfinite(values).all() and values.any()
    assert method.signed or values.min() >= 0
    assert np.array_equal(values, attribute(method.name, model, pixels, 1)), "repeatable"
    assert bytes_of(model) == before


def test_which_model_can_be_explained_by_what() -> None:
    able = {
        kind: [each.name for each in ATTRIBUTIONS if not each.lacks(model_of(layers))] for kind, layers in ALL.items()
    }
    always = ["integrated-gradients", "occlusion"]
    assert able["convolved"] == able["pooled"] == able["towards-rows"] == ["grad-cam", *always]
    assert able["dense"] == able["recurrent"] == always
    assert able["linear"] == [*always, "weights"]
    assert all("always predicts the same class" in each.lacks(model_of(LINEAR, classical="majority"))
               for each in ATTRIBUTIONS if each.name != "grad-cam")  # fmt: skip


def broken(*_: object, **__: object) -> None:
    raise RuntimeError("in the middle")


@pytest.mark.parametrize("method", [grad_cam, integrated_gradients], ids=["grad-cam", "integrated-gradients"])
@pytest.mark.parametrize("training", [False, True])
def test_a_method_that_throws_leaves_no_trace(
    method: Callable[[TrainedModel, "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]", int], object],
    training: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = model_of(CONVOLVED)
    model.network.train(training)
    before = bytes_of(model)
    monkeypatch.setattr(torch.autograd, "grad", broken)
    with pytest.raises(RuntimeError, match="in the middle"):
        method(model, pixels_for(model), 0)
    assert bytes_of(model) == before
    assert torch.is_grad_enabled() and torch.backends.cudnn.enabled


def test_occlusion_that_throws_leaves_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of(DENSE)
    model.network.train()
    before = bytes_of(model)
    monkeypatch.setattr(model.network, "forward", broken)
    with pytest.raises(RuntimeError, match="in the middle"):
        occlusion(model, pixels_for(model), 0)
    assert bytes_of(model) == before


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("scaling", ["unit", "pixel"])
def test_integrated_gradients_add_up_to_the_difference_from_black(kind: str, scaling: str) -> None:
    """Completeness. Linear networks are exact but for float32; of the others the tolerance is 2 % (see STEPS)."""
    model = model_of(ALL[kind], channels=3, scaling=scaling)
    for seed in range(3):
        pixels = pixels_for(model, seed)
        difference = output(model, pixels, 2) - output(model, np.zeros_like(pixels), 2)
        tolerance = 1e-4 if kind == "linear" else 0.02
        assert integrated_gradients(model, pixels, 2).sum() == pytest.approx(
            difference, abs=tolerance * max(1, abs(difference))
        )


def test_few_steps_add_up_worse_than_many() -> None:
    model = model_of(CONVOLVED)
    errors = []
    for steps in (2, 512):
        error = 0.0
        for seed in range(8):
            pixels = pixels_for(model, seed)
            difference = output(model, pixels, 0) - output(model, np.zeros_like(pixels), 0)
            error += abs(float(integrated_gradients(model, pixels, 0, steps).sum()) - difference)
        errors.append(error)
    assert errors[1] < 0.2 * errors[0]


@pytest.mark.parametrize("kind", ALL)
def test_what_equals_the_baseline_gets_nothing(kind: str) -> None:
    model = model_of(ALL[kind])
    assert not integrated_gradients(model, np.zeros((12, 12, 1), np.uint8), 0).any()
    assert not occlusion(model, np.full((12, 12, 1), 77, np.uint8), 0).any()
    pixels = pixels_for(model)
    pixels[3:6] = 0
    assert not integrated_gradients(model, pixels, 0)[3:6].any(), "black pixels add nothing"


def test_a_linear_network_is_explained_by_its_weights() -> None:
    model = model_of(LINEAR, scaling="pixel")
    pixels = pixels_for(model)
    learnt = class_weights(model)
    assert learnt is not None and learnt.values.shape == (3, 12, 12, 1)
    prepared_pixels = prepared(model, np.stack([pixels, np.zeros_like(pixels)])).numpy()[:, 0]
    expected = learnt.values[1, :, :, 0] * (prepared_pixels[0] - prepared_pixels[1])
    assert np.allclose(integrated_gradients(model, pixels, 1), expected, atol=1e-5)
    assert np.array_equal(attribute("weights", model, pixels, 1), learnt.values[1, :, :, 0])
    assert class_weights(model_of(DENSE)) is None


def test_occlusion_finds_the_only_pixels_that_matter() -> None:
    model = model_of(LINEAR)
    with torch.no_grad():
        model.network.head[-1].weight.zero_()  # type: ignore[operator]
        image_of_weights = model.network.head[-1].weight.view(3, 12, 12)  # type: ignore[operator]
        image_of_weights[1, 8:10, 2:4] = 1.0
    pixels = np.zeros((12, 12, 1), np.uint8)
    pixels[8:10, 2:4] = 255
    values = occlusion(model, pixels, 1)
    assert values.max() == values[8:10, 2:4].max() > 0
    assert values[:6].max() == 0 and values[:, 7:].max() == 0
    assert occlusion(model, pixels, 0).any() is np.False_


def test_grad_cam_is_class_activation_mapping_where_the_maps_are_averaged() -> None:
    """Selvaraju et al., section 3.1: with global average pooling and one dense layer both are one, but for 1 / HW."""
    model = model_of(POOLED, channels=3)
    pixels = pixels_for(model)
    maps = torch.from_numpy(dict(feature_maps(model, pixels))["conv2"])
    weights = model.network.head[-1].weight[1].detach()  # type: ignore[index]
    expected = torch.einsum("c,chw->hw", weights, maps).relu() / maps[0].numel()
    enlarged = torch.nn.functional.interpolate(expected[None, None], size=(12, 12), mode="bilinear")[0, 0]
    assert np.allclose(grad_cam(model, pixels, 1), enlarged.numpy(), atol=1e-6)


def test_grad_cam_takes_the_last_map_with_more_than_one_position() -> None:
    model = model_of("conv 4 same, maxpool, conv 6, maxpool 4, flatten, dense 5")
    outputs = list(layer_outputs(model, prepared(model, pixels_for(model)[None])))
    assert dict(outputs)["maxpool2"].shape[2:] == (1, 1)
    found = map_layer(outputs)
    assert found is not None and found.layer == "conv2"


@pytest.mark.parametrize(("side", "layer"), [(32, "inner"), (96, "backbone1")])
def test_grad_cam_goes_through_a_backbone(side: int, layer: str) -> None:
    model = model_of(RESNET, side, 3, backbone="test_resnet")
    with torch.no_grad():
        model.network.head[-1].weight.abs_()  # type: ignore[operator]  # so that something speaks for every class
    pixels, before = pixels_for(model), bytes_of(model)
    values = attribute("grad-cam", model, pixels, 1)
    assert values.shape == (side, side) and values.max() > 0
    found = map_layer(list(layer_outputs(model, prepared(model, pixels[None]))))
    assert found is not None
    assert found.layer == layer or (layer == "inner" and found.layer.startswith("backbone1.layer"))
    assert bytes_of(model) == before


def test_nearest_neighbours_have_gradients_too() -> None:
    layers = "backbone test_resnet train head weights random, globalavgpool, neighbours 3"
    model = model_of(layers, 32, 3, backbone="test_resnet")
    votes = model.network.head[-1]
    assert isinstance(votes, Neighbours)
    votes.remember(torch.rand(12, 96, generator=torch.Generator().manual_seed(1)), torch.arange(12) % 3)
    pixels = pixels_for(model)
    for method in ("grad-cam", "integrated-gradients", "occlusion"):
        assert np.isfinite(attribute(method, model, pixels, 0)).all()
    assert attribute("integrated-gradients", model, pixels, 0).any()


def test_tokens_have_no_map_to_look_at() -> None:
    model = model_of("backbone test_vit weights random, globalavgpool", 64, 3, backbone="test_vit")
    with pytest.raises(UsageError, match="grad-cam cannot explain this model"):
        attribute("grad-cam", model, pixels_for(model), 0)
    with pytest.raises(SadariError, match=cam.WITHOUT_MAPS):
        grad_cam(model, pixels_for(model), 0)
    assert attribute("occlusion", model, pixels_for(model), 0).shape == (64, 64)


def test_a_backbone_is_asked_whether_there_is_a_map_inside_of_it() -> None:
    """With channels last nothing inside can be looked at, and of 32 pixels one position is left at the end."""
    layers = "backbone test_mambaout weights random, globalavgpool"
    small, large = (model_of(layers, side, 3, backbone="test_mambaout") for side in (32, 64))
    before = bytes_of(small)
    assert small.architecture.rows()[0].shape[:2] == (1, 1) and large.architecture.rows()[0].shape[:2] == (2, 2)
    with pytest.raises(UsageError, match="grad-cam cannot explain this model: it has no feature maps"):
        attribute("grad-cam", small, pixels_for(small), 0)
    assert attribute("grad-cam", large, pixels_for(large), 0).shape == (64, 64)
    seen = look(small, NamedImage("a", pixels_for(small)))
    assert list(seen.attributed.maps) == ["integrated-gradients", "occlusion"]
    assert bytes_of(small) == before


def test_unknown_methods_and_classes_are_refused() -> None:
    model = model_of(DENSE)
    with pytest.raises(UsageError, match="unknown attribution 'grad_cam'; did you mean 'grad-cam'"):
        attribute("grad_cam", model, pixels_for(model), 0)
    with pytest.raises(UsageError, match="there is no class number 3; the model has 3"):
        attribute("occlusion", model, pixels_for(model), 3)


def test_the_first_filters_are_those_that_meet_the_image() -> None:
    model = model_of(CONVOLVED, channels=3)
    filters = first_filters(model)
    assert filters is not None and filters.layer == "conv1" and filters.values.shape == (6, 3, 3, 3)
    assert np.array_equal(filters.values[2, :, :, 1], model.network.features[0].weight[2, 1].detach().numpy())  # type: ignore[index]
    inner = first_filters(model_of(RESNET, 32, 3, backbone="test_resnet"))
    assert inner is not None and inner.layer.startswith("backbone1.conv1") and inner.values.shape[-1] == 3
    assert first_filters(model_of(DENSE)) is None
    assert first_filters(model_of(ALL["recurrent"])) is None
