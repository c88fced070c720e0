"""Are weights found where they should be, read without unpickling, and missing ones reported in one sentence?"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from sadari.errors import SadariError, UsageError
from sadari.models.backbone.pretrained import Pretrained, find_pretrained
from sadari.models.backbone.spec import known_weights
from sadari.models.network import Network, build
from sadari.models.parse import parse
from sadari.models.weights import load_pretrained
from support.backbones import SIDE, SMALL, hub_folder, weights_of_timm

PREFIX = "features.0.graph."


@pytest.fixture(autouse=True)
def _no_weights_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SADARI_WEIGHTS_DIR", raising=False)


def started(found: Pretrained, rest: str = "", size: int = SIDE) -> Network:
    """Return a network with the weights `found`, whose backbone is described by `rest`."""
    layers = known_weights(parse(f"backbone {found.name} {rest}, globalavgpool", {}), found)
    network = build(layers, (size, size, 3), 3, seed=9)
    load_pretrained(network, found, (size, size))
    return network


def of_backbone(network: Network) -> dict[str, Tensor]:
    return {key.removeprefix(PREFIX): each for key, each in network.state_dict().items() if key.startswith(PREFIX)}


def assert_loaded(network: Network, weights: dict[str, Tensor]) -> None:
    mine = of_backbone(network)
    assert mine
    assert all(torch.equal(each, weights[key]) for key, each in mine.items())


def test_a_folder_in_the_hubs_layout_says_everything(tmp_path: Path) -> None:
    folder = hub_folder(tmp_path / "mine", crop_pct=0.9)
    found = find_pretrained(SMALL, str(folder))
    assert found == Pretrained(
        SMALL, {}, SIDE, (0.1, 0.2, 0.3), (0.4, 0.5, 0.6), "bilinear", "cc0-1.0", str(folder / "model.safetensors")
    )
    assert Pretrained.from_json(json.loads(json.dumps(found.to_json()))) == found
    assert_loaded(started(found), weights_of_timm())
    assert find_pretrained(SMALL, str(folder / "model.safetensors")) == found


def test_the_constructor_gets_its_arguments(tmp_path: Path) -> None:
    folder = hub_folder(tmp_path / "mine", model_args={"layers": [2, 1, 1, 1]})
    found = find_pretrained(SMALL, str(folder))
    assert found.arguments == {"layers": [2, 1, 1, 1]}
    network = started(found)
    assert "layer1.1.conv1.weight" in of_backbone(network)
    assert_loaded(network, weights_of_timm(layers=[2, 1, 1, 1]))


def test_a_file_alone_has_timms_own_configuration(tmp_path: Path) -> None:
    path = tmp_path / "some weights, mine.safetensors"
    save_file(weights_of_timm(), path)
    found = find_pretrained(SMALL, str(path))
    assert (found.size, found.mean, found.interpolation, found.origin) == (160, (0.5,) * 3, "bilinear", str(path))
    assert_loaded(started(found), weights_of_timm())
    layer = parse("backbone $b weights $w, globalavgpool", {"b": SMALL, "w": str(path)})[0]
    assert layer.text == f"backbone {SMALL} train all weights {path}"


def test_the_weights_folder_is_searched_by_name_and_tag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SADARI_WEIGHTS_DIR", str(tmp_path))
    assert find_pretrained(SMALL).origin == f"hub:timm/{SMALL}.r160_in1k"
    one = hub_folder(tmp_path / f"{SMALL}.first")
    assert find_pretrained(SMALL).origin == str(one / "model.safetensors")
    hub_folder(tmp_path / f"{SMALL}.second")
    with pytest.raises(
        UsageError, match=rf"several weights of {SMALL}: {SMALL}.first, {SMALL}.second; set backbone to"
    ):
        find_pretrained(SMALL)
    assert find_pretrained(f"{SMALL}.second").origin == str(tmp_path / f"{SMALL}.second" / "model.safetensors")
    hub_folder(tmp_path / SMALL)
    assert find_pretrained(SMALL).origin == str(tmp_path / SMALL / "model.safetensors")
    save_file(weights_of_timm("test_efficientnet"), tmp_path / "test_efficientnet.safetensors")
    assert find_pretrained("test_efficientnet").origin == str(tmp_path / "test_efficientnet.safetensors")
    assert find_pretrained(SMALL, "random:3").origin == "random:3"


def test_half_precision_weights_become_float32(tmp_path: Path) -> None:
    weights = {key: each.half() if each.is_floating_point() else each for key, each in weights_of_timm().items()}
    save_file(weights, tmp_path / "half.safetensors")
    network = started(find_pretrained(SMALL, str(tmp_path / "half.safetensors")))
    assert_loaded(
        network, {key: each.to(torch.int64 if "num_batches" in key else torch.float32) for key, each in weights.items()}
    )


def test_weights_missing_behind_the_cut_do_no_harm(tmp_path: Path) -> None:
    found = find_pretrained(SMALL, str(hub_folder(tmp_path / "part", without=("layer3.0.conv2", "fc"))))
    assert_loaded(started(found, "cut layer2"), weights_of_timm())
    with pytest.raises(SadariError) as caught:
        started(found)
    assert str(caught.value) == (
        f"the weights {found.origin} of {SMALL} lack layer3.0.conv2.weight; they are whole up to layer2: set cut=layer2"
    )


def test_many_missing_weights_are_counted(tmp_path: Path) -> None:
    found = find_pretrained(SMALL, str(hub_folder(tmp_path / "part", without=("layer1", "layer2", "layer3", "layer4"))))
    with pytest.raises(
        SadariError, match=r"lack layer1.0.conv1.weight, .*, .* and \d+ more; they are whole up to conv1:"
    ):
        started(found)


def test_weights_of_another_shape_are_named(tmp_path: Path) -> None:
    folder = hub_folder(tmp_path / "wide")
    weights = load_file(folder / "model.safetensors")
    weights["layer4.0.conv1.weight"] = torch.zeros(3, 3)
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(SadariError, match=r"have another shape at layer4.0.conv1.weight; they are whole up to layer3"):
        started(find_pretrained(SMALL, str(folder)))


def test_positions_of_another_image_size_are_resampled_as_timm_does(tmp_path: Path) -> None:
    folder = hub_folder(tmp_path / "vit", "test_vit", input_size=[3, 160, 160])
    network = started(find_pretrained("test_vit", str(folder)), size=96)
    positions = of_backbone(network)["pos_embed"]
    stored = weights_of_timm("test_vit")["pos_embed"]
    assert positions.shape[1] == 37 < stored.shape[1] == 101
    assert torch.equal(positions[:, 0], stored[:, 0])
    assert positions[:, 1:].std() > 0.005


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda folder: (folder / "config.json").write_text("{"), "cannot read .*config.json: JSONDecodeError"),
        (lambda folder: (folder / "config.json").write_text("{}"), "cannot read .*: KeyError 'architecture'"),
        (lambda folder: (folder / "config.json").write_text("[]"), "cannot read .*config.json: TypeError"),
        (
            lambda folder: (folder / "config.json").write_text('{"architecture": "resnet18"}'),
            "are weights of resnet18, not of test_resnet; set backbone=resnet18",
        ),
        (
            lambda folder: (folder / "config.json").write_text(
                '{"architecture": "test_resnet", "pretrained_cfg": {"input_size": [1, 8, 8]}}'
            ),
            "the weights read 1 channels instead of 3",
        ),
        (lambda folder: (folder / "config.json").unlink(), "has no config.json; weights is auto, embedded, random"),
        (lambda folder: (folder / "model.safetensors").unlink(), "has no model.safetensors; weights of other"),
        (
            lambda folder: (folder / "model.safetensors").rename(folder / "pytorch_model.bin"),
            "has no model.safetensors; weights of other kinds are not read, since they hold code",
        ),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"not weights"), "cannot read the weights"),
    ],
)  # fmt: skip
def test_damaged_weights_are_one_sentence(change: object, sentence: str, tmp_path: Path) -> None:
    folder = hub_folder(tmp_path / "mine")
    assert callable(change)
    change(folder)
    with pytest.raises(SadariError, match=sentence) as caught:
        started(find_pretrained(SMALL, str(folder)))
    assert "\n" not in str(caught.value)


def test_pickles_are_not_read(tmp_path: Path) -> None:
    for name in ("pytorch_model.bin", "weights.pth", "weights.pt"):
        path = tmp_path / name
        torch.save(weights_of_timm(), path)
        with pytest.raises(UsageError, match=r"is no .safetensors file; weights of other kinds are not read"):
            find_pretrained(SMALL, str(path))


@pytest.mark.parametrize(
    ("backbone", "weights", "sentence"),
    [
        ("resnet81", "auto", "unknown backbone 'resnet81'; did you mean 'resnet18'?"),
        (f"{SMALL}.r160_in2k", "auto", f"unknown weights '{SMALL}.r160_in2k'; did you mean '{SMALL}.r160_in1k'?"),
        (SMALL, "/nowhere/at/all", "there are no weights '/nowhere/at/all'; weights is auto, embedded, random"),
        (SMALL, "random:", ""),
        (SMALL, "random:-1", "weights=random:SEED takes a whole number from 0 up, not '-1'"),
    ],
)
def test_what_is_asked_for_wrongly(backbone: str, weights: str, sentence: str) -> None:
    if not sentence:
        assert find_pretrained(backbone, weights).random
        return
    with pytest.raises(UsageError) as caught:
        find_pretrained(backbone, weights)
    assert str(caught.value).startswith(sentence)


def ask_hub(tmp_path: Path, **environment: str) -> tuple[str, float]:
    """Return what a fresh process without weights reports, and after how many seconds (imports left out)."""
    program = (
        "import time, timm, huggingface_hub\n"
        "from sadari.errors import SadariError\n"
        "from sadari.models.backbone.pretrained import find_pretrained\n"
        "from sadari.models.backbone.tensors import tensors_file\n"
        "found, started = find_pretrained('test_resnet'), time.perf_counter()\n"
        "try:\n    print(tensors_file(found))\n"
        "except SadariError as error:\n    print(error)\n"
        "print(time.perf_counter() - started)\n"
    )
    given = {**os.environ, "HF_HOME": str(tmp_path / "hub"), "OMP_NUM_THREADS": "1", **environment}
    for name in ("HF_HUB_OFFLINE", "HF_ENDPOINT", "HF_HUB_CACHE", "SADARI_WEIGHTS_DIR"):
        if name not in environment:
            given.pop(name, None)
    done = subprocess.run([sys.executable, "-c", program], env=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said, seconds = done.stdout.strip().split("\n")
    return said, float(seconds)


TO_DO = "put model.safetensors and config.json into {place}, or set weights=PATH, or weights=random for untrained ones"


@pytest.mark.slow
def test_without_a_network_one_sentence_says_which_file_to_put_where(tmp_path: Path) -> None:
    said, seconds = ask_hub(tmp_path, HF_HUB_OFFLINE="1", SADARI_WEIGHTS_DIR=str(tmp_path))
    assert said == (
        f"the weights timm/{SMALL}.r160_in1k are not here and HF_HUB_OFFLINE is set; "
        + TO_DO.format(place=tmp_path / SMALL)
    )
    assert seconds < 5
    said, seconds = ask_hub(tmp_path, HF_ENDPOINT="http://127.0.0.1:9")
    assert said.startswith(f"cannot download the weights timm/{SMALL}.r160_in1k (")
    assert said.endswith(TO_DO.format(place=f"$SADARI_WEIGHTS_DIR/{SMALL}"))
    assert seconds < 5


@pytest.mark.slow
def test_the_hubs_cache_is_used_without_a_network(tmp_path: Path) -> None:
    snapshot = tmp_path / "hub" / "hub" / f"models--timm--{SMALL}.r160_in1k" / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (snapshot.parent.parent / "refs").mkdir()
    (snapshot.parent.parent / "refs" / "main").write_text("0" * 40)
    save_file(weights_of_timm(), snapshot / "model.safetensors")
    for environment in ({"HF_HUB_OFFLINE": "1"}, {"HF_ENDPOINT": "http://127.0.0.1:9"}):
        said, seconds = ask_hub(tmp_path, **environment)
        assert said == str(snapshot / "model.safetensors")
        assert seconds < 5
