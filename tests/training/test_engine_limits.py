"""How does a run end whose loss is no number, or whose memory is too small?"""

from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from sadari.errors import SadariError, UsageError
from sadari.models.network import Network
from sadari.progress import Task
from sadari.settings import Settings, Value
from sadari.training.batches import Batch, Batches
from sadari.training.engine import DivergedError
from sadari.training.optim.build import make_optimizer
from sadari.training.train import train
from sadari.values import ImageSet
from support.engines import Hungry, engine_for, fresh, furthest, out_of_memory_on_cuda, weights_of
from support.jobs import (
    DROPPED,
    NORMED,
    PLAIN,
    QUIET,
    Listener,
    job_for,
    model_bytes,
    named_job,
    network_file,
    parts,
    patterns,
)


@pytest.mark.parametrize("tensorboard", ["off", "all"])
def test_a_loss_that_is_no_number_ends_with_a_sentence(tensorboard: str, tmp_path: Path) -> None:
    images = patterns()
    job = job_for(network_file(tmp_path, PLAIN), optimizer="sgd", learning_rate=1e20, tensorboard=tensorboard)
    with pytest.raises(DivergedError, match=r"no longer a number in epoch 1, step \d+; lower learning_rate.*1e\+20"):
        train(job, tmp_path / "run", images=images, split=parts(images))
    assert not (tmp_path / "run" / "scores.json").exists()


@pytest.mark.parametrize("validated", [True, False])
def test_a_last_step_that_ruins_the_network_is_a_divergence_too(validated: bool, tmp_path: Path) -> None:
    images = patterns()
    split = parts(images) if validated else replace(parts(images), val=np.empty(0, dtype=np.int64))
    one_step: dict[str, Value] = {"batch_size": len(images), "optimizer": "sgd", "learning_rate": 1e38}
    job = named_job("patterns", network_file(tmp_path, PLAIN), 0, {**QUIET, **one_step, "epochs": 1})
    with pytest.raises(DivergedError, match="lower learning_rate"):
        train(job, tmp_path / "run", images=images, split=split)
    assert not (tmp_path / "run" / "scores.json").exists()
    assert not (tmp_path / "run" / "model.safetensors").exists()


def test_the_best_epoch_survives_a_divergence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = patterns()
    whole = job_for(network_file(tmp_path, PLAIN), epochs=2)
    good = train(whole, tmp_path / "good", images=images, split=parts(images))
    original = Batches.batch

    def spoilt(self: Batches, epoch: int, step: int) -> Batch:
        if epoch == 2 and step == 1:
            rates = [group.update(lr=float("nan")) for group in optimizers[-1].param_groups]
            assert rates
        return original(self, epoch, step)

    optimizers: list[torch.optim.Optimizer] = []

    def watched(network: nn.Module, settings: Settings) -> torch.optim.Optimizer:
        optimizers.append(make_optimizer(network, settings))
        return optimizers[-1]

    monkeypatch.setattr("sadari.training.train.make_optimizer", watched)
    monkeypatch.setattr("sadari.training.engine.set_learning_rate", lambda *_: None)
    monkeypatch.setattr(Batches, "batch", spoilt)
    job = job_for(whole.model.reference, epochs=5)
    with pytest.raises(DivergedError, match=r"in epoch 3.*; the best epoch, \d, is kept as"):
        train(job, tmp_path / "bad", images=images, split=parts(images))
    assert model_bytes(tmp_path / "bad") == model_bytes(good)


def hungry(layers: str, images: ImageSet, most: int) -> Network:
    """Return the network of `layers`, with a last layer that runs out of memory for more than `most` images."""
    network = fresh(layers, images)
    network.head.append(Hungry(most, out_of_memory_on_cuda))
    return network


@pytest.mark.parametrize(("layers", "most"), [(PLAIN, 5), (DROPPED, 8), (DROPPED, 17)])
def test_smaller_pieces_learn_the_same(layers: str, most: int, tmp_path: Path) -> None:
    images = patterns()
    chosen = {"optimizer": "sgd", "learning_rate": 0.1, "batch_size": 25, "restore_best": False}
    unlimited = engine_for(layers, tmp_path, images, **chosen)
    engine = engine_for(layers, tmp_path, images, network=hungry(layers, images, most), **chosen)
    engine.progress = listener = Listener()
    expected, state = unlimited.fit(), engine.fit()
    assert furthest(weights_of(engine.network), weights_of(unlimited.network)) <= 1e-6
    assert 0 < state.micro_batch <= most
    assert listener.said[-1] == (
        f"memory ran out: each step now goes through the network {state.micro_batch} images at a time"
    )
    for row, wanted in zip(state.history, expected.history, strict=True):
        assert row["train_loss"] == pytest.approx(wanted["train_loss"], abs=1e-6)
        assert row["val_loss"] == pytest.approx(wanted["val_loss"], abs=1e-6)


