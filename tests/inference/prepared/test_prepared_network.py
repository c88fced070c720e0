"""Does a prepared network answer as the plain one, whatever layers it has, and leave it as it was?"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from sadari.data.prepare import Preprocess
from sadari.errors import SadariError
from sadari.inference import predict as predict_module
from sadari.inference.architecture import Architecture
from sadari.inference.features import see
from sadari.inference.predict import Inputs, predict_logits
from sadari.inference.prepared import graph as graph_module
from sadari.inference.prepared import packed
from sadari.inference.prepared.graph import FusedConvolution, prepared_backbone
from sadari.inference.prepared.network import Prepared, prepare
from sadari.inference.prepared.packed import Fused
from sadari.models.backbone.module import Backbone
from sadari.models.catalog import MODELS, find_model
from sadari.models.layers.neighbours import Neighbours
from sadari.models.network import Network, build
from sadari.models.parse import parse
from sadari.settings import resolve
from sadari.values import ImageSet
from support import own_nets
from support.backbones import SMALL
from support.engines import Hungry, out_of_memory_on_cuda
from support.jobs import patterns

# Largest difference of a logit, as a share of the largest logit (or of 1): what rounding makes of many layers.
CLOSE = 2e-5


@torch.no_grad()
def stir(network: nn.Module) -> None:
    """Set weights of norms, biases and statistics to numbers that matter, factors below zero among them."""
    draw = torch.Generator().manual_seed(1)
    for each in network.modules():
        if isinstance(each, _BatchNorm):
            assert each.running_mean is not None and each.running_var is not None
            each.running_mean.normal_(0, 0.3, generator=draw)
            each.running_var.uniform_(0.5, 2, generator=draw)
            each.weight.normal_(0.5, 1, generator=draw)
        if isinstance(each, Neighbours):
            features = each.vectors.shape[1]
            each.remember(torch.randn(40, features, generator=draw), torch.arange(40) % each.classes)
    for name, values in network.named_parameters():
        if name.endswith("bias"):
            values.normal_(0, 0.3, generator=draw)


def scaled(images: ImageSet, scaling: str = "channel") -> Preprocess:
    return Preprocess.fitted(images, np.arange(len(images)), scaling, "crop")


def of_layers(text: str, images: ImageSet) -> Network:
    network = build(parse(text, {}), images.shape, len(images.classes), seed=0).to(memory_format=torch.channels_last)
    stir(network)
    return network.eval()


def of_model(name: str, images: ImageSet) -> Network:
    spec = find_model(name)
    given = {"weights": "random:1"} if spec.begins_with_backbone() else {}
    if "backbone" in spec.variables:
        given["backbone"] = SMALL
    _, variables = resolve(spec.settings, spec.variables, given)
    network = Architecture.of(spec, variables, images.shape, images.classes).build(0)
    stir(network)
    return network.eval()


def plain(network: nn.Module, images: ImageSet, preprocess: Preprocess) -> Tensor:
    return predict_logits(network, Inputs.pixels(images.images, preprocess), np.arange(len(images)))


def prepared(network: Network, preprocess: Preprocess) -> Prepared:
    found = prepare(network, preprocess)
    assert found is not None
    return found


def require_close(found: Tensor, wanted: Tensor) -> None:
    assert found.shape == wanted.shape and found.dtype == torch.float32
    assert (found - wanted).abs().max() <= CLOSE * max(1.0, float(wanted.abs().max()))


@pytest.mark.parametrize("name", MODELS.names())
def test_every_model_answers_as_its_plain_network(name: str) -> None:
    pretrained = find_model(name).begins_with_backbone()
    images = patterns(20, side=32 if pretrained else 16, channels=3 if pretrained else 1)
    network, preprocess = of_model(name, images), scaled(images, "channel" if pretrained else "unit")
    before = {key: each.clone() for key, each in network.state_dict().items()}
    wanted = plain(network, images, preprocess)
    ready = prepared(network, preprocess)
    require_close(ready.logits(images.images), wanted)
    require_close(ready.logits(images.images[:1]), wanted[:1])
    seen, watched = (
        ready.seen(images.images, 3),
        see(network, Inputs.pixels(images.images, preprocess), np.arange(20), 3),
    )
    assert np.array_equal(seen.logits, ready.logits(images.images).numpy())
    largest = max(1.0, float(np.abs(watched.features).max(initial=0)))
    assert np.allclose(seen.features, watched.features, rtol=0, atol=1e-4 * largest)
    assert all(torch.equal(before[key], each) for key, each in network.state_dict().items())
    assert torch.equal(plain(network, images, preprocess), wanted)


LAYERS = [
    "conv 4 same, batchnorm, maxpool, flatten, dense 5, batchnorm, dense 4 tanh, batchnorm",
    "conv 4 linear, maxpool, batchnorm, relu, conv 5, maxpool, relu, globalmaxpool",
    "conv 4, maxpool, batchnorm, conv 3 same linear, batchnorm, relu, globalavgpool",
    "conv 4 sigmoid, batchnorm, conv 4 same stride 2, batchnorm, batchnorm, avgpool, flatten",
    "batchnorm, conv 4, dropout 0.5, batchnorm, maxpool 3, flatten, mirror",
    "rows, lstm 5 sequence, batchnorm, lstm 4, layernorm, batchnorm",
    "rows, lstm 5 sequence, flatten, dense 300",
    "conv 4 same linear, relu, layernorm, relu, rows, lstm 260",
    "flatten, batchnorm, dense 6 linear, relu, dense 4 sigmoid",
]


@pytest.mark.parametrize("scaling", ["unit", "channel", "pixel", "none"])
@pytest.mark.parametrize("text", LAYERS)
def test_layers_in_any_order_answer_the_same(text: str, scaling: str) -> None:
    images = patterns(12, side=13)
    network, preprocess = of_layers(text, images), scaled(images, scaling)
    require_close(prepared(network, preprocess).logits(images.images), plain(network, images, preprocess))


@pytest.mark.parametrize(
    "name", ["test_resnet", "test_efficientnet", "tf_efficientnet_lite0", "test_vit", "test_convnext"]
)
def test_backbones_answer_the_same(name: str) -> None:
    images = patterns(6, side=64)
    spec = find_model("fine-tune")
    _, variables = resolve(spec.settings, spec.variables, {"backbone": name, "weights": "random:1"})
    network = Architecture.of(spec, variables, images.shape, images.classes).build(0)
    stir(network)
    preprocess = scaled(images)
    require_close(prepared(network.eval(), preprocess).logits(images.images), plain(network, images, preprocess))


@pytest.mark.parametrize("name", ["test_resnet", "test_efficientnet", "tf_efficientnet_lite0"])
def test_no_norm_is_left_of_a_backbone_of_convolutions(name: str) -> None:
    spec = find_model("fine-tune")
    _, variables = resolve(spec.settings, spec.variables, {"backbone": name, "weights": "random:1"})
    (backbone,) = Architecture.of(spec, variables, (64, 64, 3), ("a", "b")).build(0).eval().features
    assert isinstance(backbone, Backbone)
    plain_modules, names = [*backbone.modules()], [*backbone.state_dict()]
    found = prepared_backbone(backbone, (64, 64))
    kinds = {type(each) for each in found.modules()}
    assert FusedConvolution in kinds and not any(issubclass(each, _BatchNorm | nn.Conv2d) for each in kinds)
    assert [*backbone.modules()] == plain_modules and [*backbone.state_dict()] == names


def test_a_backbone_that_would_answer_otherwise_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = find_model("fine-tune")
    _, variables = resolve(spec.settings, spec.variables, {"backbone": SMALL, "weights": "random:1"})
    (backbone,) = Architecture.of(spec, variables, (32, 32, 3), ("a", "b")).build(0).eval().features
    assert isinstance(backbone, Backbone)
    monkeypatch.setitem(graph_module.FUSED, nn.ReLU, Fused("swish"))
    assert prepared_backbone(backbone, (32, 32)) is backbone


class Strange(nn.Module):
    """A layer as plug-ins offer them: it counts its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return (x * 2 - 1).contiguous()


