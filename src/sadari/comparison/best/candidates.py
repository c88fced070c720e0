"""Which models can be tried on these images, on this machine, without a download?"""

from collections.abc import Mapping
from dataclasses import dataclass

from sadari.comparison.best.cost_model import shape_for
from sadari.comparison.variants import Arm, expand
from sadari.data.augment.pipeline import parse_augmentation
from sadari.errors import SadariError
from sadari.inference.device import resolve_machine
from sadari.job import Job, make_job
from sadari.models.catalog import MODELS
from sadari.models.weights import weights_are_here
from sadari.settings import Value
from sadari.values import ImageSet


@dataclass(frozen=True)
class Entrants:
    """Who is tried? `arms`, from the lowest rung up; `outside`: why the other models are not, by name."""

    arms: tuple[Arm, ...]
    outside: Mapping[str, str]


def candidates(overrides: Mapping[str, Value]) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
    """All models that learn anything, with the settings that they know of `overrides`, and what is worth knowing of it.

    Raises UsageError for a setting that no model has.
    """
    return expand([spec for spec in MODELS if spec.layers], {}, overrides)


def find_entrants(data: str, arms: tuple[Arm, ...], images: ImageSet) -> Entrants:
    """Which of `arms` fit `images` and, where they begin with a backbone, find its weights here?"""
    outside = {arm.name: reason for arm in arms if (reason := _obstacle(data, arm, images))}
    return Entrants(tuple(arm for arm in arms if arm.name not in outside), outside)


def _obstacle(data: str, arm: Arm, images: ImageSet) -> str:
    """Why can `arm` not be tried? "" where it can."""
    try:
        job = make_job(data, arm.model, 0, arm.overrides)
        resolve_machine(job.settings)
        if not _has_weights(job):
            return "the weights are not on this machine, and best downloads none"
        shape = shape_for(job.settings, images)
        job.rows(shape, len(images.classes))
        parse_augmentation(job.settings.augment, *shape[:2])
    except SadariError as error:
        return str(error)
    return ""


def _has_weights(job: Job) -> bool:
    return job.backbone is None or weights_are_here(job.backbone.pretrained())
