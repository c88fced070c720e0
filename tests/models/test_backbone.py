"""Is a backbone the network of timm up to its cut, and does what is frozen never change?"""

from collections.abc import Iterator
from typing import Any

import pytest
import timm
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from sadari.errors import UsageError
from sadari.models.backbone.inside import inner_layers
from sadari.models.backbone.module import Backbone, make_backbone, outline
from sadari.models.backbone.pretrained import Pretrained
from sadari.models.layers.dropout import Dropout, DropPath
from sadari.models.network import Network, build
from sadari.models.parse import describe, parse
from support.models import is_right

SIZE = (64, 64)


def pretrained(name: str, **arguments: Any) -> Pretrained:
    return Pretrained(name, arguments, 64, (0.5,) * 3, (0.25,) * 3, "bilinear", "", "random")


def backbone(name: str, cut: str = "end", train: str = "all", seed: int = 3, **arguments: Any) -> Backbone:
    return make_backbone(pretrained(name, **arguments), cut, train, SIZE, seed)


def twin(name: str, seed: int = 3, **arguments: Any) -> nn.Module:
    """Return timm's own network with the same weights as `backbone`."""
    torch.manual_seed(seed)
    network: nn.Module = timm.create_model(name, **arguments)
    return network.eval()


def images(count: int = 2) -> Tensor:
    return torch.rand(count, 3, *SIZE, generator=torch.Generator().manual_seed(1))


def learning(module: Backbone) -> set[str]:
    return {name for name, each in module.graph.named_parameters() if each.requires_grad}


@pytest.fixture(autouse=True)
def _no_shared_stream() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        yield


@pytest.mark.parametrize("name", ["test_resnet", "test_efficientnet", "test_convnext", "mobilenetv1_100"])
@torch.no_grad()
def test_the_end_is_where_timms_features_end(name: str) -> None:
    expected = twin(name).forward_features(images())  # type: ignore[operator]
    assert torch.equal(backbone(name).eval()(images()), expected)


@torch.no_grad()
def test_tokens_are_those_that_timms_head_pools() -> None:
    for pool in ("token", "avg"):
        network: Any = twin("test_vit", img_size=SIZE, global_pool=pool, fc_norm=False)
        ours = backbone("test_vit", global_pool=pool, fc_norm=False).eval()(images())
        assert torch.allclose(ours.mean(1), network.forward_head(network.forward_features(images()), pre_logits=True))
        assert (ours.shape[1] == 1) == (pool == "token")


@torch.no_grad()
def test_maps_that_timm_gives_channels_last_become_ours() -> None:
    features: Tensor = twin("test_mambaout").forward_features(images())  # type: ignore[operator]
    assert torch.equal(backbone("test_mambaout").eval()(images()), features.permute(0, 3, 1, 2))
    assert outline(pretrained("test_mambaout"), "end", "all", SIZE).shape == tuple(features.shape[1:])


@torch.no_grad()
def test_a_cut_gives_what_comes_out_of_that_layer() -> None:
    network, seen = twin("test_resnet"), []
    layer = network.get_submodule("layer2.0")
    layer.register_forward_hook(lambda _, __, out: seen.append(out.clone()))
    network(images())
    cut = backbone("test_resnet", "layer2.0").eval()
    assert torch.equal(cut(images()), seen[0])
    assert not any(name.startswith("layer3") for name in cut.graph.state_dict())
    assert {"conv1", "layer1", "layer1.0", "layer2.0"} <= set(cut.layers)
    assert cut.layers.index("layer1") < cut.layers.index("layer2")


@torch.no_grad()
def test_vgg_answers_to_keras_names() -> None:
    names = {
        "block1_conv1": "features.1", "block1": "features.4", "block3_pool": "features.16",
        "block5_conv3": "features.29", "block5_pool": "features.30",
    }  # fmt: skip
    for keras, ours in names.items():
        by_keras, by_timm = (outline(pretrained("vgg16"), cut, "all", SIZE) for cut in (keras, ours))
        assert (by_keras.shape, by_keras.total) == (by_timm.shape, by_timm.total)
    for keras, ours in (("block5_conv3", "features.28"), ("from:block4_conv2", "from:features.19")):
        assert outline(pretrained("vgg16"), "end", keras, SIZE) == outline(pretrained("vgg16"), "end", ours, SIZE)
    with pytest.raises(UsageError, match="unknown layer of test_resnet 'block1'"):
        outline(pretrained("test_resnet"), "block1", "all", SIZE)


