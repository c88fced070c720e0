"""What does a run store to say whether an image is known? The scores of its validation images, and what scores need.

One file, written whole or not at all: safetensors with a sorted float32 vector of scores for each score, what the score
takes from the training images, and what it is of in its metadata.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save

from sadari.errors import UsageError
from sadari.evaluation.unknown.scores import SCORES, Fitted, Score, Seen
from sadari.evaluation.unknown.threshold import KEPT, least_images, most_kept, threshold_of
from sadari.files import undamaged, write_bytes

VALIDATION = "validation."  # begins the names of the scores of the validation images
REMEDY = "delete it; it is computed again from the run's images"


@dataclass(frozen=True, eq=False)
class Abstention:
    """How a model decides whether an image is known. threshold: from which score on it is; `kept` is what it promises.

    images: how many validation images it was taken from. fitted: what the score takes from the training images.
    """

    score: Score
    kept: float
    threshold: float
    images: int
    fitted: Fitted

    def scores(self, seen: Seen) -> NDArray[np.float32]:
        """Return the score of each image that was seen, float32 (N,)."""
        return self.score.compute(seen, self.fitted).astype(np.float32)

    @property
    def sentence(self) -> str:
        """What it does, for a page, a card or a terminal."""
        return (
            f"An image counts as none of these where its {self.score.name} is below {self.threshold:.4g}, which keeps "
            f"{100 * self.kept:g} % of known images (by {self.images:,} validation images)"
        )


@dataclass(frozen=True, eq=False)
class KnownImages:
    """What a run stores. validation: the sorted scores of its validation images, float32 (n,), by score, best first.

    fitted: what scores take from the training images, by name.
    """

    validation: Mapping[str, NDArray[np.float32]]
    fitted: Fitted

    @property
    def images(self) -> int:
        """Return how many validation images there are."""
        return len(next(iter(self.validation.values())))

    def abstention(self, kept: float = KEPT, score: str = "") -> Abstention:
        """Return how images are decided on, to keep the share `kept` of known ones. score: "" takes the best.

        Raises UsageError for an unknown score, one that the model does not have, and a share for which there are too
        few validation images.
        """
        name = score or next(iter(self.validation))
        found = SCORES.get(name)
        if name not in self.validation:
            raise UsageError(f"this model has no score '{name}'; it has: {', '.join(self.validation)}")
        if not 0 < kept < 1:
            raise UsageError(f"the share of known images to keep is between 0 and 1, such as {KEPT}, not {kept:g}")
        if self.images < least_images(kept):
            raise UsageError(
                f"to keep {100 * kept:g} % of known images takes {least_images(kept):,} validation images, and the run "
                f"has {self.images:,}; keep a smaller share, such as {most_kept(self.images):g}"
            )
        return Abstention(found, kept, threshold_of(self.validation[name], kept), self.images, self.fitted)

    def write(self, path: Path) -> None:
        """Write it as `path`, whole or not at all; raise SadariError where that cannot be."""
        tensors = {f"{VALIDATION}{name}": each for name, each in self.validation.items()} | dict(self.fitted)
        write_bytes(path, save(tensors, {"scores": json.dumps(list(self.validation))}))

    @classmethod
    def read(cls, path: Path) -> "KnownImages":
        """Read what `write` wrote; raise SadariError where it is damaged."""
        with undamaged(path, REMEDY), safe_open(path, framework="np") as file:
            tensors: dict[str, NDArray[Any]] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            names = [str(each) for each in json.loads(file.metadata()["scores"]) if each in SCORES]
            validation = {name: tensors[f"{VALIDATION}{name}"] for name in names}
            fitted = {name: each for name, each in tensors.items() if not name.startswith(VALIDATION)}
            if not names or any(not _are_scores(each, len(validation[names[0]])) for each in validation.values()):
                raise ValueError("its scores do not fit")
            for name in names:
                SCORES.get(name).require(fitted)
        return cls(validation, fitted)


def _are_scores(values: NDArray[Any], images: int) -> bool:
    """Return whether these can be the scores of so many images: sorted numbers, as they are written."""
    if values.shape != (images,) or not images or values.dtype != np.float32:
        return False
    return bool(np.isfinite(values).all() and (np.diff(values) >= 0).all())
