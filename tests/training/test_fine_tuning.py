"""Do the settings of fine-tuning do what they say: a fitted class layer, still norms, an average, smaller images?"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

from sadari.errors import UsageError
from sadari.inference.model import TrainedModel
from sadari.inference.predict import Inputs, predict
from sadari.job import Job
from sadari.models.network import build
from sadari.models.parse import parse
from sadari.run import RunRecord
from sadari.settings import Settings, Value
from sadari.training.batches import reduced
from sadari.training.fine_tuning.end_weights import MEAN, START, EndWeights
from sadari.training.train import train
from support.backbones import SIDE, SMALL, backbone_job, hub_folder, weights_of_timm
from support.interruptions import at_step, ctrl_c
from support.jobs import QUIET, Listener, arrays_file, figures, job_for, model_bytes, named_job, parts, patterns

IMAGES = patterns(side=SIDE)
SPLIT = parts(IMAGES)
NOTHING: dict[str, Value] = {
    "learning_rate": 1e-30,
    "backbone_learning_rate": 1e-30,
    "epochs": 1,
}  # steps that change nothing
# Everything at once.
TUNED: dict[str, Value] = {
    "train": "from:layer2", "train_size": 24, "batch_size": 16, "epochs": 2, "checkpoint_seconds": 0.0,
    "class_layer": "logistic", "backbone_norms": "still", "weights_average": 0.99, "start_share": 0.3,
    "augment": "resized-crop 0.5, flip",
    "label_smoothing": 0.1, "schedule": "one-cycle", "optimizer": "adamw", "restore_best": False,
}  # fmt: skip


def run(job: Job, out: Path) -> RunRecord:
    return train(job, out, images=IMAGES, split=SPLIT)


def tuned(**overrides: Value) -> Job:
    return backbone_job("fine-tune", **{**TUNED, **overrides})


def test_the_class_layer_starts_as_the_linear_probe_on_the_same_features(tmp_path: Path) -> None:
    weights = str(hub_folder(tmp_path / "weights"))
    probe = run(backbone_job("linear-probe", weights=weights, restore_best=False), tmp_path / "probe")
    start = {"class_layer": "logistic", "backbone_norms": "still", **NOTHING}
    tuned = run(backbone_job("fine-tune", weights=weights, **start), tmp_path / "tuned")
    assert np.allclose(tuned.predictions.probabilities, probe.predictions.probabilities, atol=1e-3)


def test_the_class_layer_is_fitted_behind_cached_frozen_layers_as_well(tmp_path: Path) -> None:
    weights = str(hub_folder(tmp_path / "weights"))
    start = {"class_layer": "logistic", "backbone_norms": "still", "train": "layer4", "weights": weights, **NOTHING}
    cached = run(backbone_job("fine-tune", **start), tmp_path / "cached")
    whole = run(backbone_job("fine-tune", **start, cache="none"), tmp_path / "whole")
    assert np.allclose(cached.predictions.probabilities, whole.predictions.probabilities, atol=1e-4)


def test_still_norms_learn_nothing_from_the_statistics_of_batches(tmp_path: Path) -> None:
    """A norm whose work a convolution does has mean 0 and variance 1 from the first step to the last."""
    weights = str(hub_folder(tmp_path / "weights"))
    learnt = TrainedModel.load(
        run(backbone_job("fine-tune", weights=weights, backbone_norms="still"), tmp_path / "run")
    )
    before, mine = weights_of_timm(), learnt.network.features[0].graph.state_dict()  # type: ignore[union-attr]
    means, variances = ([mine[name] for name in mine if name.endswith(end)] for end in ("running_mean", "running_var"))
    assert means
    assert all(not each.any() for each in means)
    assert all((each == 1).all() for each in variances)
    assert not torch.equal(mine["layer4.0.bn1.bias"], before["layer4.0.bn1.bias"])


def end_weights(
    network: nn.Module, stored: EndWeights | None = None, *, weights_average: float = 0, start_share: float = 0
) -> EndWeights:
    settings = Settings(weights_average=weights_average, start_share=start_share)
    return EndWeights(network, settings, stored.groups if stored else {MEAN: {}, START: {}})


@pytest.mark.parametrize(("average", "start", "inside"), [(0.5, 0.0, 0.5), (0.0, 0.25, 0.75)])
def test_the_end_is_judged_given_back_and_gone_on_with(average: float, start: float, inside: float) -> None:
    """A weight of 0 that learns to be 1: an average goes half the way at each step, a share of the start stays."""
    layer = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(layer.weight)
    kept = end_weights(layer, weights_average=average, start_share=start)
    nn.init.ones_(layer.weight)
    kept.add(100)
    with kept.applied():
        assert layer.weight.item() == inside
    assert layer.weight.item() == 1.0
    again = end_weights(layer, kept, weights_average=average, start_share=start)
    again.add(100)
    again.apply()
    assert layer.weight.item() == 0.75


def test_a_share_of_the_start_is_mixed_with_the_average() -> None:
    layer = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(layer.weight)
    both = end_weights(layer, start_share=0.5, weights_average=0.5)
    nn.init.ones_(layer.weight)
    both.add(100)
    both.apply()
    assert layer.weight.item() == 0.25


def test_what_a_fine_tuning_keeps_of_its_start_is_the_fitted_class_layer(tmp_path: Path) -> None:
    """With nearly all of the start, the end is the linear probe."""
    weights = str(hub_folder(tmp_path / "weights"))
    probe = run(backbone_job("linear-probe", weights=weights, restore_best=False), tmp_path / "probe")
    tuned = backbone_job(
        "fine-tune", weights=weights, class_layer="logistic", backbone_norms="still", start_share=1 - 1e-7
    )
    assert np.allclose(
        run(tuned, tmp_path / "run").predictions.probabilities, probe.predictions.probabilities, atol=1e-3
    )


@pytest.mark.parametrize("model", ["mlp", "cnn"])
def test_every_network_may_end_with_the_average_of_its_weights(model: str, tmp_path: Path) -> None:
    images = patterns()
    plain, averaged = (
        train(job_for(model, weights_average=share), tmp_path / str(share), images=images, split=parts(images))
        for share in (0.0, 0.9)
    )
    assert not np.array_equal(plain.predictions.probabilities, averaged.predictions.probabilities)


@pytest.mark.parametrize("moment", [(0, 0), (0, 1), (1, 1)])
def test_an_interrupted_fine_tuning_with_all_of_it_ends_in_the_same_bytes(
    moment: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = tuned(weights=str(hub_folder(tmp_path / "weights")))
    uninterrupted = run(job, tmp_path / "uninterrupted")
    with at_step(monkeypatch, *moment, ctrl_c), pytest.raises(KeyboardInterrupt):
        run(job, tmp_path / "interrupted")
    resumed = run(job, tmp_path / "interrupted")
    assert model_bytes(resumed) == model_bytes(uninterrupted)
    assert figures(resumed) == figures(uninterrupted)


def test_reduced_images_show_the_same() -> None:
    pixels = torch.arange(8, dtype=torch.uint8).mul(30).expand(2, 3, 8, 8).permute(0, 2, 3, 1).contiguous()
    smaller = reduced(pixels, 4)
    assert (smaller.dtype, smaller.shape, smaller.is_contiguous()) == (torch.uint8, (2, 4, 4, 3), True)
    assert abs(smaller.float().mean() - pixels.float().mean()) < 1


def test_sizes_that_a_network_cannot_read_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    images = patterns()
    with pytest.raises(UsageError, match=r"the network reads images of 8x8 only, not of train_size=4; leave it out"):
        train(job_for("cnn", train_size=4), tmp_path / "run", images=images, split=parts(images))
    with pytest.raises(UsageError, match="scaling=pixel has a mean for each pixel; leave one out"):
        train(job_for("cnn", train_size=4, scaling="pixel"), tmp_path / "run", images=images, split=parts(images))
    assert not (tmp_path / "run" / "settings.toml").exists()


def test_views_are_of_one_size(tmp_path: Path) -> None:
    job = backbone_job("fine-tune", train="head", views=2, augment="flip", train_size=24)
    with pytest.raises(UsageError, match="views=2 keeps what frozen layers make of images of image_size"):
        run(job, tmp_path / "run")


def test_smoothing_is_below_one_as_the_average_is() -> None:
    with pytest.raises(UsageError, match="weights_average is a fraction below 1, not 1"):
        job_for("cnn", weights_average=1.0)


def test_a_class_layer_may_start_small(tmp_path: Path) -> None:
    layers = []
    for start in ("random", "small"):
        job = job_for("mlp", class_layer=start, learning_rate=1e-30, epochs=1)
        run = train(job, tmp_path / start, images=IMAGES, split=SPLIT)
        layers.append(TrainedModel.load(run).network.head[-1].get_parameter("weight"))
    random, small = layers
    assert small.std().item() == pytest.approx(1 / 64, rel=1e-5)
    assert torch.allclose(small / small.std(), random / random.std(), atol=1e-5)


def test_a_network_without_a_backbone_may_start_from_a_fitted_class_layer(tmp_path: Path) -> None:
    images = patterns()
    job = job_for("softmax", class_layer="logistic", epochs=1)
    assert train(job, tmp_path / "run", images=images, split=parts(images)).summary["scores"]["test"]["accuracy"] > 0.5
    assert build(parse("flatten", {}), images.shape, 3, 0).head


def test_photo_is_fitted_to_both_sides_of_each_image(tmp_path: Path) -> None:
    job = backbone_job("photo-probe", weights=str(hub_folder(tmp_path / "weights")), restore_best=False)
    fitted = run(job, tmp_path / "run")
    network = TrainedModel.load(fitted).network
    pixels = torch.from_numpy(IMAGES.images[SPLIT.train])
    prepared = TrainedModel.load(fitted).preprocess.apply(pixels)
    with torch.inference_mode():
        body = nn.Sequential(*network.features, *network.head[:-1]).eval()
        vectors = torch.cat([body(prepared), body(prepared.flip(3))]).numpy()
    labels = np.tile(IMAGES.labels[SPLIT.train], 2)
    theirs = LogisticRegression(C=0.1, max_iter=1000).fit(vectors, labels)
    weight = dict(network.head[-1].named_parameters())["weight"].detach().numpy()
    assert np.allclose(weight, theirs.coef_, atol=2e-3)


def test_photo_says_of_validation_images_what_it_will_say_of_them_later(tmp_path: Path) -> None:
    fitted = run(backbone_job("photo-probe", weights=str(hub_folder(tmp_path / "weights"))), tmp_path / "run")
    model = TrainedModel.load(fitted)
    judged = predict(model.network, Inputs.pixels(IMAGES.images, model.preprocess), IMAGES, SPLIT.val)
    loss = -np.log(judged.probabilities[np.arange(len(judged.labels)), judged.labels]).mean()
    assert loss == pytest.approx(min(row["val_loss"] for row in fitted.history), abs=1e-4)


def test_small_images_are_told_what_a_pre_trained_network_costs_them(tmp_path: Path) -> None:
    said = Listener()
    job = named_job(
        arrays_file(tmp_path, patterns()), "photo-probe", 0, {**QUIET, "weights": "random", "backbone": SMALL}
    )
    assert job.settings.image_size == 288
    train(replace(job, settings=replace(job.settings, image_size=SIDE)), tmp_path / "run", progress=said)
    [note] = [each for each in said.said if "enlarged" in each]
    assert note.startswith("images of 8 pixels are enlarged to 32 for the pre-trained network: that takes 16 times")


@pytest.mark.parametrize(
    ("images", "batch", "least", "epochs"), [(50, 32, 80, 40), (33, 32, 80, 80), (2934, 32, 80, 2), (3, 32, 7, 7)]
)
def test_few_images_get_as_many_epochs_as_the_steps_need(images: int, batch: int, least: int, epochs: int) -> None:
    assert Settings(epochs=2, least_steps=least, batch_size=batch).epochs_for(images) == epochs


def test_a_run_with_few_images_says_how_many_epochs_it_has_and_is_still_the_run_that_was_asked_for(
    tmp_path: Path,
) -> None:
    settings: dict[str, Value] = {"epochs": 1, "least_steps": 3, "batch_size": len(SPLIT.train), "patience": 0}
    assert "least_steps, batch_size have no effect" in heard(
        backbone_job("linear-probe", **settings), tmp_path / "probe"
    )
    job = backbone_job("fine-tune", **settings)
    assert "few images make few steps: 3 epochs instead of 1 (least_steps)" in heard(job, tmp_path / "tuned")
    record = RunRecord(tmp_path / "tuned")
    assert len(record.history) == 3
    assert record.job.settings.epochs == 1
    assert run(job, tmp_path / "tuned").finished


def heard(job: Job, out: Path) -> str:
    said = Listener()
    train(job, out, images=IMAGES, split=SPLIT, progress=said)
    return "\n".join(said.said)


def test_photo_begins_as_the_regression_and_learns_further(tmp_path: Path) -> None:
    weights = str(hub_folder(tmp_path / "weights"))
    small: dict[str, Value] = {"weights": weights, "train_size": 24, "least_steps": 4, "class_layer_C": 1.0}
    begun = run(backbone_job("photo", **{**small, **NOTHING, "start_share": 0.0}), tmp_path / "begun")
    probe = run(backbone_job("linear-probe", weights=weights, restore_best=False), tmp_path / "probe")
    assert np.allclose(begun.predictions.probabilities, probe.predictions.probabilities, atol=1e-3)
    learnt = run(backbone_job("photo", **small), tmp_path / "learnt")
    assert not np.allclose(learnt.predictions.probabilities, probe.predictions.probabilities, atol=1e-2)
    assert learnt.history[-1]["train_loss"] < learnt.history[0]["train_loss"]


def test_photo_keeps_its_share_of_another_image_size() -> None:
    assert named_job("photos", "photo", 0, {}).settings.train_size == 224
    assert named_job("photos", "photo", 0, {"image_size": 128}).settings.train_size == 112
    assert named_job("photos", "photo", 0, {"image_size": 128, "train_size": 96}).settings.train_size == 96
    assert named_job("photos", "photo", 0, {"image_size": 0}).settings.train_size == 0
    assert named_job("photos", "cnn", 0, {"image_size": 128}).settings.train_size == 0


def test_training_images_are_not_enlarged(tmp_path: Path) -> None:
    job = backbone_job("fine-tune", train_size=SIDE + 1)
    with pytest.raises(UsageError, match=rf"train_size={SIDE + 1} is above the size of the images, {SIDE}x{SIDE};"):
        run(job, tmp_path / "run")
    assert not (tmp_path / "run").exists()
