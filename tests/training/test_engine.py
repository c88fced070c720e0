"""Does the training loop do what its few lines say, and the same each time?"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch import Tensor
from torch.nn import functional as F

from sadari.data.prepare import Preprocess
from sadari.models.layers.batchnorm import BatchNorm
from sadari.training.checkpoint import FitState
from sadari.training.engine import Engine
from sadari.training.randomness import begin_step, varying_layers
from sadari.training.train import _balanced, train
from support.engines import engine_for, fresh, furthest, weights_of
from support.jobs import (
    DROPPED,
    NORMED,
    PLAIN,
    ROWS,
    figures,
    job_for,
    model_bytes,
    network_file,
    parts,
    patterns,
)


@pytest.mark.parametrize("layers", [PLAIN, DROPPED, NORMED, ROWS])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_same_job_gives_the_same_bytes_and_another_seed_others(layers: str, precision: str, tmp_path: Path) -> None:
    images = patterns()
    model = network_file(tmp_path, layers)
    runs = [
        train(
            job_for(model, seed=seed, precision=precision, augment="flip, crop 1", epochs=2),
            tmp_path / str(number),
            images=images,
            split=parts(images),
        )
        for number, seed in enumerate((0, 0, 1))
    ]
    first, again, other = map(model_bytes, runs)
    assert first == again
    assert figures(runs[0]) == figures(runs[1])
    assert first != other


def bare_loop(engine: Engine, weigh: Callable[[Tensor], Tensor] | None = None, smoothing: float = 0.0) -> None:
    """Train as the engine must, in plain PyTorch: the same order and seeds, torch's own loss and SGD."""
    network, settings = engine.network, engine.settings
    kernels = [each for each in network.parameters() if each.ndim >= 2]
    others = [each for each in network.parameters() if each.ndim < 2]
    groups: list[dict[str, Any]] = [{"params": kernels, "weight_decay": settings.weight_decay}, {"params": others}]
    optimizer = torch.optim.SGD(groups, lr=0.1)
    network.train()
    for epoch in range(settings.epochs):
        for step in range(engine.batches.steps_per_epoch):
            x, labels, _ = engine.batches.batch(epoch, step)
            begin_step(varying_layers(network), engine.seed, epoch * engine.batches.steps_per_epoch + step)
            weight = None if weigh is None else weigh(labels)
            logits = network(x)
            F.cross_entropy(logits, labels, weight, label_smoothing=smoothing).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            optimizer.zero_grad()


@pytest.mark.parametrize("layers", [PLAIN, DROPPED, NORMED, ROWS])
@pytest.mark.parametrize(
    "overrides", [{}, {"label_smoothing": 0.2}, {"weight_decay": 0.05}, {"augment": "flip, shift 0.2"}]
)
def test_the_engine_is_a_bare_loop(layers: str, overrides: dict[str, Any], tmp_path: Path) -> None:
    # Batch normalisation of a few images can enlarge rounding errors without limit, hence batches of 25.
    chosen = {"optimizer": "sgd", "learning_rate": 0.1, "restore_best": False, "batch_size": 25, **overrides}
    engine, twin = (engine_for(layers, tmp_path, **chosen) for _ in range(2))
    start = weights_of(engine.network)
    engine.fit()
    bare_loop(twin, smoothing=engine.settings.label_smoothing)
    assert furthest(weights_of(engine.network), weights_of(twin.network)) <= 1e-6
    assert furthest(weights_of(engine.network), start) > 1e-2


def test_class_weights_are_those_of_scikit_learn(tmp_path: Path) -> None:
    images = patterns()
    labels = np.where(images.labels == 1, 0, images.labels)
    labels[3] = 1
    weights = _balanced(labels, 3)
    expected = compute_class_weight("balanced", classes=np.arange(3), y=labels)
    assert np.allclose(weights.numpy(), expected, rtol=1e-6)
    engine, twin = (
        engine_for(
            PLAIN, tmp_path, optimizer="sgd", learning_rate=0.1, restore_best=False, class_weights=weights, epochs=2
        )
        for _ in range(2)
    )
    engine.fit()
    bare_loop(twin, weigh=lambda _: weights)
    assert furthest(weights_of(engine.network), weights_of(twin.network)) <= 1e-6