class Doubled(nn.MaxPool2d):
    """A class that is made of one of ours, and computes something else."""

    def forward(self, input: Tensor) -> Tensor:
        return 2 * super().forward(input)


@pytest.mark.parametrize("layer", [Strange(), Doubled(2)])
def test_layers_of_others_are_called_as_they_are(layer: nn.Module) -> None:
    images = patterns(12)
    network, preprocess = of_layers("conv 4, batchnorm, maxpool, flatten, dense 5", images), scaled(images)
    before = prepared(network, preprocess).logits(images.images)
    network.features[2] = layer
    if isinstance(layer, Strange):
        network.features.append(nn.MaxPool2d(2))
    wanted = plain(network, images, preprocess)
    ready = prepared(network, preprocess)
    require_close(ready.logits(images.images), wanted)
    assert not torch.allclose(before, wanted)
    if isinstance(layer, Strange):
        calls = layer.calls
        ready.logits(images.images)
        assert layer.calls == calls + 1


def test_what_watches_a_layer_still_sees_it() -> None:
    images, seen = patterns(12), list[Tensor]()
    network, preprocess = of_layers("conv 4, maxpool, flatten, dense 5", images), scaled(images)
    network.features[0].register_forward_hook(lambda *call: seen.append(call[-1]))
    require_close(prepared(network, preprocess).logits(images.images), plain(network, images, preprocess))
    assert len(seen) == 2 and torch.allclose(seen[0], seen[1], atol=1e-5)


