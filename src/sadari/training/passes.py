"""How is a classical rung fitted as a run? Pass by pass, with the same history and checkpoints as a network."""

from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from sadari.data.prepare import Preprocess
from sadari.evaluation.predict import images_per_pass
from sadari.models.classical import CLASSICAL, Linear
from sadari.models.modules import Dense
from sadari.models.sequential import Network
from sadari.progress import Progress
from sadari.settings import Job
from sadari.training.checkpoint import Checkpoint, FitState
from sadari.training.interrupt import interruption
from sadari.training.randomness import seed_for
from sadari.values import ImageSet, Split


def fit_passes(
    name: str,
    network: Network,
    preprocess: Preprocess,
    images: ImageSet,
    split: Split,
    job: Job,
    checkpoint: Checkpoint,
    progress: Progress,
    after_epoch: Callable[[FitState], None],
) -> FitState:
    """Fit the class layer of `network` with the classical model `name` on what the layers before it give.

    Returns the state with one row of history a pass. Raises KeyboardInterrupt after Ctrl-C, the state kept.
    """
    body, tail = _cut(network)
    train, labels = _vectors(body, preprocess, images, split.train), images.labels[split.train]
    val = _vectors(body, preprocess, images, split.val) if len(split.val) else None
    kept = checkpoint.read()
    state, groups = kept if kept else (FitState(), {})
    best = groups.get("best", {})
    if kept:
        network.load_state_dict(groups["network"])
    before = {key: each.numpy() for key, each in groups.get("passes", {}).items()}
    passes = CLASSICAL.get(name).passes(
        pixels=train.numpy(),
        labels=labels,
        classes=len(images.classes),
        variables=job.variables,
        epochs=job.settings.epochs,
        seed=seed_for(job.seed, "passes"),
        from_pass=state.epoch,
        state=before,
    )
    started = kept_at = perf_counter()
    with interruption() as wanted, progress.task(name, job.settings.epochs, "passes") as task:
        for linear in passes:
            _assign(tail[0], linear)
            row: dict[str, float] = {"epoch": state.epoch + 1}
            row["train_loss"], row["train_accuracy"] = _scores(tail, train, labels)
            if val is not None:
                row["val_loss"], row["val_accuracy"] = _scores(tail, val, images.labels[split.val])
            row["seconds"] = perf_counter() - started
            started = perf_counter()
            state.history.append(row)
            state.epoch += 1
            state.seconds += row["seconds"]
            if row.get("val_loss", np.inf) < state.best_loss:
                state.best_loss, state.best_epoch = row["val_loss"], state.epoch
                best = {key: each.clone() for key, each in network.state_dict().items()}
            task.advance(1, f"loss {row['train_loss']:.4f}")
            after_epoch(state)
            if linear.state and (wanted.asked or perf_counter() - kept_at >= job.settings.checkpoint_seconds):
                passed = {key: torch.from_numpy(np.array(each)) for key, each in linear.state.items()}
                checkpoint.write(state, {"network": network.state_dict(), "best": best, "passes": passed})
                kept_at = perf_counter()
            if wanted.asked:
                raise KeyboardInterrupt
    if best and job.settings.restore_best:
        network.load_state_dict(best)
    return state


def _cut(network: Network) -> tuple[nn.Sequential, nn.Sequential]:
    """The layers before the class layer, and the class layer with what follows it."""
    layers = [*network.features, *network.head]
    at = max(index for index, layer in enumerate(layers) if isinstance(layer, Dense))
    return nn.Sequential(*layers[:at]), nn.Sequential(*layers[at:])


@torch.inference_mode()
def _vectors(body: nn.Module, preprocess: Preprocess, images: ImageSet, positions: NDArray[np.int64]) -> Tensor:
    """What the class layer will read, float32 (N, D), for the images at `positions`."""
    at_once = images_per_pass(preprocess)
    blocks = [
        body(preprocess.apply(torch.from_numpy(images.images[positions[start : start + at_once]])))
        for start in range(0, len(positions), at_once)
    ]
    return torch.cat(blocks)


def _assign(layer: Any, linear: Linear) -> None:
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(linear.weight))
        layer.bias.copy_(torch.from_numpy(linear.bias))


@torch.inference_mode()
def _scores(tail: nn.Module, vectors: Tensor, labels: NDArray[np.int64]) -> tuple[float, float]:
    """Mean log loss and accuracy of the class layer as it stands."""
    logits, wanted = tail(vectors), torch.from_numpy(labels)
    return F.cross_entropy(logits, wanted).item(), (logits.argmax(1) == wanted).double().mean().item()
