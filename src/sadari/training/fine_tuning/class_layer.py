"""What does the class layer of a network start from? On request, small weights, or logistic regression on what it reads.

A random class layer sends gradients of no meaning through the pre-trained layers in its first steps, and they lose what
they know; a fitted one does not (Kumar et al. 2022, arXiv:2202.10054).
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sadari.errors import UsageError
from sadari.inference.device import denormals_flushed
from sadari.inference.predict import Inputs
from sadari.models.classical.logistic import logistic
from sadari.models.classical.problem import Learned, Linear, Problem
from sadari.models.layers.modules import Dense
from sadari.models.network import Network
from sadari.progress import Progress, Task
from sadari.settings import Settings
from sadari.training.frozen import sides
from sadari.values import ImageSet

PASSES = 1000  # of L-BFGS, at most; assumed: as linear-probe, which converges within a hundred on flowers
FITTED, SMALL = "logistic", "small"  # the values of the setting `class_layer` that are not "random"


def start_class_layer(
    network: Network,
    learner: nn.Module,
    inputs: Inputs,
    images: ImageSet,
    train: NDArray[np.int64],
    settings: Settings,
    progress: Progress,
) -> None:
    """Give the class layer of `network` the start that is set: none where that is "random".

    The weights that it has, made smaller to a standard deviation of 1 / features, so that all classes are about equally
    probable at first (Jordan 2024, arXiv:2404.00498); or the logistic regression on what it reads of the images at
    `train`.

    learner, inputs: as in `FitInputs`. A network that judges mirrored images too is fitted to both. Random layers are
    off. Raises UsageError where the network does not end with a class layer that reads vectors.
    """
    if settings.class_layer not in (FITTED, SMALL):
        return
    body, layer = _cut(network, learner, settings)
    if settings.class_layer == SMALL:
        with torch.no_grad():
            layer.weight.div_(layer.weight.std() * layer.in_features)
        return
    of_each = sides(network, learner, inputs)
    count = len(train) * len(of_each)
    with progress.task("class layer", count, "images") as task:
        vectors = np.concatenate([_vectors(body, each, train, task) for each in of_each])
    labels = np.resize(images.labels[train], count)  # as often as there are views, one view after the other
    _fit(layer, vectors, labels, len(images.classes), settings)
    network.train()


def _cut(network: Network, learner: nn.Module, settings: Settings) -> tuple[nn.Sequential, Dense]:
    """Return the layers before the class layer, and that layer."""
    layers = [*network.features, *network.head] if learner is network else [*learner.layers]  # type: ignore[misc]
    *body, last = layers
    if not isinstance(last, Dense):
        raise UsageError(
            f"class_layer={settings.class_layer} needs a network that ends with a class layer; leave it out"
        )
    return nn.Sequential(*body), last


@torch.inference_mode()
def _vectors(body: nn.Module, inputs: Inputs, positions: NDArray[np.int64], task: Task) -> NDArray[np.float32]:
    """Compute what the class layer reads of the images at `positions`, float32 (N, D)."""
    body.eval()
    device = next((each.device for each in body.parameters()), torch.device("cpu"))
    found: list[Tensor] = []
    for start in range(0, len(positions), inputs.at_once):
        rows = torch.from_numpy(inputs.rows[positions[start : start + inputs.at_once]]).to(device)
        found.append(body(inputs.prepare(rows)).float().cpu())
        task.advance(len(rows))
    return np.asarray(torch.cat(found).numpy())


def _fit(
    layer: Dense, vectors: NDArray[np.float32], labels: NDArray[np.int64], classes: int, settings: Settings
) -> None:
    """Fit `layer` to the vectors (N, D) and their labels."""
    learned: list[Learned] = []
    variables = {"C": settings.class_layer_C, "max_iter": PASSES}
    problem = Problem(vectors, labels, classes, variables, epochs=1, seed=0)
    with denormals_flushed():
        logistic(problem, learned.append)
    last = learned[-1]
    assert isinstance(last, Linear)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(last.weight))
        layer.bias.copy_(torch.from_numpy(last.bias))
