"""What is asked for with an ensemble or a soup, and can it be made? Checked before anything is trained."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sadari.comparison.inputs import SPLIT_SETTINGS, ComparisonInputs
from sadari.comparison.request import Comparison
from sadari.comparison.variants import ENSEMBLE, OF, Arm
from sadari.data.packs.provide import LOAD_SETTINGS
from sadari.errors import UsageError
from sadari.job import Job
from sadari.job_record import JobRecord
from sadari.models.backbone.spec import Backbone
from sadari.models.layers.specs import Layer
from sadari.models.spec import FittedBy
from sadari.settings import Settings

SHARED_SETTINGS = (*LOAD_SETTINGS, *SPLIT_SETTINGS, "device")


def ensemble_job(request: Comparison, settings: Sequence[Settings], seed: int) -> JobRecord:
    """Return the job of the ensemble with `seed`: the arms that it chooses from, and the settings that they share.

    settings: those of each arm. Of them only what decides the images and the split, where all arms agree on it.
    """
    values = {name: {getattr(each, name) for each in settings} for name in SHARED_SETTINGS}
    agreed = {name: found.pop() for name, found in values.items() if len(found) == 1}
    names = ", ".join(arm.name for arm in request.arms)
    return JobRecord(request.data, ENSEMBLE, seed, replace(Settings(), **agreed), {OF: names})


def require_choosable(request: Comparison, inputs: ComparisonInputs) -> None:
    """Raise UsageError where no ensemble of the arms can be chosen: without validation images, or on different ones."""
    first, choosing = "", None
    for arm in request.arms:
        settings = request.job(arm, request.seeds[0]).settings
        images, split = inputs.images_for(settings), inputs.split_for(settings)
        if not len(split.val):
            raise UsageError("an ensemble is chosen on validation images, and there are none; set val_fraction above 0")
        ids = np.asarray(images.ids)[split.val].tolist()
        if choosing is None:
            first, choosing = arm.name, ids
        elif choosing != ids:
            raise UsageError(
                f"an ensemble is chosen on one set of validation images, and {first} and {arm.name} have different "
                "ones; give all arms the same split, val_fraction and split_seed"
            )


def with_soups(request: Comparison) -> tuple[Comparison, tuple[str, ...]]:
    """Return `request` with a soup of each arm whose runs have weights to average, and a sentence on each other arm.

    Raises UsageError where that is no arm, and for a single seed.
    """
    if len(request.seeds) < 2:
        raise UsageError("a soup averages the weights of at least two seeds, and there is only one; set --seeds 2")
    reasons = {arm.name: why_no_soup(request.job(arm, request.seeds[0])) for arm in request.arms}
    said = tuple(f"there is no soup of {name}, which {reason}" for name, reason in reasons.items() if reason)
    if all(reasons.values()):
        raise UsageError(f"{'; '.join(said)}; a soup averages seeds of fine-tune with class_layer=logistic")
    return replace(request, soups=tuple(name for name, reason in reasons.items() if not reason)), said


def why_no_soup(job: Job) -> str:
    """Return why the weights of the job's runs with several seeds have no mean that is a network; "" where they have.

    They have one where all of them begin with the same weights: those of a pre-trained backbone and of a class layer
    that is fitted to it, with nothing else that learns.
    """
    if job.model.fitted_by is FittedBy.SOLVER:
        return "a solver fits: its seeds give equal runs"
    first, *others = job.layers
    if not isinstance(first, Backbone) or first.weights == "random":
        return "begins with other random weights for each seed"
    if any(type(each).params is not Layer.params for each in others):
        return "has layers behind its backbone that begin with other random weights for each seed"
    if job.settings.class_layer != "logistic":
        return "begins with another random class layer for each seed unless class_layer=logistic is set"
    return ""


def soup_job(request: Comparison, job: JobRecord) -> JobRecord:
    """Return the job of the soup of the arm with this `job`: the same, with the seeds that it chooses from."""
    seeds = ", ".join(str(seed) for seed in request.seeds)
    return replace(job, variables={**job.variables, OF: f"seeds {seeds}"})


def require_validated(request: Comparison, arm: Arm, inputs: ComparisonInputs) -> None:
    """Raise UsageError where there are no validation images to choose the soup of `arm` by."""
    if not len(inputs.split_for(request.job(arm, request.seeds[0]).settings).val):
        raise UsageError("a soup is chosen on validation images, and there are none; set val_fraction above 0")
