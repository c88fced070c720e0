"""Who takes part, with which end points, and by which command? Sadari's models, and peers in their environments."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from photo_race.cells import Point
from sadari.models.backbone.embedded import NAME

PROGRAMS = Path(__file__).parent / "peers"
BACKBONE = f"backbone={NAME}"  # the same weights as the peers': Sadari reads them from SADARI_WEIGHTS_DIR


@dataclass(frozen=True)
class Peer:
    """Another library. environment: the name of its requirement file. packages: whose versions are stored."""

    name: str
    program: str
    environment: str
    packages: tuple[str, ...]
    points: tuple[Point, ...]
    quick: Point


@dataclass(frozen=True)
class Own:
    """A model of Sadari. settings: of every end point; the options of an end point are settings too."""

    name: str
    model: str
    points: tuple[Point, ...]
    quick: Point
    settings: tuple[str, ...] = ()

    def command(self, point: Point, photos: Path, seed: int, run: Path) -> list[str]:
        """Return the command that a user would type."""
        sadari = str(Path(sys.executable).with_name("sadari"))
        words = [sadari, "train", str(photos), "--model", self.model, "--seed", str(seed), "--out", str(run)]
        for pair in (*self.settings, *(f"{key}={value}" for key, value in point.options.items())):
            words += ["--set", pair]
        return words


def _epochs(count: int, early: bool = False) -> Point:
    return Point(f"{count} epochs" if count > 1 else "1 epoch", {"epochs": count}, early)


def _fine_tune(epochs: int, early: bool = False) -> Point:
    return Point(f"fine_tune({epochs})", {"epochs": epochs}, early)


_AS_IT_IS = Point("as it comes", {}, early=True)
# A model joins by a line. Its first point is what a user gets who says no more.
OURS: Mapping[str, Own] = {
    each.name: each
    for each in (
        Own("sadari photo", "photo", (_AS_IT_IS, *map(_epochs, (1, 4, 8))), _epochs(1), (BACKBONE,)),
        Own("sadari photo-probe", "photo-probe", (_AS_IT_IS,), _AS_IT_IS, (BACKBONE,)),
        Own("sadari linear-probe", "linear-probe", (_AS_IT_IS,), _AS_IT_IS, (BACKBONE,)),
    )
}
PEERS: Mapping[str, Peer] = {
    each.name: each
    for each in (
        Peer(
            "fastai",
            "photo_fastai.py",
            "fastai",
            ("fastai", "timm", "torch"),
            (
                _fine_tune(3, early=True),
                *map(_fine_tune, (1, 5)),
                Point("fine_tune(10) augmented", {"epochs": 10, "augment": True}),
            ),
            _fine_tune(1),
        ),
        Peer(
            "autogluon",
            "photo_autogluon.py",
            "autogluon",
            ("autogluon-multimodal", "timm", "torch"),
            (
                Point("as it comes", {}, early=True),
                Point("medium_quality", {"presets": "medium_quality"}),
                Point("medium_quality 120 s", {"presets": "medium_quality", "time_limit": 120}),
            ),
            Point("1 epoch", {"hyperparameters": {"optim.max_epochs": 1}}),
        ),
        Peer(
            "keras",
            "photo_keras.py",
            "keras",
            ("keras", "tensorflow-cpu"),
            (
                Point("head 10", {"head": 10, "all": 0}, early=True),
                Point("head 2 + all 1", {"head": 2, "all": 1}),
                Point("head 10 + all 10", {"head": 10, "all": 10}),
            ),
            Point("head 1", {"head": 1, "all": 0}),
        ),
        Peer(
            "torch + timm",
            "photo_torch.py",
            "torch",
            ("timm", "torch"),
            (_epochs(5, early=True), *map(_epochs, (1, 3, 10))),
            _epochs(1),
        ),
    )
}
ENTRANTS: Mapping[str, Own | Peer] = {**OURS, **PEERS}


def point_of(entrant: str, name: str) -> Point:
    """Return the end point of that name, the quick one included."""
    found = ENTRANTS[entrant]
    return next(each for each in (*found.points, found.quick) if each.name == name)


def variables(weights: Path, scratch: Path) -> dict[str, str]:
    """Return the variables that every process runs under: without a network and graphics, with an empty cache."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SADARI_", "PYTHON"))}
    return {
        **kept,
        "CUDA_VISIBLE_DEVICES": "",
        "HF_HUB_OFFLINE": "1",
        "KERAS_BACKEND": "tensorflow",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "SADARI_WEIGHTS_DIR": str(weights),
        "SADARI_CACHE_DIR": str(scratch / "cache"),
    }
