"""What is asked for with an ensemble, and can it be made? Checked before anything is trained."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sadari.comparison.inputs import SPLIT_SETTINGS, ComparisonInputs
from sadari.comparison.request import Comparison
from sadari.comparison.variants import ENSEMBLE, OF
from sadari.data.packs.provide import LOAD_SETTINGS
from sadari.errors import UsageError
from sadari.settings import JobRecord, Settings

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