def test_weight_decay_shrinks_kernels_only(tmp_path: Path) -> None:
    engine = engine_for(NORMED, tmp_path, optimizer="adamw", weight_decay=0.3)
    for group in engine.optimizer.param_groups:
        assert {each.ndim >= 2 for each in group["params"]} == {group["weight_decay"] == 0.3}
    held = [each for group in engine.optimizer.param_groups for each in group["params"]]
    assert len(held) == len(list(engine.network.parameters()))


def test_history_counts_the_training_images(tmp_path: Path) -> None:
    """A learning rate that changes nothing makes the sums of the loop plain figures of the starting network."""
    engine = engine_for(PLAIN, tmp_path, optimizer="sgd", learning_rate=1e-30, epochs=1)
    images = patterns()
    positions = parts(images)
    with torch.no_grad():
        pixels = torch.from_numpy(images.images).permute(0, 3, 1, 2).float() / 255
        logits, labels = engine.network(pixels), torch.from_numpy(images.labels)
    row = engine.fit().history[0]
    for split_name, chosen in (("train", positions.train), ("val", positions.val)):
        assert row[f"{split_name}_loss"] == pytest.approx(
            F.cross_entropy(logits[chosen], labels[chosen]).item(), rel=1e-5
        )
        right = (logits[chosen].argmax(1) == labels[chosen]).float().mean().item()
        assert row[f"{split_name}_accuracy"] == pytest.approx(right)
    assert row["epoch"] == 1
    assert row["learning_rate"] == 1e-30


def test_history_weighs_the_training_images_by_their_class(tmp_path: Path) -> None:
    weights = torch.tensor([3.0, 0.5, 1.0, 0.25])[: len(patterns().classes)]
    engine = engine_for(
        PLAIN, tmp_path, optimizer="sgd", learning_rate=1e-30, epochs=1, batch_size=10_000, class_weights=weights
    )
    images = patterns()
    chosen = parts(images).train
    with torch.no_grad():
        pixels = torch.from_numpy(images.images[chosen]).permute(0, 3, 1, 2).float() / 255
        logits, labels = engine.network(pixels), torch.from_numpy(images.labels[chosen])
    assert len(set(weights[labels].tolist())) > 1
    wanted = F.cross_entropy(logits, labels, weights).item()
    assert engine.fit().history[0]["train_loss"] == pytest.approx(wanted, rel=1e-5)


def test_batch_normalisation_is_judged_by_what_it_saw_last_and_ends_with_keras_momentum() -> None:
    """Steps 0, 1, 2 weigh 1, 10/11, 10/12 of what is left by later ones."""
    images = patterns()
    network = fresh("batchnorm, flatten", images)
    layer, seen = network.features[0], []
    assert isinstance(layer, BatchNorm)
    for step in range(3):
        begin_step(varying_layers(network), 0, step)
        batch = torch.from_numpy(images.images[step * 20 : step * 20 + 20]).permute(0, 3, 1, 2).float()
        network(batch)
        seen.append(batch.mean((0, 2, 3)))
    assert layer.running_mean is not None
    wanted = seen[2] * 10 / 12 + 2 / 12 * (seen[1] * 10 / 11 + seen[0] / 11)
    assert torch.allclose(layer.running_mean, wanted, rtol=1e-5)
    weights = []
    for step in (989, 991, 100_000):
        begin_step(varying_layers(network), 0, step)
        weights.append(layer.momentum)
    assert weights == [10 / 999, 0.01, 0.01]


def stopped_as_keras(losses: list[float], patience: int) -> tuple[int, int]:
    """Return (epochs trained, the best one, from 1) of Keras's EarlyStopping(patience, restore_best_weights=True).

    Transcribed from keras/src/callbacks/early_stopping.py of Keras 3.
    """
    best, best_epoch, wait = None, 0, 0
    for epoch, current in enumerate(losses):
        wait += 1
        if best is None or current < best:
            best, best_epoch, wait = current, epoch, 0
            continue
        if wait >= patience and epoch > 0:
            return epoch + 1, best_epoch + 1
    return len(losses), best_epoch + 1


