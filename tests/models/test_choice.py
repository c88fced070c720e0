"""Does `backbone=auto` take what is on this disk, in its order, without a network, and say what it was?"""

import os
import socket
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import save_file

from sadari.errors import SadariError, UsageError
from sadari.models.backbone import choice as choosing
from sadari.models.backbone import embedded, pretrained
from sadari.models.backbone.choice import PREFERRED, choose, settled
from sadari.models.backbone.embedded import NAME
from sadari.models.backbone.pretrained import find_pretrained, pretrained_at
from sadari.settings import Value
from support.backbones import SMALL, hub_folder, weights_of_timm

OF_THE_USER = os.environ.get("SADARI_WEIGHTS_DIR", "")
VARIABLES: dict[str, Value] = {"backbone": "auto", "cut": "end", "weights": "auto", "k": 20}


@pytest.fixture(autouse=True)
def _nothing_but_what_comes_with_sadari(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away the user's weights, the hub's cache and the network."""

    def network(*_: Any, **__: Any) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.delenv("SADARI_WEIGHTS_DIR", raising=False)
    monkeypatch.setattr(socket.socket, "connect", network)
    monkeypatch.setattr(socket, "getaddrinfo", network)
    in_hub_cache(monkeypatch)


def in_hub_cache(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    def found(repository: str) -> Path | None:
        return Path("/cached") if repository.removeprefix("timm/").startswith(names or ("nothing",)) else None

    for module in (choosing, pretrained):
        monkeypatch.setattr(module, "in_hub_cache", found)


def test_without_anything_else_it_is_the_one_that_comes_with_sadari() -> None:
    variables, choice = settled(VARIABLES)
    assert variables == {"backbone": NAME, "cut": "end", "weights": "embedded", "k": 20}
    assert choice is not None
    assert choice.sentence == f"backbone: auto takes {NAME}, which comes with Sadari (licence apache-2.0)"
    assert find_pretrained(NAME) == find_pretrained(NAME, "embedded")


def test_what_the_user_names_stays() -> None:
    named = {**VARIABLES, "backbone": "vgg16"}
    assert settled(named) == (named, None)
    assert settled({"dropout": 0.5}) == ({"dropout": 0.5}, None)


@pytest.mark.parametrize(
    ("there", "taken"), [("mobilenetv1_100", "mobilenetv1_100.ra4_e3600_r224_in1k"), (NAME, f"{NAME}.in1k")]
)
def test_weights_that_the_hub_has_stored_come_before(there: str, taken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    in_hub_cache(monkeypatch, there)
    found = choose()
    assert (found.backbone, found.weights, found.license) == (taken, "auto", "apache-2.0")
    assert find_pretrained(taken).origin == f"hub:timm/{taken}"
    assert find_pretrained(NAME).embedded == (there != NAME)


def test_the_hubs_repositories_are_those_of_timm() -> None:
    for name, (repository, licence) in PREFERRED.items():
        registered = find_pretrained(repository.removeprefix("timm/"))
        assert (registered.name, registered.origin, registered.license) == (name, f"hub:{repository}", licence)


def test_the_users_own_weights_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_hub_cache(monkeypatch, "mobilenetv1_100")
    monkeypatch.setenv("SADARI_WEIGHTS_DIR", str(tmp_path))
    assert choose().backbone.startswith("mobilenetv1_100"), "an empty folder has none"
    (tmp_path / "notes").mkdir()
    (tmp_path / "a.txt").write_text("not weights")
    hub_folder(tmp_path / f"{SMALL}.first")
    found = choose()
    assert (found.backbone, found.weights, found.cut, found.license) == (SMALL, "auto", "end", "cc0-1.0")
    assert found.sentence == f"backbone: auto takes {SMALL}, of SADARI_WEIGHTS_DIR (licence cc0-1.0)"
    hub_folder(tmp_path / f"{SMALL}.zeroth")
    assert choose().backbone == f"{SMALL}.first", "by name, and then with its tag"
    hub_folder(tmp_path / "another name", "test_efficientnet")
    assert (choose().backbone, choose().weights) == ("test_efficientnet", str(tmp_path / "another name"))
    save_file(weights_of_timm("test_efficientnet"), tmp_path / "test_efficientnet.safetensors")
    monkeypatch.setitem(PREFERRED, "test_efficientnet", ("", ""))
    found = choose()
    assert (found.backbone, found.weights) == ("test_efficientnet", "auto"), "preferred ones before others"
    assert "its licence is not stated" in found.sentence


def test_weights_that_are_whole_up_to_a_layer_are_used_so_far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SADARI_WEIGHTS_DIR", str(tmp_path))
    hub_folder(tmp_path / SMALL, without=("layer3.0.conv2", "fc"))
    variables, choice = settled(VARIABLES)
    assert (variables["backbone"], variables["cut"]) == (SMALL, "layer2") and choice is not None
    assert choice.sentence.endswith("; its weights are whole up to layer2 and used so far")
    assert settled({**VARIABLES, "cut": "layer1"}, given=("cut",))[0]["cut"] == "layer1"


@pytest.mark.real
@pytest.mark.skipif(not (Path(OF_THE_USER) / "mobilenetv1_100.imagenet").is_dir(), reason="MobileNet is not there")
def test_a_mobilenet_without_its_last_layers_works_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SADARI_WEIGHTS_DIR", OF_THE_USER)
    found = choose()
    assert (found.backbone, found.weights, found.cut) == ("mobilenetv1_100", "auto", "blocks.4.0")


def test_weights_that_cannot_be_used_are_left_out_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SADARI_WEIGHTS_DIR", str(tmp_path))
    (hub_folder(tmp_path / "a damaged one") / "config.json").write_text("{")
    save_file(weights_of_timm(), tmp_path / "b of nothing known.safetensors")
    (hub_folder(tmp_path / "c cut off") / "model.safetensors").write_bytes(b"1234")
    hub_folder(tmp_path / "d")
    found = choose()
    assert (found.backbone, found.weights) == (SMALL, str(tmp_path / "d"))
    assert [each.partition(" is left out: ")[0] for each in found.left_out] == [
        "a damaged one", "b of nothing known.safetensors", "c cut off",
    ]  # fmt: skip


def test_the_folder_of_weights_names_its_network(tmp_path: Path) -> None:
    folder = hub_folder(tmp_path / "mine", without=("layer4",))
    for path in (folder, folder / "model.safetensors"):
        variables, _ = settled({**VARIABLES, "weights": str(path)}, given=("weights",))
        assert variables == {"backbone": SMALL, "cut": "layer3", "weights": str(path), "k": 20}
        assert pretrained_at(path).origin == str(folder / "model.safetensors")
    save_file(weights_of_timm(), tmp_path / "alone.safetensors")
    with pytest.raises(UsageError, match=r"nothing beside .*alone.safetensors says .*; set backbone=NAME"):
        choose(str(tmp_path / "alone.safetensors"))
    with pytest.raises(UsageError, match="there are no weights 'nowhere'"):
        choose("nowhere")
    (folder / "config.json").write_text("[]")
    with pytest.raises(SadariError, match=r"cannot read .*config.json: TypeError"):
        choose(str(folder))


def test_random_weights_and_the_embedded_ones_may_be_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SADARI_WEIGHTS_DIR", str(hub_folder(tmp_path / SMALL).parent))
    assert (choose("random:3").backbone, choose("random:3").weights) == (NAME, "random:3")
    assert choose("random").sentence == f"backbone: auto takes {NAME}, with random weights"
    assert (choose("embedded").backbone, choose("embedded").weights) == (NAME, "embedded")


def test_where_nothing_is_there_at_all_it_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "PACKAGE", "no-such-package-of-weights")
    with pytest.raises(SadariError, match="the weights that come with Sadari are not installed"):
        choose()
    assert find_pretrained(NAME).origin == f"hub:timm/{NAME}.in1k", "a user who names it has it downloaded"
