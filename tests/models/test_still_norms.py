"""Does a convolution that does the work of a batch norm compute the same, learn the same, and keep all names?"""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from sadari.models.backbone.module import Backbone, make_backbone
from sadari.models.backbone.pretrained import Pretrained
from sadari.models.backbone.still_norms import with_merged_norms

NAMES = ["test_resnet", "test_efficientnet", "tf_efficientnet_lite0"]


def backbone(name: str, train: str = "all", **arguments: Any) -> Backbone:
    """Return the backbone with batch norms that are not those of a network that never learnt."""
    found = Pretrained(name, arguments, 64, (0.5,) * 3, (0.25,) * 3, "bilinear", "", "random")
    made = make_backbone(found, "end", train, (64, 64), 3)
    generator = torch.Generator().manual_seed(2)
    for each in norms(made):
        for tensor, least, most in (
            (each.running_mean, -0.1, 0.1), (each.running_var, 0.5, 2.0), (each.weight, 0.5, 1.5), (each.bias, -1, 1),
        ):  # fmt: skip
            assert tensor is not None
            tensor.data.uniform_(least, most, generator=generator)
    return made


def norms(module: Backbone) -> list[_BatchNorm]:
    return [each for each in module.graph.modules() if isinstance(each, _BatchNorm)]


def used_norms(module: Backbone) -> list[str]:
    called = [str(node.target) for node in module.graph.graph.nodes if node.op == "call_module"]
    return [name for name in called if isinstance(module.graph.get_submodule(name), _BatchNorm)]


def images() -> Tensor:
    return torch.rand(4, 3, 64, 64, generator=torch.Generator().manual_seed(1))


def steps(module: Backbone, count: int = 2) -> Tensor:
    """Return what `module` computes after so many steps by those of its biases that every form of it has."""
    learning = [each.bias for each in norms(module)]
    optimizer = torch.optim.SGD(learning, lr=0.01)
    for _ in range(count):
        module(images()).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()
    result: Tensor = module.eval()(images())
    return result.detach()


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_the_output_and_all_names_stay(name: str) -> None:
    plain, still = backbone(name), backbone(name)
    still.keep_norms_still()
    assert not used_norms(still)
    assert used_norms(plain)
    expected = plain.eval()(images())
    scale = expected.abs().max()
    for module in (still, still.train(), still.eval()):
        assert torch.allclose(module(images()), expected, atol=float(scale) * 1e-5)
    state = still.state_dict()
    assert {key: each.shape for key, each in state.items()} == {
        key: each.shape for key, each in plain.state_dict().items()
    }
    plain.load_state_dict(state)
    assert torch.allclose(plain.eval()(images()), expected, atol=float(scale) * 1e-5)


@pytest.mark.parametrize("name", ["test_resnet", "test_efficientnet"])
def test_its_biases_learn_what_those_of_a_norm_learn(name: str) -> None:
    plain, still = backbone(name).eval(), backbone(name)
    still.keep_norms_still()
    expected = steps(plain)
    assert not torch.allclose(expected, backbone(name).eval()(images()), rtol=1e-3)
    assert torch.allclose(steps(still), expected, atol=float(expected.abs().max()) * 1e-4)


@torch.no_grad()
def test_values_that_were_merged_once_stay_bit_by_bit_when_merged_again() -> None:
    first, again = backbone("test_resnet"), backbone("test_resnet")
    first.keep_norms_still()
    again.load_state_dict(first.state_dict())
    again.keep_norms_still()
    assert all(torch.equal(each, first.state_dict()[name]) for name, each in again.state_dict().items())
    assert torch.equal(again(images()), first(images()))


def test_what_a_frozen_norm_and_a_learning_convolution_compute_is_left_to_both() -> None:
    still = backbone("test_resnet", train="layer4.0.conv1")
    still.keep_norms_still()
    assert used_norms(still) == ["layer4.0.bn1"]
    learning = [name for name, each in still.graph.named_parameters() if each.requires_grad]
    assert learning == ["layer4.0.conv1.weight"]


def test_only_what_still_has_a_use_learns() -> None:
    still = backbone("test_resnet")
    still.keep_norms_still()
    still(images()).square().mean().backward()
    learning = [each for each in still.graph.parameters() if each.requires_grad]
    assert all(each.grad is not None for each in learning)
    assert not any(each.weight.requires_grad for each in norms(still))


def test_a_convolution_with_a_bias_of_its_own_is_left_alone() -> None:
    still = backbone("test_resnet")
    convolution = still.graph.get_submodule("layer1.0.conv1")
    assert isinstance(convolution, nn.Conv2d)
    convolution.bias = nn.Parameter(torch.ones(convolution.out_channels))
    still.keep_norms_still()
    assert used_norms(still) == ["layer1.0.bn1"]


@torch.no_grad()
def test_frozen_layers_keep_their_norms_and_a_copy_computes_without() -> None:
    frozen = backbone("test_resnet", train="head")
    expected = frozen(images())
    copy = with_merged_norms(nn.Sequential(frozen))
    assert used_norms(frozen)
    assert not used_norms(copy[0])  # type: ignore[index]
    assert torch.allclose(copy(images()), expected, atol=float(expected.abs().max()) * 1e-5)
    assert torch.equal(frozen(images()), expected)


def test_layers_without_norms_need_no_copy() -> None:
    layers = nn.Sequential(nn.Conv2d(3, 4, 1))
    assert with_merged_norms(layers) is layers