def test_vgg16_of_a1_has_keras_figures() -> None:
    head = "flatten, dense 128, dense 64, dense 32"
    for train, trainable in (("all", 17_936_515), ("block5_conv3", 5_581_635), ("head", 3_221_827)):
        rows = describe(parse(f"backbone vgg16 train {train}, {head}", {}), (224, 224, 3), 3)
        assert (sum(row.total for row in rows), sum(row.trainable for row in rows)) == (17_936_515, trainable)
        assert rows[0].shape == (7, 7, 512)
        assert rows[0].total == 14_714_688


@pytest.mark.parametrize("name", ["test_resnet", "test_efficientnet", "test_vit", "mobilenetv1_100"])
def test_the_outline_is_what_is_made(name: str) -> None:
    made, said = backbone(name, train="head"), outline(pretrained(name), "end", "head", SIZE)
    out = made.eval()(images())
    assert said.shape == (tuple(out.shape[1:]) if out.ndim == 3 else (*out.shape[2:], out.shape[1]))
    state = made.graph.state_dict()
    assert said.total == sum(each.numel() for key, each in state.items() if not key.endswith("num_batches_tracked"))
    assert (said.trainable, said.layers) == (0, made.layers)


@pytest.mark.parametrize(
    ("train", "first"),
    [
        ("all", "conv1"),
        ("head", None),
        ("from:layer3", "layer3"),
        ("from:conv1", "conv1"),
        ("layer3", "layer3"),
        ("layer4.0.conv2;layer4.0.bn2", "layer4.0.conv2"),
        ("layer3,layer4", "layer3"),
    ],
)
def test_what_learns(train: str, first: str | None) -> None:
    module = backbone("test_resnet", train=train)
    names = [name for name, _ in module.graph.named_parameters()]
    learns = learning(module)
    assert learns | module.frozen == set(names)
    assert not learns & module.frozen
    if train == "all" or train.startswith("from:"):
        assert learns == set(names[next(i for i, name in enumerate(names) if name.startswith(str(first))) :])
    else:
        wanted = tuple(f"{each}." for each in train.replace(",", ";").split(";"))
        assert learns == {name for name in names if name.startswith(wanted)}
    assert outline(pretrained("test_resnet"), "end", train, SIZE).trainable == sum(
        each.numel() for each in module.parameters() if each.requires_grad
    )


def test_the_last_share_of_the_layers_learns() -> None:
    half, all_of = backbone("test_resnet", train="last:0.5"), backbone("test_resnet", train="last:1")
    names = [name for name, _ in half.graph.named_parameters()]
    assert learning(half) == set(names[len(names) - len(learning(half)) :])
    assert 0.4 < len(learning(half)) / len(names) < 0.6 and not all_of.frozen
    assert learning(backbone("test_resnet", train="last:0.001"))


def test_parameters_that_belong_to_no_layer_learn_from_where_they_are_used() -> None:
    everything = backbone("test_vit", train="all")
    later = backbone("test_vit", train="from:blocks.1")
    assert {"cls_token", "pos_embed"} <= learning(everything) & later.frozen
    assert learning(backbone("test_vit", train="pos_embed")) == {"pos_embed"}