def test_own_code_stays_as_it_is() -> None:
    images = patterns(4)
    spec = find_model(own_nets.make_net)
    network = build(parse(spec.layers, dict(spec.variables)), images.shape, 3, seed=0)
    assert prepare(network, scaled(images)) is None


def test_without_the_operators_it_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "NAMES", ("_no_such_operator",))
    images = patterns(4)
    assert prepare(of_layers("flatten", images), scaled(images)) is None


def test_arrays_of_any_kind_are_read_and_left_alone() -> None:
    images = patterns(12)
    ready = prepared(of_layers("conv 4, flatten, mirror", images), scaled(images))
    pixels = np.asarray(images.images)
    wanted = ready.logits(pixels)
    still = pixels.copy()
    still.flags.writeable = False
    mirrored = np.ascontiguousarray(pixels[:, :, ::-1])[:, :, ::-1]
    for each in (still, mirrored, np.asfortranarray(pixels)):
        assert torch.equal(ready.logits(each), wanted)
        assert np.array_equal(each, pixels)
    with pytest.raises(SadariError, match="given to a model for"):
        ready.logits(pixels[:, :4])


def test_memory_that_runs_out_makes_blocks_smaller() -> None:
    images = patterns(12)
    network, preprocess = of_layers("conv 4, flatten", images), scaled(images)
    wanted = prepared(network, preprocess).logits(images.images)
    network.head.append(Hungry(5, out_of_memory_on_cuda))
    require_close(prepared(network, preprocess).logits(images.images), wanted)
    network.head[-1] = Hungry(0, out_of_memory_on_cuda)
    with pytest.raises(SadariError, match="does not hold this network with a single image"):
        prepared(network, preprocess).logits(images.images)


def test_many_threads_ask_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predict_module, "VALUES_PER_CORE", 2 * 192)
    monkeypatch.setattr(predict_module, "IMAGES_PER_PASS", 1)
    images = patterns(30)
    network = of_layers("conv 4 same, batchnorm, maxpool, rows, lstm 5, dense 300", images)
    preprocess = scaled(images)
    wanted, ready = plain(network, images, preprocess), prepared(network, preprocess)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(ready.logits, [images.images] * 8):
            require_close(found, wanted)
