"""Do runs on pre-trained backbones store, resume and predict as other runs do?"""

import copy
import json
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm.data
import timm.models
import torch
from PIL import Image
from safetensors import safe_open
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from sadari.comparison.compare import compare
from sadari.comparison.request import Comparison, equals, extends
from sadari.data.prepare import Preprocess
from sadari.errors import SadariError, UsageError
from sadari.files import read_json
from sadari.inference.architecture import Architecture
from sadari.inference.evaluate import evaluate
from sadari.inference.memory import smaller_micro_batch
from sadari.inference.model import TrainedModel
from sadari.inference.predict import Inputs, predict
from sadari.job import Job
from sadari.job_record import JobRecord
from sadari.models.backbone.module import Backbone
from sadari.models.backbone.pretrained import find_pretrained
from sadari.models.catalog import find_model
from sadari.models.layers.batchnorm import single_values_evaluated
from sadari.models.layers.neighbours import TEMPERATURE
from sadari.models.network import Network, build
from sadari.models.parse import parse
from sadari.run import RunRecord
from sadari.settings import Settings, Value
from sadari.training.optim.build import make_optimizer, set_learning_rate
from sadari.training.randomness import seed_for
from sadari.training.train import train
from sadari.values import ImageSet, Split
from support.backbones import SIDE, SMALL, backbone_job, hub_folder, weights_of_timm
from support.interruptions import at_step, ctrl_c, killed
from support.jobs import Listener, figures, model_bytes, named_arms, named_job, parts, patterns
from support.sets import encode, write_folder

IMAGES = patterns(side=SIDE)
SPLIT = parts(IMAGES)


def run(job: Job, out: Path) -> RunRecord:
    return train(job, out, images=IMAGES, split=SPLIT)