@pytest.mark.parametrize(
    ("cut", "train", "sentence"),
    [
        ("layer5", "all", "unknown layer of test_resnet 'layer5'; did you mean 'layer"),
        ("end", "from:layer9", "unknown layer of test_resnet 'layer9'; did you mean 'layer"),
        ("layer2", "layer3", "unknown layer of test_resnet 'layer3'; did you mean 'layer"),
        ("end", "maxpool", "'maxpool' of test_resnet has no parameters that could learn"),
        ("end", ";", "train is all, head, last:SHARE, from:LAYER or LAYER;LAYER, not ';'"),
        ("end", "last:half", "train=last:SHARE takes a share above 0 and at most 1, such as last:0.5, not 'half'"),
        ("end", "last:1.5", "train=last:SHARE takes a share above 0 and at most 1, such as last:0.5, not '1.5'"),
        ("end", "qqqqqqqq", "unknown layer of test_resnet 'qqqqqqqq'; there are: conv1, conv1.0, "),
    ],
)
def test_layers_that_are_not_there(cut: str, train: str, sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        outline(pretrained("test_resnet"), cut, train, SIZE)
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("backbone vgg17, flatten", "unknown backbone 'vgg17'; did you mean 'vgg1"),
        ("backbone, flatten", "layer 1 `backbone`: needs the name of one network of timm"),
        (
            "backbone vgg16 resnet18, flatten",
            "such as vgg16, not 'vgg16 resnet18'",
        ),
        ("backbone vgg16 cut, flatten", "layer 1 `backbone vgg16 cut`: needs a word behind 'cut'"),
        ("backbone vgg16 cut a b, flatten", "'cut' takes one layer, not 'a b'"),
        ("conv 3 same, backbone vgg16, flatten", "a backbone reads images; make it the first layer"),
        ("backbone test_vit weights random, dense 3", "layer 2 `dense 3`: needs a vector"),
        ("backbone hiera_tiny_224, flatten", "hiera_tiny_224 cannot be used: its forward pass cannot be written down"),
        (
            "backbone coat_tiny weights random, flatten",
            "coat_tiny gives no single map, sequence or vector",
        ),
        ("backbone vgg16 weights random:x, flatten", "weights=random:SEED takes a whole number from 0 up, not 'x'"),
    ],
)
def test_what_cannot_be_is_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        describe(parse(text, {}), (64, 64, 3), 3)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_images_that_do_not_suit() -> None:
    layers = parse("backbone test_resnet weights random, globalavgpool", {})
    with pytest.raises(UsageError, match=r"reads images with 3 channels, but has 64x64x1 here; .* set channels=3"):
        describe(layers, (64, 64, 1), 3)
    with pytest.raises(UsageError, match="vgg16 does not work on images of 8x8: "):
        describe(parse("backbone vgg16 weights random, flatten", {}), (8, 8, 3), 3)


def statistics(module: nn.Module) -> dict[str, Tensor]:
    return {name: each.clone() for name, each in module.named_buffers()}


def step(module: nn.Module) -> None:
    """Take one step of training, as far as a backbone sees it."""
    module.train()
    out = module(images(4))
    if out.requires_grad:
        out.square().sum().backward()


def test_frozen_batch_norms_keep_and_use_their_statistics() -> None:
    module = backbone("test_efficientnet", train="from:blocks.3")
    for each in module.modules():
        if isinstance(each, _BatchNorm) and each.running_mean is not None:
            each.running_mean.uniform_(-1, 1)
    before = statistics(module)
    step(module)
    changed = {name for name, each in statistics(module).items() if not torch.equal(each, before[name])}
    learning_ones = ("graph.blocks.3.", "graph.blocks.4.", "graph.bn2.")
    assert changed == {name for name in before if name.startswith(learning_ones)}
    assert any("blocks.3." in name for name in changed)
    assert not any("blocks.2." in name for name in changed)

    frozen, modes = backbone("test_efficientnet", train="head"), []
    before = statistics(frozen)
    for mode in (True, False):
        frozen.train(mode)
        assert frozen.training == mode
        modes.append(frozen(images(4)))
    assert torch.equal(*modes)
    assert all(torch.equal(each, before[name]) for name, each in statistics(frozen).items())
    assert not frozen(images()).requires_grad


def test_a_frozen_part_gets_no_gradient_and_the_rest_does() -> None:
    module = backbone("test_resnet", train="layer4;bn1")
    step(module)
    with_gradient = {name for name, each in module.graph.named_parameters() if each.grad is not None}
    assert with_gradient == learning(module) == {name for name in with_gradient if name.startswith(("layer4.", "bn1."))}