def test_memory_that_holds_no_image_and_batch_normalisation_end_with_a_sentence(tmp_path: Path) -> None:
    images = patterns()
    with pytest.raises(SadariError, match="does not hold this network with a single image"):
        engine_for(PLAIN, tmp_path, images, network=hungry(PLAIN, images, 0)).fit()
    with pytest.raises(SadariError, match=r"batch of 16 images.*batch normalisation.*set batch_size=8"):
        engine_for(NORMED, tmp_path, images, network=hungry(NORMED, images, 8)).fit()


@pytest.mark.parametrize(("size", "advice"), [(16, "set batch_size=8"), (1, "use smaller images")])
def test_memory_that_does_not_even_hold_a_batch_is_one_sentence(size: int, advice: str, tmp_path: Path) -> None:
    engine = engine_for(PLAIN, tmp_path, batch_size=size)

    def too_much(_: Tensor) -> Tensor:
        raise out_of_memory_on_cuda()

    engine.batches._inputs = replace(engine.inputs, prepare=too_much)
    with pytest.raises(SadariError, match=f"memory does not hold a batch of {size} images; {advice} and train again"):
        engine.fit()


def test_an_error_of_another_kind_while_a_batch_is_made_is_not_hidden(tmp_path: Path) -> None:
    engine = engine_for(PLAIN, tmp_path)

    def broken(_: Tensor) -> Tensor:
        raise RuntimeError("something else")

    engine.batches._inputs = replace(engine.inputs, prepare=broken)
    with pytest.raises(RuntimeError, match="something else"):
        engine.fit()


class Moving(Listener):
    """Renames the folder of a run when its second epoch begins."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def task(self, label: str, total: int, unit: str) -> AbstractContextManager[Task]:
        if "epoch 2" in label:
            self.folder.rename(self.folder.with_name("elsewhere"))
        return super().task(label, total, unit)


@pytest.mark.parametrize("seconds", [0.0, 1000.0])
def test_a_folder_that_is_renamed_while_its_run_is_trained_is_one_sentence(seconds: float, tmp_path: Path) -> None:
    images, out = patterns(), tmp_path / "run"
    job = job_for(network_file(tmp_path, PLAIN), epochs=3, checkpoint_seconds=seconds)
    with pytest.raises(SadariError, match="was renamed, moved or removed while its run was trained"):
        train(job, out, images=images, split=parts(images), progress=Moving(out))
    assert not out.exists()
    gone_on = train(job, tmp_path / "elsewhere", images=images, split=parts(images))
    whole = train(job, tmp_path / "whole", images=images, split=parts(images))
    assert model_bytes(gone_on) == model_bytes(whole)


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        ({"patience": 3}, "patience=3 has no effect without validation images"),
        ({"warmup_epochs": 5.5}, "warmup_epochs=5.5 is longer than the run of 2 epochs"),
        ({"warmup_epochs": 2.0}, ""),
    ],
)
def test_settings_that_cannot_work_are_said_before_training(
    overrides: dict[str, Value], says: str, tmp_path: Path
) -> None:
    images, heard = patterns(), Listener()
    split = replace(parts(images), val=np.empty(0, dtype=np.int64))
    job = named_job("patterns", network_file(tmp_path, PLAIN), 0, {**QUIET, **overrides, "epochs": 2})
    train(job, tmp_path / "run", images=images, split=split, progress=heard)
    assert [each for each in heard.said if "effect" in each or "longer" in each][:1] == [
        each for each in heard.said if says and says in each
    ]


@pytest.mark.parametrize(("model", "value"), [("sgd", {"alpha": 1e300}), ("logistic", {"C": 1e-300})])
def test_a_penalty_beyond_all_numbers_is_refused(model: str, value: dict[str, Value], tmp_path: Path) -> None:
    images = patterns()
    with pytest.raises(UsageError, match="is between 1e-30 and 1e"):
        train(named_job("patterns", model, 0, {**QUIET, **value}), tmp_path / "run", images=images, split=parts(images))
    assert not (tmp_path / "run").exists()
