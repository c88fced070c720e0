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
class Candidates:
    """The arms that can be tried, in the order of MODELS; excluded: why the others cannot, by name."""

    arms: tuple[Arm, ...]
    excluded: Mapping[str, str]


def learning_arms(overrides: Mapping[str, Value]) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
    """Return an arm for each model that learns, with those of `overrides` that it knows, and what the user should know.

    Raises UsageError for a setting that no model has.
    """
    return expand([spec for spec in MODELS if spec.layers], {}, overrides)


def find_candidates(data: str, arms: tuple[Arm, ...], images: ImageSet) -> Candidates:
    """Find those of `arms` that fit `images` and whose pre-trained weights, if they need any, are on this machine."""
    excluded = {arm.name: reason for arm in arms if (reason := _obstacle(data, arm, images))}
    return Candidates(tuple(arm for arm in arms if arm.name not in excluded), excluded)


def _obstacle(data: str, arm: Arm, images: ImageSet) -> str:
    """Return why `arm` cannot be tried, or "" where it can."""
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
