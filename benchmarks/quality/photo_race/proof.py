"""Do all entrants have the same weights? Each computes features of the same two photographs, compared with Sadari's."""

import subprocess
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from photo_race.entrants import PROGRAMS, Peer, variables
from sadari.data.prepare import Preprocess
from sadari.errors import SadariError
from sadari.files import write_json
from sadari.inference.architecture import Architecture
from sadari.models.backbone.embedded import NAME
from sadari.models.backbone.pretrained import find_pretrained
from sadari.models.catalog import find_model
from sadari.models.weights import load_pretrained
from sadari.values import ImageSet

SIDE = 224
ALLOWED = 1e-4  # greatest difference of a feature; those of the photographs go up to 4.2 (assumed: rounding)


def photographs() -> NDArray[np.uint8]:
    """Return the middles of scikit-learn's two photographs: (2, SIDE, SIDE, 3)."""
    from sklearn.datasets import load_sample_images

    cut = []
    for image in load_sample_images().images:
        top, left = ((length - SIDE) // 2 for length in image.shape[:2])
        cut.append(image[top : top + SIDE, left : left + SIDE])
    return np.stack(cut)


@torch.no_grad()
def own_features(pixels: NDArray[np.uint8], weights: Path) -> NDArray[np.float32]:
    """Return Sadari's pooled features of `pixels`, as `linear-probe` computes them in float32."""
    spec = find_model("linear-probe")
    pretrained = find_pretrained(NAME, str(weights / NAME))
    variables = {**spec.variables, "backbone": NAME, "weights": str(weights / NAME)}
    architecture = Architecture.of(spec, variables, (SIDE, SIDE, 3), ("a", "b"), pretrained)
    network = architecture.build(0).eval()
    load_pretrained(network, pretrained, (SIDE, SIDE))
    numbers = np.arange(len(pixels))
    images = ImageSet("proof", pixels, numbers, numbers.astype(np.str_), ("a", "b"), np.full(len(pixels), "train"), "")
    prepared = Preprocess.fitted(images, numbers, "backbone", "crop", architecture.scaling)
    maps = network.features(prepared.apply(torch.from_numpy(pixels)))
    found: NDArray[np.float32] = maps.mean((2, 3)).numpy()
    return found


def check(peer: Peer, python: Path, work: Path) -> float:
    """Return the greatest difference of the features of `peer`.

    Raises SadariError where it is greater than ALLOWED: no cell of that peer would mean anything.
    """
    folder = work / "proof" / peer.environment
    folder.mkdir(parents=True, exist_ok=True)
    pixels = photographs()
    np.save(folder / "pixels.npy", pixels)
    task = {
        "features": str(folder / "pixels.npy"),
        "out": str(folder / "features.npy"),
        "weights": str(work / "weights"),
    }
    write_json(folder / "task.json", task)
    command = [str(python), str(PROGRAMS / peer.program), str(folder / "task.json")]
    environment = variables(work / "weights", folder)
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, env=environment)
    if done.returncode:
        raise SadariError(f"{peer.name} computes no features: {done.stderr.strip()}")
    found = np.load(folder / "features.npy", allow_pickle=False)
    return _compared(peer.name, found, own_features(pixels, work / "weights"))


def _compared(name: str, found: NDArray[np.float32], wanted: NDArray[np.float32]) -> float:
    if found.shape != wanted.shape:
        raise SadariError(f"{name} has features of {found.shape} instead of {wanted.shape}")
    difference = float(np.abs(found - wanted).max())
    if not difference <= ALLOWED:
        raise SadariError(f"the features of {name} differ from Sadari's by {difference:.2g}; it has other weights")
    return difference
