"""Is the output of frozen layers computed only once, and does nothing else change by it?"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from sadari.data.cache.entries import EntryBuild
from sadari.errors import SadariError, UsageError
from sadari.models.catalog import find_model
from sadari.models.frozen import split_frozen
from sadari.models.network import Network, build
from sadari.models.parse import parse
from sadari.run import RunRecord
from sadari.settings import Value
from sadari.training import frozen
from sadari.training.train import train
from support.backbones import SIDE, SMALL, backbone_job
from support.interruptions import at_step, ctrl_c
from support.jobs import model_bytes, parts, patterns

IMAGES = patterns(side=SIDE)
SPLIT = parts(IMAGES)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SADARI_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache" / "features"


def run(out: Path, model: str = "fine-tune", **overrides: Value) -> RunRecord:
    job = backbone_job(model, weights="random:1", precision="float32", epochs=2, **overrides)
    return train(job, out, images=IMAGES, split=SPLIT)


def cached(cache: Path) -> list[tuple[int, ...]]:
    """Return the shapes of the features in the cache."""
    return sorted(np.load(each, mmap_mode="r").shape for each in cache.glob("*/features.npy"))


def network_of(train: str, backbone: str = SMALL) -> Network:
    job = backbone_job("fine-tune", weights="random:1", train=train, backbone=backbone)
    return build(parse(find_model("fine-tune").layers, job.variables), (SIDE, SIDE, 3), 3, 0)


@pytest.mark.parametrize(
    ("backbone", "train"),
    [
        (SMALL, "head"),
        (SMALL, "from:layer3"),
        (SMALL, "layer4"),
        ("test_vit", "from:blocks.1"),
        ("test_efficientnet", "from:blocks.2"),
        ("test_convnext", "from:stages.1"),
        ("cspresnet50", "from:stages.3.blocks"),  # splits its maps in two before these
    ],
)
def test_the_halves_compute_what_the_network_does_and_share_its_parameters(backbone: str, train: str) -> None:
    network = network_of(train, backbone)
    pixels = torch.rand(4, 3, SIDE, SIDE)
    divided = split_frozen(network, lambda: pixels[:1])
    assert divided
    network.eval()
    assert torch.equal(divided.rest(divided.frozen(pixels)), network(pixels))
    mine = {id(each) for each in network.parameters()}
    theirs = [*divided.frozen.parameters(), *divided.rest.parameters()]
    assert {id(each) for each in theirs} == mine
    assert not any(each.requires_grad for each in divided.frozen.parameters())


def test_a_mirroring_network_is_halved_with_both_sides_of_an_image() -> None:
    layers = f"backbone {SMALL} train head weights random:1, globalavgpool, mirror"
    network = build(parse(layers, {}), (SIDE, SIDE, 3), 3, 0)
    pixels = torch.rand(4, 3, SIDE, SIDE)
    divided = split_frozen(network, lambda: pixels[:1])
    assert divided
    both = torch.stack([divided.frozen(pixels), divided.frozen(pixels.flip(3))], 1)
    for judging in (True, False):
        divided.rest.train(not judging)
        assert torch.equal(divided.rest(both), network(pixels))
        assert torch.equal(network(pixels), network(pixels.flip(3))) == judging


def test_the_rest_trains_in_the_mode_of_the_network() -> None:
    network = network_of("layer4")
    divided = split_frozen(network, lambda: torch.rand(1, 3, SIDE, SIDE))
    assert divided
    divided.rest.eval()
    assert not any(each.training for each in network.modules())
    divided.rest.train()
    norms = {name: each.training for name, each in network.named_modules() if isinstance(each, torch.nn.BatchNorm2d)}
    assert all(training == name.startswith("features.0.graph.layer4") for name, training in norms.items())


def test_nothing_is_kept_where_the_first_parameters_learn(cache: Path, tmp_path: Path) -> None:
    assert split_frozen(network_of("all"), lambda: torch.rand(1, 3, SIDE, SIDE)) is None
    run(tmp_path / "run", train="all")
    assert not cached(cache)


@pytest.mark.parametrize("train", ["head", "from:layer3", "layer4"])
def test_what_is_learnt_behind_kept_features_is_what_is_learnt_from_pixels(
    train: str, cache: Path, tmp_path: Path
) -> None:
    from_features = run(tmp_path / "features", train=train)
    assert len(cached(cache)) == 1
    from_pixels = run(tmp_path / "pixels", train=train, cache="none")
    assert np.array_equal(from_features.predictions.labels, from_pixels.predictions.labels)
    assert np.array_equal(
        from_features.predictions.probabilities.argmax(1), from_pixels.predictions.probabilities.argmax(1)
    )
    # Other batch sizes go through the frozen layers, and a convolution sums in an order that depends on them.
    assert np.allclose(from_features.predictions.probabilities, from_pixels.predictions.probabilities, atol=1e-4)
    assert [row["epoch"] for row in from_features.history] == [row["epoch"] for row in from_pixels.history]


def test_a_second_head_computes_no_frozen_layer(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(tmp_path / "first", train="head")

    def refuse(*_: object) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr(frozen._Frozen, "_through", refuse)
    run(tmp_path / "second", train="head", learning_rate=0.5)
    assert len(cached(cache)) == 1


def test_other_labels_of_the_same_pictures_compute_no_frozen_layer(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a decision about a label makes them: the set is another one, its pixels are not."""
    run(tmp_path / "first", train="head")
    relabelled = replace(IMAGES, labels=IMAGES.labels[::-1], fingerprint="decided", pixels_of=IMAGES.fingerprint)
    job = backbone_job("fine-tune", weights="random:1", precision="float32", epochs=2, train="head")
    with monkeypatch.context() as nothing:
        nothing.setattr(frozen._Frozen, "_through", None)
        train(job, tmp_path / "second", images=relabelled, split=SPLIT)
    assert len(cached(cache)) == 1
    train(job, tmp_path / "third", images=replace(relabelled, pixels_of=""), split=SPLIT)
    assert len(cached(cache)) == 2