@pytest.mark.parametrize("patience", [1, 2, 3])
@pytest.mark.parametrize("seed", range(4))
def test_patience_stops_where_keras_stops(
    patience: int, seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = np.random.default_rng(seed).permutation(10).astype(float).tolist()
    given = iter(losses)
    monkeypatch.setattr(Engine, "_validate", lambda _: (next(given), 0.5))
    engine = engine_for(PLAIN, tmp_path, epochs=10, patience=patience)
    snapshots: list[dict[str, Tensor]] = []
    engine.loop.after_epoch = lambda _: snapshots.append(weights_of(engine.network))
    state = engine.fit()
    epochs, best = stopped_as_keras(losses, patience)
    assert (len(state.history), state.best_epoch) == (epochs, best)
    assert furthest(weights_of(engine.network), snapshots[best - 1]) == 0
    assert best == epochs or furthest(weights_of(engine.network), snapshots[-1]) > 0


def test_without_restoring_or_without_validation_the_last_epoch_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = iter([1.0, 2.0, 3.0])
    monkeypatch.setattr(Engine, "_validate", lambda _: (next(given), 0.5))
    last, unjudged = engine_for(PLAIN, tmp_path, restore_best=False), engine_for(PLAIN, tmp_path, patience=1)
    unjudged.validation = unjudged.validation[:0]
    for engine in (last, unjudged):
        snapshots: list[dict[str, Tensor]] = []

        def copy(_: FitState, engine: Engine = engine, copies: list[dict[str, Tensor]] = snapshots) -> None:
            copies.append(weights_of(engine.network))

        engine.loop.after_epoch = copy
        state = engine.fit()
        assert len(state.history) == 3
        assert furthest(weights_of(engine.network), snapshots[-1]) == 0
    assert "val_loss" not in unjudged.state.history[0]


def test_it_does_not_matter_when_somebody_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    histories, looked = [], []
    for name in ("seldom", "often"):
        engine = engine_for(PLAIN, tmp_path / name, class_weights=torch.tensor([0.5, 1.0, 2.0]))
        looked.append(engine.look_every)
        histories.append([figures_of(row) for row in engine.fit().history])
        monkeypatch.setattr("sadari.training.engine.LOOK_VALUES", 1)
    assert looked == [16, 1]
    assert histories[0] == histories[1]


def figures_of(row: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in row.items() if name != "seconds"}


def test_augmentation_touches_the_training_images_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    original = Preprocess.apply

    def watched(self: Preprocess, pixels: Tensor) -> Tensor:
        if not engine.network.training:
            stored = {image.tobytes() for image in engine.inputs.rows[engine.validation]}
            assert all(image.numpy().tobytes() in stored for image in pixels)
            seen.append(len(pixels))
        return original(self, pixels)

    monkeypatch.setattr(Preprocess, "apply", watched)
    engine = engine_for(PLAIN, tmp_path, augment="flip, shift 0.4", epochs=1)
    engine.fit()
    assert sum(seen) == len(engine.validation)
    x = engine.batches.batch(0, 0).x
    prepared = engine.inputs.prepare(torch.from_numpy(engine.inputs.rows[:]))
    sources = {image.numpy().tobytes() for image in prepared}
    assert not all(image.numpy().tobytes() in sources for image in x)


def test_learning_does_not_slow_down_through_denormals(tmp_path: Path) -> None:
    engine = engine_for("flatten, dense 4", tmp_path, epochs=1)
    engine.stack = None  # gradients by autograd, through the network and its hook
    found: list[float] = []
    engine.network.register_forward_hook(lambda *_: found.append(float(torch.tensor(1e-39) * 0.5)))
    engine.fit()
    assert len(found) > 1 and set(found) == {0.0}
    assert float(torch.tensor(1e-39) * 0.5) > 0
