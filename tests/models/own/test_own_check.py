"""Is a network of the user tried before anything is written, and does one sentence say what is wrong with it?"""

import random
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import support
from sadari.errors import UsageError
from sadari.models.catalog import find_model
from sadari.models.network import build
from sadari.models.own.module import OwnModule
from sadari.models.own.named import NotNamedError, find_code, name_code
from sadari.models.own.reference import import_maker
from sadari.models.parse import parse
from support import own_nets

SHAPE, CLASSES = (8, 8, 3), 3


def made(maker: Callable[..., Any], seed: int = 0, **variables: Any) -> OwnModule:
    spec = find_model(maker)
    network = build(parse(spec.layers, {**spec.variables, **variables}), SHAPE, CLASSES, seed)
    (own,) = network.features
    assert isinstance(own, OwnModule)
    return own


def _numpy_state() -> list[int]:
    _, keys, *_ = np.random.get_state(legacy=True)
    return [int(each) for each in keys]


@pytest.mark.parametrize(
    ("maker", "sentence"),
    [
        (own_nets.returns_tuple, r"answers with a tuple of 2: return one tensor of logits, \(2, 3\) for 2 images"),
        (own_nets.wrong_shape, r"answers with a tensor of \(2, 1000\) for 2 images, not with logits of \(2, 3\)"),
        (own_nets.random_in_evaluation, "answers differently each time it sees the same images in evaluation"),
        (own_nets.not_differentiable, "cannot learn: its logits cannot be differentiated"),
        (own_nets.fails_in_forward, r"fails in evaluation on 2 images of 3 x 8 x 8 \(float32\) \(own_nets.py, line"),
        (own_nets.fails_when_made, r"cannot make a network \(own_nets.py, line \d+\): RuntimeError: no network of 3"),
        (own_nets.not_a_module, "returns a list, not a torch.nn.Module"),
        (own_nets.without_parameters, "without parameters that learn"),
        (own_nets.other_weights, "makes other weights each time it is made with one seed"),
        (own_nets.other_layers, "makes other layers with another seed"),
        (own_nets.HiddenTensor, "answers by more than its weights"),
        (own_nets.ExtraState, "keeps '_extra_state' in its state_dict, which is no tensor but a dict"),
    ],
)
def test_what_cannot_be_trained_or_stored_is_one_sentence(maker: Callable[..., Any], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence) as caught:
        find_model(maker).rows(SHAPE, CLASSES)
    assert maker.__name__ in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("maker", "sentence"),
    [
        (own_nets.needs_depth, "needs depth, which nobody gives it: a model is given image_shape and classes"),
        (own_nets.epochs_is_a_setting, "the parameter 'epochs' of .* has the name of a setting"),
        (own_nets.cnn, "'cnn' is a model of the ladder already; give the class or function another name"),
        (own_nets.Tied(), "not a Tied that exists already: each seed begins with weights of its own"),
        (partial(own_nets.lazy, 3), "a class or a function with a name .*, not a partial"),
        (lambda classes: nn.Linear(1, classes), "a class or a function with a name"),
        (7, "a class or a function with a name .*, not a int"),
    ],
)
def test_what_makes_no_network_is_refused_before_it_is_called(maker: Any, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        find_model(maker)


@pytest.mark.parametrize("maker", [own_nets.make_net, own_nets.Net, own_nets.Tied, own_nets.lazy])
def test_weights_are_those_of_the_seed_and_nothing_else_is_drawn(maker: Callable[..., Any]) -> None:
    before = torch.get_rng_state(), _numpy_state(), random.getstate()
    first, same, other = (made(maker, seed) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before[0])
    assert _numpy_state() == before[1] and random.getstate() == before[2]
    weights = [torch.cat([each.flatten() for each in one.parameters()]) for one in (first, same, other)]
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])


def test_parameters_with_plain_defaults_are_variables() -> None:
    spec = find_model(own_nets.make_net)
    assert (spec.name, spec.summary) == ("make_net", "Two convolutions with noise.")
    assert dict(spec.variables) == {"width": 4, "dropout": 0.25}
    assert spec.uses("width") and spec.uses("learning_rate") and not spec.uses("height")
    assert made(own_nets.make_net, width=7).net.first.conv.out_channels == 7  # type: ignore[union-attr]
    assert made(own_nets.make_net, dropout=0.5).net.first.drop.p == 0.5  # type: ignore[union-attr]


def test_parameters_are_counted_as_those_of_other_networks() -> None:
    (row,) = find_model(own_nets.make_net).rows(SHAPE, CLASSES)
    net = own_nets.make_net((3, 8, 8), CLASSES)
    learning = sum(each.numel() for each in net.parameters())
    assert row.shape == (CLASSES,) and row.trainable == learning
    assert row.total == learning + 4 * 4  # the moving mean and variance of two batch norms of four channels


def test_random_numbers_in_training_are_those_of_the_generator_alone() -> None:
    own = made(own_nets.make_net)
    x = torch.rand(5, 3, 8, 8)
    own.train()
    answers = []
    for foreign in (1, 2):
        torch.manual_seed(foreign)
        np.random.seed(foreign)
        own.generator.manual_seed(9)
        answers.append([own(x).detach() for _ in range(2)])
        assert torch.initial_seed() == foreign
    assert torch.equal(answers[0][0], answers[1][0]) and torch.equal(answers[0][1], answers[1][1])
    assert not torch.equal(answers[0][0], answers[0][1])  # two pieces of a step draw different numbers


def test_features_are_what_the_class_layer_reads() -> None:
    own = made(own_nets.make_net).eval()
    x = torch.rand(5, 3, 8, 8).to(memory_format=torch.channels_last)
    logits, features = own.both(x)
    assert features.shape == (5, own.features) == (5, 4 * 4 * 4)
    assert torch.equal(own.net.out(features), logits)  # type: ignore[operator]
    none = made(own_nets.no_class_layer).eval()
    assert none.features == 0 and none.both(x)[1].shape == (5, 0)


def test_inner_outputs_are_seen_by_name_in_their_order() -> None:
    own = made(own_nets.make_net).eval()
    logits, found = own.recorded(torch.rand(2, 3, 8, 8))
    assert [name for name in found if "." not in name] == ["first", "pool", "second", "out"]
    assert found["pool"].shape == (2, 4, 4, 4) and torch.equal(found["out"], logits)


def test_an_answer_that_looks_like_probabilities_is_said() -> None:
    (note,) = made(own_nets.softmaxed).notes
    assert "leave its softmax out" in note
    assert made(own_nets.lazy).notes == ()


def test_code_is_looked_up_among_what_was_named_alone() -> None:
    code = find_code(find_model(own_nets.Tied).source)
    assert code.maker is own_nets.Tied and code.importable
    assert find_code("moved.elsewhere:Other", code.digest) is code
    with pytest.raises(NotNamedError, match=r"--model-code moved:Tied .*; support.own_nets:Tied, which you named"):
        find_code("moved:Tied", "0123")


def test_a_name_by_which_a_package_offers_code_means_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(support, "offered", own_nets.lazy, raising=False)
    code = name_code(import_maker("support:offered"), "support:offered")
    assert code.reference == "support.own_nets:lazy"
    assert find_code("support:offered") is find_code("support.own_nets:lazy") is code