def test_both_sides_of_each_image_are_computed_once(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = backbone_job("photo-probe", weights="random:1", precision="float32")
    first = train(job, tmp_path / "first", images=IMAGES, split=SPLIT)
    [(count, sides, _)] = cached(cache)
    assert (count, sides) == (len(IMAGES), 2)
    with monkeypatch.context() as nothing:
        nothing.setattr(frozen._Frozen, "_through", None)
        second = train(job, tmp_path / "second", images=IMAGES, split=SPLIT)
    assert model_bytes(second) == model_bytes(first)
    whole = backbone_job("photo-probe", weights="random:1", precision="float32", cache="none")
    from_pixels = train(whole, tmp_path / "pixels", images=IMAGES, split=SPLIT)
    assert np.allclose(from_pixels.predictions.probabilities, first.predictions.probabilities, atol=1e-3)


@pytest.mark.parametrize(
    "other", [{"weights": "random:2"}, {"scaling": "unit"}, {"cut": "layer3"}, {"backbone": "test_vit"}]
)
def test_other_layers_weights_or_pixels_are_kept_apart(other: dict[str, Value], cache: Path, tmp_path: Path) -> None:
    run(tmp_path / "first", train="head")
    job = backbone_job(
        "fine-tune", **{"weights": "random:1", "precision": "float32", "epochs": 1, "train": "head", **other}
    )
    train(job, tmp_path / "second", images=IMAGES, split=SPLIT)
    assert len(cached(cache)) == 2


def test_a_run_on_features_resumes_to_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = backbone_job("fine-tune", weights="random:1", epochs=2, train="from:layer3", checkpoint_seconds=0.0)
    uninterrupted = train(job, tmp_path / "uninterrupted", images=IMAGES, split=SPLIT)
    with at_step(monkeypatch, 1, 1, ctrl_c), pytest.raises(KeyboardInterrupt):
        train(job, tmp_path / "interrupted", images=IMAGES, split=SPLIT)
    resumed = train(job, tmp_path / "interrupted", images=IMAGES, split=SPLIT)
    assert model_bytes(resumed) == model_bytes(uninterrupted)


def test_features_past_the_limit_are_computed_anew(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SADARI_CACHE_LIMIT", "0.000001")
    fitted = run(tmp_path / "run", train="head")
    assert not cached(cache)
    assert "SADARI_CACHE_LIMIT" in (fitted.path / "log.txt").read_text(encoding="utf-8")


def test_a_writer_that_was_stopped_leaves_nothing_in_the_cache(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(_: EntryBuild) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(EntryBuild, "publish", stop)
        run(tmp_path / "run", train="head")
    assert not cached(cache)
    run(tmp_path / "run", train="head")
    assert len(cached(cache)) == 1


# Views


def test_views_are_drawn_once_and_shared_by_the_seeds(cache: Path, tmp_path: Path) -> None:
    run(tmp_path / "run", train="head", augment="flip, shift 0.2", views=2)
    shapes = cached(cache)
    width = shapes[0][1]
    assert shapes == sorted([(len(SPLIT.train), width)] * 2 + [(len(IMAGES), width)])
    job = backbone_job(
        "fine-tune", weights="random:1", precision="float32", epochs=2, train="head", views=2, augment="flip, shift 0.2"
    )
    train(job, tmp_path / "other", images=IMAGES, split=SPLIT)
    assert len(cached(cache)) == 3


def test_each_view_shows_each_training_image_differently(cache: Path, tmp_path: Path) -> None:
    run(tmp_path / "run", train="head", augment="rotate 40", views=2)
    first, second = (
        np.load(each)
        for each in cache.glob("*/features.npy")
        if np.load(each, mmap_mode="r").shape[0] == len(SPLIT.train)
    )
    assert (np.abs(first - second).max(axis=1) > 0).mean() > 0.9


def test_no_more_views_are_drawn_than_there_are_epochs(cache: Path, tmp_path: Path) -> None:
    run(tmp_path / "run", train="head", augment="flip", views=50)
    assert len(cached(cache)) == 1 + 2


def test_images_that_are_drawn_anew_are_not_kept(cache: Path, tmp_path: Path) -> None:
    run(tmp_path / "run", train="head", augment="flip")
    assert not cached(cache)


def test_views_and_mixing_contradict_each_other(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="leave them out of augment, or set views=0"):
        run(tmp_path / "run", train="head", augment="mixup 0.2", views=2)


def test_views_of_a_network_that_learns_throughout_are_said_to_be_none(tmp_path: Path) -> None:
    fitted = run(tmp_path / "run", train="all", augment="flip", views=2)
    assert "views=2 keeps nothing" in (fitted.path / "log.txt").read_text(encoding="utf-8")


def test_a_classical_model_says_that_it_does_not_augment(cache: Path, tmp_path: Path) -> None:
    fitted = run(tmp_path / "run", "linear-probe", augment="flip")
    said = (fitted.path / "log.txt").read_text(encoding="utf-8")
    assert "linear-probe is not fitted by gradient steps: augment, batch_size have no effect" in said
    assert len(cached(cache)) == 1


def test_views_and_a_cache_that_keeps_nothing_contradict_each_other(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="set only one of them"):
        run(tmp_path / "run", train="head", augment="flip", views=2, cache="none")


def test_views_without_augmentation_are_said_to_do_nothing(tmp_path: Path) -> None:
    fitted = run(tmp_path / "run", train="head", views=2)
    assert "views=2 has no effect without augment" in (fitted.path / "log.txt").read_text(encoding="utf-8")


def test_views_past_the_limit_are_refused_since_they_decide_what_is_learnt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SADARI_CACHE_LIMIT", "0.000001")
    with pytest.raises(SadariError, match="raise it, or set fewer views"):
        run(tmp_path / "run", train="head", augment="flip", views=2)
