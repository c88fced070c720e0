"""Who judges images in benchmarks/speed/inference.py, and which networks? Each with the same random weights."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from race.entrants import JAX, KERAS, NUMPY, TENSORFLOW, TORCH, Entrant
from race.pictures import describe_pictures, write_pictures
from race.tasks import GREY, layers_of
from sadari.data.prepare import Preprocess
from sadari.deploy.onnx_graph import make_onnx
from sadari.files import write_text
from sadari.inference.architecture import Architecture
from sadari.inference.classifier import Classifier
from sadari.inference.model import TrainedModel, write_model
from sadari.models.catalog import find_model
from sadari.run import MODEL, PREPROCESS
from sadari.settings import Value, resolve
from sadari.values import ImageSet

IMAGES, CLASSES = 10_000, tuple("0123456789")
BATCHES = (32, 256, 1_000)  # each peer takes the fastest of them


@dataclass(frozen=True)
class Judge(Entrant):
    """One who judges. batches: images at once; of several, each is tried; 0 is Sadari, which chooses itself."""

    batches: tuple[int, ...] = BATCHES

    def command(self, own: bool) -> list[str]:
        return [*super().command(own), ",".join(map(str, self.batches))]


def _keras(backend: str, package: str) -> Judge:
    return Judge(f"keras-{backend}", "infer_keras.py", "float32", (package, KERAS, NUMPY), backend)


JUDGES = {
    each.name: each
    for each in (
        Judge("sadari", "infer_sadari.py", "float32", batches=(0,)),
        Judge("sadari-bfloat16", "infer_sadari.py", "bfloat16", batches=(0,)),
        Judge("sadari-onnx", "infer_onnx.py", "float32", ("onnxruntime==1.32.0", NUMPY)),
        Judge("torch", "infer_torch.py", "float32", (TORCH, NUMPY)),
        Judge("torch-compile", "infer_torch.py", "compiled", (TORCH, NUMPY), batches=(256,)),
        _keras("tensorflow", TENSORFLOW),
        _keras("jax", JAX),
    )
}


@dataclass(frozen=True)
class Judging:
    """What is the same for all entrants and turns. choosing: whether batches are tried.

    It takes the place of a task in race/turns.py and race/record.py.
    """

    model: str
    data: str
    images: int
    params: int
    description: dict[str, Any]
    choosing: bool = False

    @property
    def key(self) -> dict[str, Value]:
        names = ("model", "data", "images", "params", "choosing")
        return {name: getattr(self, name) for name in names}

    def document(self, file: str, seed: int, precision: str) -> dict[str, Any]:
        del file, seed
        return {**self.description, "params": self.params, "precision": precision}


def make_judging(name: str, images: ImageSet, folder: Path) -> Judging:
    """Write the model `name` with random weights to `folder`, in the forms that the entrants read."""
    spec = find_model(name)
    settings, variables = resolve(spec.settings, spec.variables, {})
    architecture = Architecture.of(spec, variables, images.shape, images.classes)
    preprocess = Preprocess.fitted(images, np.arange(len(images.images)), settings.scaling, "crop")
    network = architecture.build(seed=0).eval()
    stir(network)
    folder.mkdir()
    write_model(folder / MODEL, network, architecture)
    write_text(folder / PREPROCESS, json.dumps(preprocess.to_json()))
    model = TrainedModel(network, preprocess, images.classes, architecture)
    (folder / "model.onnx").write_bytes(make_onnx(model, {}))
    modules = [*network.features, *network.head]
    numbers = {
        f"{at}.{key}": each.numpy() for at, module in enumerate(modules) for key, each in module.state_dict().items()
    }
    np.savez(folder / "weights.npz", **numbers)
    np.save(folder / "images.npy", images.images)
    np.save(folder / "wanted.npy", Classifier.open(folder).probabilities(np.asarray(images.images)))
    layers = layers_of(name, images.shape, len(images.classes))
    description = {"layers": layers, "shape": images.shape}
    scaling = {"scale": preprocess.scale.tolist(), "shift": preprocess.shift.tolist()}
    return Judging(
        name, images.name, len(images.images), sum(each["total"] for each in layers), {**description, **scaling}
    )  # fmt: skip


@torch.no_grad()
def stir(network: nn.Module) -> None:
    """Set biases and running statistics to numbers that matter, where a fresh network has zeros and ones."""
    draw = torch.Generator().manual_seed(1)
    for name, each in network.state_dict().items():
        if name.endswith(("bias", "running_mean", "bias_ih_l0")):
            each.add_(torch.empty_like(each).normal_(0, 0.1, generator=draw))
        elif name.endswith("running_var"):
            each.mul_(torch.empty_like(each).uniform_(0.5, 2, generator=draw))


def test_pictures(folder: Path) -> ImageSet:
    """Return the test images of Fashion-MNIST, or as many drawn ones where it is not here."""
    there = describe_pictures(GREY)
    file = write_pictures(GREY, replace(there, images=0, judged=min(IMAGES, there.judged)), folder)
    with np.load(file, allow_pickle=False) as stored:
        pixels, labels = stored["X_test"], stored["y_test"]
    names = np.arange(len(labels)).astype(np.str_)
    return ImageSet(there.data, pixels, labels, names, CLASSES, np.full(len(labels), "test"), "")
