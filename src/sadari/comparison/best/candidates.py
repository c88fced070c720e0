"""Which models can be tried on these images, on this machine, without a download?"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from sadari.comparison.best.cost_model import shape_for
from sadari.comparison.variants import Arm, expand
from sadari.data.augment.pipeline import parse_augmentation
from sadari.errors import SadariError
from sadari.inference.device import resolve_machine
from sadari.job import Job, make_job
from sadari.models.backbone.tensors import weights_are_here
from sadari.models.catalog import MODELS
from sadari.models.classical.registry import CLASSICAL
from sadari.models.spec import FittedBy
from sadari.settings import Value
from sadari.values import ImageSet

# Pixels on a side from which images count as photographs (assumed: those of CIFAR and of digits are smaller).
PHOTOGRAPHS_FROM = 48
# Assumed: an object in a photograph stays one when it is mirrored, tilted a little or shown larger.
AUGMENTATION = "flip, rotate 10, zoom 0.1"
AUGMENTED = " augmented"  # how the name of such an arm ends
# Models with a second arm that is augmented (assumed: plain ones of several sizes; `sprint` has augmentation anyway).
TO_AUGMENT = ("fine-tune", "a4-cnn", "cnn", "cnn2")
NO_WEIGHTS = "the weights are not on this machine, and best downloads none"


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


def are_photographs(shape: tuple[int, ...]) -> bool:
    """Return whether images of `shape` (H, W, C) count as photographs."""
    return min(shape[:2]) >= PHOTOGRAPHS_FROM


def with_augmentation(arms: Iterable[Arm], shape: tuple[int, ...]) -> tuple[Arm, ...]:
    """Add an augmented arm behind each of TO_AUGMENT, where the images are photographs and nobody set `augment`."""
    found: list[Arm] = []
    for arm in arms:
        found.append(arm)
        if arm.name in TO_AUGMENT and are_photographs(shape) and "augment" not in arm.overrides:
            found.append(
                replace(arm, name=f"{arm.name}{AUGMENTED}", overrides={**arm.overrides, "augment": AUGMENTATION})
            )
    return tuple(found)


def draws(job: Job) -> bool:
    """Return whether the result of `job` depends on its seed."""
    classical = job.model.fitted_by is FittedBy.SOLVER and not CLASSICAL.get(job.model.name).draws
    drawn = job.settings.augment or job.settings.views or (job.backbone and job.backbone.pretrained().random)
    return not classical or bool(drawn)


def advice_on_weights(excluded: Mapping[str, str], shape: tuple[int, ...]) -> str:
    """Return what weights would bring, and how to get them, where models on photographs lack them; "" elsewhere."""
    lacking = [name for name, reason in excluded.items() if reason == NO_WEIGHTS]
    if "linear-probe" not in lacking or not are_photographs(shape):
        return ""
    return (
        f"{', '.join(lacking)} begin with a network that has learnt from a million photographs, and on a few hundred "
        "or thousand photographs that usually brings far more than any model that begins from nothing; leave out "
        "backbone, and they take weights that are here; `sadari train DATA --model linear-probe --set backbone=NAME` "
        "downloads others once"
    )


def untried(reasons: Mapping[str, str], one: str = "was", several: str = "were") -> list[str]:
    """Return a sentence for each of the `reasons` why models were not tried, which are by name. one, several: verbs."""
    names: dict[str, list[str]] = {}
    for name, reason in reasons.items():
        names.setdefault(reason, []).append(name)
    return [f"{', '.join(each)} {one if len(each) == 1 else several} not tried: {why}" for why, each in names.items()]


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
            return NO_WEIGHTS
        shape = shape_for(job.settings, images)
        job.rows(shape, len(images.classes))
        parse_augmentation(job.settings.augment, *shape[:2])
    except SadariError as error:
        return str(error)
    return ""


def _has_weights(job: Job) -> bool:
    return job.backbone is None or weights_are_here(job.backbone.pretrained())