def tensors(run: RunRecord) -> dict[str, torch.Tensor]:
    with safe_open(run.path / "model.safetensors", framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping


def said_again(run: RunRecord) -> None:
    """Require that the stored model predicts what the run wrote."""
    model = TrainedModel.load(run)
    again = predict(model.network, Inputs.pixels(IMAGES.images, model.preprocess), IMAGES, SPLIT.test)
    assert np.array_equal(again.ids, run.predictions.ids)
    assert np.allclose(again.probabilities, run.predictions.probabilities, atol=1e-6)


def test_a_fine_tuned_run_needs_nobody_else_any_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = hub_folder(tmp_path / "weights", without=("layer4",))
    faster: dict[str, Value] = {"epochs": 12, "learning_rate": 0.01, "backbone_learning_rate": 0.01}
    job = backbone_job("fine-tune", weights=str(weights), cut="layer3", train="from:layer2", **faster)
    fitted = run(job, tmp_path / "run")
    for each in weights.iterdir():
        each.unlink()
    monkeypatch.setenv("SADARI_WEIGHTS_DIR", str(tmp_path / "nowhere"))
    said_again(fitted)
    assert run(job, tmp_path / "run").summary == fitted.summary
    stamp = read_json(fitted.path / "environment.json")
    assert (stamp["pretrained"]["license"], len(stamp["weights_sha256"])) == ("cc0-1.0", 64)
    assert fitted.summary["params"]["trainable"] < fitted.summary["params"]["total"]
    assert fitted.summary["scores"]["test"]["accuracy"] > 0.5  # three classes


def test_frozen_weights_stay_what_they_were_and_the_others_learn(tmp_path: Path) -> None:
    weights = hub_folder(tmp_path / "weights")
    learnt = tensors(run(backbone_job("fine-tune", weights=str(weights), train="layer3;layer4"), tmp_path / "run"))
    before, of_backbone = weights_of_timm(), "features.0.graph."
    mine = {name.removeprefix(of_backbone): each for name, each in learnt.items() if name.startswith(of_backbone)}
    same = {name for name, each in mine.items() if torch.equal(each, before[name])}
    assert {name for name in mine if not name.startswith(("layer3.", "layer4."))} <= same
    assert not {name for name in same if name.startswith(("layer3.", "layer4.")) and name.endswith(("weight", "mean"))}


@pytest.mark.parametrize("moment", [(0, 0), pytest.param((1, 2), marks=pytest.mark.slow)])
def test_an_interrupted_fine_tuning_ends_in_the_same_bytes(
    moment: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = hub_folder(tmp_path / "weights")
    job = backbone_job("fine-tune", weights=str(weights), train="from:layer2", checkpoint_seconds=0.0)
    uninterrupted = run(job, tmp_path / "uninterrupted")
    with at_step(monkeypatch, *moment, ctrl_c), pytest.raises(KeyboardInterrupt):
        run(job, tmp_path / "interrupted")
    (weights / "model.safetensors").unlink()  # the checkpoint has them
    resumed = run(job, tmp_path / "interrupted")
    assert model_bytes(resumed) == model_bytes(uninterrupted)
    assert figures(resumed) == figures(uninterrupted)


@pytest.mark.slow
def test_a_killed_fine_tuning_ends_in_the_same_bytes(tmp_path: Path) -> None:
    pairs = ("image_size=32", "channels=3", "epochs=2", "batch_size=64", "checkpoint_seconds=0.0", "train_fraction=0.2")
    killed(tmp_path, 1, "fine-tune", f"backbone={SMALL}", "weights=random:1", "train=from:layer3", *pairs)


def test_a_run_that_was_killed_before_its_first_checkpoint_wants_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = hub_folder(tmp_path / "weights")
    job = backbone_job("fine-tune", weights=str(weights))

    def killed() -> None:
        raise SystemExit

    with at_step(monkeypatch, 0, 1, killed), pytest.raises(SystemExit):
        run(job, tmp_path / "run")
    other = hub_folder(tmp_path / "other", model_args={})
    content = bytearray((other / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (weights / "model.safetensors").write_bytes(content)
    with pytest.raises(SadariError, match=r"the weights .* have changed since the run began; train in another --out"):
        run(job, tmp_path / "run")
    (weights / "model.safetensors").write_bytes((other / "model.safetensors").read_bytes())
    assert run(job, tmp_path / "run").finished


def features(job: Job) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return what the class layer reads of the training and the test images."""
    architecture = Architecture.of(job.model, job.variables, IMAGES.shape, IMAGES.classes)
    network = architecture.build(seed_for(job.seed, "weights")).eval()
    preprocess = Preprocess.fitted(IMAGES, SPLIT.train, "backbone", "crop", architecture.scaling)
    with torch.no_grad():
        vectors = network.features(preprocess.apply(torch.from_numpy(IMAGES.images))).mean((2, 3)).numpy()
    return vectors[SPLIT.train], vectors[SPLIT.test]


def test_a_linear_probe_is_scikit_learns_regression_on_pooled_features(tmp_path: Path) -> None:
    job = backbone_job("linear-probe", C=0.5, restore_best=False)
    probed = run(job, tmp_path / "run")
    train_vectors, test_vectors = features(job)
    twin = LogisticRegression(C=0.5, max_iter=5000).fit(train_vectors, IMAGES.labels[SPLIT.train])
    assert np.allclose(probed.predictions.probabilities, twin.predict_proba(test_vectors), atol=5e-3)
    said_again(probed)
    assert probed.summary["params"]["trainable"] == 3 * (train_vectors.shape[1] + 1)


def test_knn_votes_by_the_features_and_remembers_them(tmp_path: Path) -> None:
    job = backbone_job("knn", k=5)
    voted = run(job, tmp_path / "run")
    train_vectors, test_vectors = features(job)
    twin = KNeighborsClassifier(
        5, metric="cosine", algorithm="brute", weights=lambda far: np.exp((1 - far) / TEMPERATURE)
    ).fit(train_vectors, IMAGES.labels[SPLIT.train])
    shares = (5 * twin.predict_proba(test_vectors) + 1 / 3) / 6
    assert np.allclose(voted.predictions.probabilities, shares, atol=1e-3)
    said_again(voted)
    assert voted.summary["params"]["trainable"] == 0
    assert len(tensors(voted)["head.1.labels"]) == len(SPLIT.train)


def test_what_a_job_asks_of_images_is_what_the_weights_ask(tmp_path: Path) -> None:
    weights = str(hub_folder(tmp_path / "weights"))
    job = named_job("patterns", "fine-tune", 0, {"backbone": SMALL, "weights": weights})
    settings = job.settings
    assert (settings.image_size, settings.channels, settings.scaling) == (SIDE, 3, "backbone")
    assert (settings.learning_rate, settings.backbone_learning_rate) == (0.001, 0.0001)
    own = named_job(
        "patterns", "fine-tune", 0, {"backbone": SMALL, "weights": weights, "image_size": 48, "scaling": "unit"}
    )
    assert (own.settings.image_size, own.settings.scaling) == (48, "unit")
    by_timm = named_job("patterns", f"timm:{SMALL}", 0, {"weights": weights})
    assert by_timm.settings == settings
    assert JobRecord.from_toml(job.record.to_toml()) == job.record
    with pytest.raises(UsageError, match="scaling=backbone needs a backbone, and cnn has none; take unit, channel"):
        named_job("patterns", "cnn", 0, {"scaling": "backbone"})


def test_weights_are_named_so_that_they_are_found_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = hub_folder(tmp_path / "weights")
    monkeypatch.chdir(tmp_path)
    job = named_job("patterns", "knn", 0, {"backbone": SMALL, "weights": "weights"})
    assert job.variables["weights"] == str(folder)


def test_a_users_own_file_may_begin_with_a_backbone(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(
        f'layers = "backbone {SMALL} cut layer2 train $train weights random:2, globalavgpool, dense 8"\n'
        '[variables]\ntrain = "head"\n',
        encoding="utf-8",
    )
    job = named_job("patterns", path, 0, {"image_size": SIDE, "epochs": 2, "threads": 1, "precision": "float32"})
    assert job.settings.scaling == "backbone"
    said_again(run(job, tmp_path / "run"))
    path.write_text('layers = "flatten, neighbours 3"\n', encoding="utf-8")
    with pytest.raises(UsageError, match="neighbours is not trained step by step; take the model knn"):
        find_model(path)


def test_any_network_of_timm_is_a_model() -> None:
    spec = find_model("timm:resnet18.a1_in1k")
    assert (spec.name, spec.fitted_by) == ("timm:resnet18.a1_in1k", "gradient")
    assert spec.rows((64, 64, 3), 3, {**spec.variables, "train": "head"})[0].trainable == 0
    for name in ("timm:", "timm:a b", "timm:$x"):
        with pytest.raises(UsageError, match="timm:NAME takes the name of a network of timm"):
            find_model(name)


@pytest.mark.slow
def test_vgg16_of_a1_from_end_to_end_with_untrained_weights(tmp_path: Path) -> None:
    job = backbone_job("vgg16", weights="random:7", train="block5_conv3", epochs=1)
    assert job.settings.scaling == "backbone"
    made = run(job, tmp_path / "run")
    said_again(made)
    assert made.summary["params"] == {"total": 14_790_787, "trainable": 2_435_907}
    names = {name for name in tensors(made) if name.startswith("features.")}
    assert "features.0.graph.features.28.weight" in names
    assert not any("pre_logits" in name for name in names)


@pytest.mark.parametrize("name", ["mobilenetv1_100", "vgg16", "test_vit", SMALL])
def test_preprocessing_is_timms_own_transform(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SADARI_WEIGHTS_DIR", raising=False)  # weights in that folder have a configuration of their own
    twin: Any = timm.data
    registered: Any = timm.models
    found = find_pretrained(name)
    config = twin.resolve_data_config(pretrained_cfg=registered.get_pretrained_cfg(name).to_dict(), model=None)
    transform = twin.create_transform(**{**config, "input_size": (3, SIDE, SIDE), "crop_pct": 1.0})
    assert (found.size, found.interpolation) == (config["input_size"][1], config["interpolation"])
    preprocess = Preprocess.fitted(IMAGES, SPLIT.train, "backbone", "crop", (found.mean, found.std))
    expected = torch.stack([transform(Image.fromarray(each)) for each in IMAGES.images[:9]])
    assert torch.allclose(preprocess.apply(torch.from_numpy(IMAGES.images[:9])), expected, atol=1e-6)
    back = Preprocess.from_json(json.loads(json.dumps(preprocess.to_json())))
    assert back.scaling == "backbone"
    assert np.array_equal(back.scale, preprocess.scale)
    with pytest.raises(UsageError, match="scaling=backbone is that of a backbone's weights"):
        Preprocess.fitted(IMAGES, SPLIT.train, "backbone", "crop")
    grey = patterns(side=SIDE, channels=1)
    with pytest.raises(UsageError, match="no mean and deviation for 1 channels; set channels=3"):
        Preprocess.fitted(grey, SPLIT.train, "backbone", "crop", (found.mean, found.std))


def small_network(train: str) -> Network:
    return build(parse(f"backbone {SMALL} train {train} weights random, globalavgpool", {}), (SIDE, SIDE, 3), 3, seed=0)


def test_backbone_and_head_have_rates_of_their_own() -> None:
    network = small_network("from:layer2")
    settings = Settings(learning_rate=0.01, backbone_learning_rate=0.001, weight_decay=0.1)
    optimizer = make_optimizer(network, settings)
    backbone = network.features[0]
    assert isinstance(backbone, Backbone)
    mine = {id(each) for each in backbone.parameters()}
    rates: dict[bool, set[float]] = {True: set(), False: set()}
    for rate, expected in ((0.01, (0.001, 0.01)), (0.005, (0.0005, 0.005))):
        set_learning_rate(optimizer, rate)
        for group in optimizer.param_groups:
            inside = {id(each) in mine for each in group["params"]}
            assert len(inside) == 1
            assert group["lr"] == pytest.approx(expected[0] if inside == {True} else expected[1])
            rates[inside.pop()].add(group["weight_decay"])
    assert rates == {True: {0.0, 0.1}, False: {0.0, 0.1}}
    held = {id(each) for group in optimizer.param_groups for each in group["params"]}
    assert held == {id(each) for each in network.parameters() if each.requires_grad}
    same = make_optimizer(network, Settings(learning_rate=0.01))
    set_learning_rate(same, 0.01)
    assert {group["lr"] for group in same.param_groups} == {0.01}


def test_a_network_without_a_head_to_learn_has_only_its_backbones_groups() -> None:
    for settings, groups in ((Settings(weight_decay=0.1), 2), (Settings(), 1)):
        assert len(make_optimizer(small_network("head"), settings).param_groups) == groups
        assert len(make_optimizer(small_network("all"), settings).param_groups) == 2 * groups


def photographs(folder: Path, images: ImageSet) -> str:
    """Write the images as a folder of class folders, and return its path."""
    named = zip(images.ids, images.labels, images.images, strict=True)
    files = {f"{images.classes[label]}/{name}.png": encode(image) for name, label, image in named}
    return str(write_folder(folder, files))


def test_grey_photographs_work_and_can_be_judged_again(tmp_path: Path) -> None:
    data = photographs(tmp_path / "photos", patterns(60, side=20, channels=1))
    given: dict[str, Value] = {"backbone": SMALL, "weights": "random", "image_size": SIDE, "threads": 1}
    made = train(named_job(data, "linear-probe", 0, given), tmp_path / "run")
    assert TrainedModel.load(made).preprocess.channels == 3
    again = evaluate(made)
    assert np.allclose(again.probabilities, made.predictions.probabilities, atol=1e-6)
    other = photographs(tmp_path / "others", patterns(60, side=20, channels=1, seed=7))
    assert len(evaluate(made, other)) == 60


def test_probing_and_fine_tuning_are_compared(tmp_path: Path) -> None:
    data = photographs(tmp_path / "photos", IMAGES)
    given: dict[str, Value] = {"backbone": SMALL, "weights": "random:1", "image_size": SIDE, "epochs": 1, "threads": 1}
    arms, _ = named_arms(["linear-probe", "fine-tune", "logistic"], {}, given)
    request = Comparison(data, arms, (0,))
    result = compare(request, out=tmp_path / "out")
    assert [each.reason for each in result.arms] == [""] * 3
    assert {each.name for each in result.arms} == {"linear-probe", "fine-tune", "logistic"}
    probe = next(each for each in result.arms if each.name == "linear-probe")
    assert probe.accuracy is not None
    assert probe.accuracy.mean > 0.6
    assert compare(request, out=tmp_path / "out").document()["arms"] == result.document()["arms"]


def test_a_stored_comparison_may_lack_settings_that_came_later() -> None:
    arms, _ = named_arms(["cnn", "mlp"], {}, {"epochs": 2})
    request = Comparison("digits", arms, (0, 1), fingerprint="f")
    stored = tomllib.loads(request.to_toml())
    assert equals(request, stored)
    for arm in stored["arms"]:
        del arm["resolved"]["settings"]["backbone_learning_rate"]
    assert equals(request, stored)
    assert extends(request, stored)
    stored["arms"][0]["resolved"]["settings"]["backbone_learning_rate"] = 0.5
    assert not extends(request, stored)
    del stored["arms"][0]["resolved"]["settings"]["backbone_learning_rate"]
    del stored["arms"][0]["resolved"]["settings"]["epochs"]  # 10 was meant then, 2 now
    assert not extends(request, stored)


def test_a_job_stored_before_a_setting_existed_is_read() -> None:
    job = backbone_job("fine-tune", backbone_learning_rate=0.0)
    older = "".join(
        line for line in job.record.to_toml().splitlines(keepends=True) if not line.startswith("backbone_learning_rate")
    )
    assert older != job.record.to_toml()
    assert JobRecord.from_toml(older) == job.record


def test_only_batch_norms_that_learn_forbid_smaller_pieces() -> None:
    assert smaller_micro_batch(small_network("head"), 0, 32) == 16
    with pytest.raises(SadariError, match="batch normalisation would learn something else from smaller pieces"):
        smaller_micro_batch(small_network("layer4"), 0, 32)


@pytest.mark.parametrize("network", ["resnet18", "mobilenetv3_small_050", "efficientnet_b0", "regnetx_002"])
def test_batches_of_one_image_learn_where_maps_are_1x1(network: str, tmp_path: Path) -> None:
    few = Split(np.arange(3), np.arange(3, 6), np.arange(6, 9), "few")
    heard = Listener()
    job = backbone_job("fine-tune", backbone=network, batch_size=1, epochs=1)
    fitted = train(job, tmp_path / "run", images=IMAGES, split=few, progress=heard)
    assert np.isfinite(fitted.summary["scores"]["test"]["loss"])
    assert any("batches of one image" in sentence for sentence in heard.said)


def test_one_value_per_channel_leaves_the_statistics_of_any_batch_norm() -> None:
    from timm.layers.norm_act import BatchNormAct2d

    for norm in (torch.nn.BatchNorm2d(3), BatchNormAct2d(3), torch.nn.BatchNorm1d(3)):
        x = torch.randn(1, 3) if isinstance(norm, torch.nn.BatchNorm1d) else torch.randn(1, 3, 1, 1)
        with pytest.raises(ValueError, match="more than 1 value per channel"):
            norm(x)
        with single_values_evaluated(norm):
            assert torch.equal(norm(x), copy.deepcopy(norm).eval()(x))
            assert norm.training and norm.running_mean is not None and not norm.running_mean.any()
            several = torch.cat([x, x + 1])
            norm(several)
            assert norm.running_mean.any()
        assert not norm._forward_pre_hooks and not norm._forward_hooks
