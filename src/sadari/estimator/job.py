"""Which job do the arguments of an estimator ask for? Read as strictly as `--set key=value` on the command line."""

from collections.abc import Mapping
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from sadari.errors import UsageError
from sadari.job import Job, make_job
from sadari.models.catalog import find_model
from sadari.settings import Value

NAME = "arrays"  # what a run calls data that came as arrays
SAME_NAME = ("epochs", "batch_size", "optimizer", "learning_rate", "augment", "patience")
# The settings that are arguments, by the argument's name.
ARGUMENTS = {**{name: name for name in SAME_NAME}, "validation_fraction": "val_fraction"}
KINDS = (bool, int, float, str, np.bool_, np.integer, np.floating)


def job_of(params: Mapping[str, Any]) -> Job:
    """The job of an estimator with these `params`; a seed is drawn where random_state is no int.

    Raises UsageError for a model, setting or value that there is not, and for a setting that is an argument as well.
    """
    settings = params["settings"] if params["settings"] is not None else {}
    if not isinstance(settings, Mapping):
        raise UsageError(f"settings is a mapping, such as {{'dropout': 0.3}}, not {settings!r}")
    for argument, setting in ARGUMENTS.items():
        if setting in settings or argument in settings:
            raise UsageError(f"{setting} is an argument of its own; give {argument}=..., and leave it out of settings")
    if "test_fraction" in settings:
        raise UsageError("fit takes no test images from X, so test_fraction has no place in settings; leave it out")
    named = {ARGUMENTS[name]: params[name] for name in ARGUMENTS if params[name] is not None}
    quiet = {} if params["out"] is not None else {"tensorboard": "off"}  # nobody could look at it
    overrides = {**quiet, **settings, **named, "test_fraction": 0.0}
    return make_job(NAME, find_model(params["model"]), _seed(params["random_state"]), _as_texts(overrides))


def _as_texts(overrides: Mapping[str, Any]) -> dict[str, Value]:
    for name, value in overrides.items():
        if not isinstance(value, KINDS):
            raise UsageError(f"{name} is a number, a text, true or false, not {value!r}")
    return {str(name): str(value) for name, value in overrides.items()}


def _seed(random_state: Any) -> int:
    generator = check_random_state(random_state)  # refuses what is neither
    if isinstance(random_state, Integral):
        return int(random_state)
    return int(generator.randint(np.iinfo(np.int32).max))