def test_randomness_of_a_frozen_part_is_off_and_the_rest_has_its_own_stream() -> None:
    arguments: dict[str, Any] = {"drop_path_rate": 0.5, "proj_drop_rate": 0.25, "pos_drop_rate": 0.25}
    module = backbone("test_vit", train="from:blocks.3", **arguments)
    random = {name: each for name, each in module.graph.named_modules() if isinstance(each, Dropout)}
    assert any(isinstance(each, DropPath) for each in random.values())
    assert {name for name, each in random.items() if each.training} == {
        name for name in random if name.startswith(("blocks.3", "blocks.4", "blocks.5"))
    }
    outputs: list[Tensor] = []
    for seed in (1, 1, 2):
        torch.manual_seed(len(outputs))  # no other random stream matters
        for each in random.values():
            each.generator.manual_seed(seed)
        outputs.append(module(images(8)))
    assert torch.equal(outputs[0], outputs[1])
    assert not torch.equal(outputs[0], outputs[2])
    still = backbone("test_vit", train="head", **arguments)
    assert torch.equal(still.train()(images()), still.eval()(images()))


def test_stochastic_depth_drops_whole_images_at_its_rate() -> None:
    layer, x = DropPath(0.25), torch.ones(4000, 2, 3)
    layer.generator.manual_seed(0)
    out = layer(x)
    assert out.unique().tolist() == [0.0, pytest.approx(1 / 0.75)]
    assert ((out == 0).all(dim=(1, 2)) == (out == 0).any(dim=2).any(dim=1)).all()
    assert (out[:, 0, 0] == 0).double().mean().item() == pytest.approx(0.25, abs=0.03)
    assert set(DropPath(0.25, scale=False)(x).unique().tolist()) == {0.0, 1.0}
    assert torch.equal(layer.eval()(x), x)


def test_no_layer_writes_into_what_it_reads() -> None:
    module = backbone("test_resnet").eval()
    ends: dict[str, Tensor] = {}
    bn = module.graph.get_submodule("bn1")
    bn.register_forward_hook(lambda _, __, out: ends.update(seen=out, then=out.detach().clone()))
    with torch.no_grad():
        module(images())
    assert (ends["then"] < 0).any()
    assert torch.equal(ends["seen"], ends["then"])


def network(text: str, seed: int = 5) -> Network:
    return build(parse(text, {}), (*SIZE, 3), 3, seed)


def test_features_and_head_meet_where_the_map_is_left() -> None:
    built = network("backbone test_resnet weights random, globalavgpool, dense 8")
    assert isinstance(built.features[0], Backbone)
    assert [len(built.features), len(built.head)] == [1, 3]
    assert built(images()).shape == (2, 3)
    vector = network("backbone test_resnet cut global_pool weights random, dense 8")
    assert vector.features(images()).ndim == 2
    assert vector(images()).shape == (2, 3)


def test_equal_seeds_give_equal_weights_and_random_numbers_of_others_do_not_matter() -> None:
    text = "backbone test_resnet weights random, globalavgpool"
    one = network(text).state_dict()
    torch.rand(7)
    again, other = network(text).state_dict(), network(text, seed=6).state_dict()
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert not torch.equal(one["features.0.graph.conv1.0.weight"], other["features.0.graph.conv1.0.weight"])
    seeded = [network("backbone test_resnet weights random:4, globalavgpool", seed).state_dict() for seed in (1, 2)]
    kernels = [each["features.0.graph.conv1.0.weight"] for each in seeded]
    assert torch.equal(*kernels)
    state = torch.random.get_rng_state()
    network(text)
    assert torch.equal(state, torch.random.get_rng_state())


@pytest.mark.parametrize(
    ("name", "train"),
    [
        ("vgg11_bn", "all"),
        ("mobilenetv1_100", "from:blocks.3"),
        ("resnet18", "head"),
        ("efficientnet_lite0", "all"),
        ("vit_tiny_patch16_224", "all"),
    ],
)
def test_the_layers_inside_have_all_its_parameters_and_right_arithmetic(name: str, train: str) -> None:
    size = (224, 224)
    whole = outline(pretrained(name), "end", train, size)
    inside = inner_layers(pretrained(name), "end", train, size)
    assert sum(each.total for each in inside) == whole.total
    assert sum(each.trainable for each in inside) == whole.trainable
    told = [each for each in inside if each.params_how]
    assert told
    for each in told:
        assert is_right(each.params_how, each.total), each
    assert {each.keras for each in inside if each.kind == "Conv2d"} != {""} or not name.startswith("vgg")
