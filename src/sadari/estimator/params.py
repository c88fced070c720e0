"""Which job do the parameters of an estimator describe? Read as strictly as `--set key=value` on the command line."""

from collections.abc import Mapping
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from sadari.errors import UsageError
from sadari.job import Job, make_job
from sadari.models.catalog import find_model
from sadari.settings import Value

NAME = "arrays"  # the name of the data in a run whose data came as arrays
SAME_NAME = ("epochs", "batch_size", "optimizer", "learning_rate", "augment", "patience")
# The settings that are parameters of the estimator, by the parameter's name.
SETTING_OF = {**{name: name for name in SAME_NAME}, "validation_fraction": "val_fraction"}
KINDS = (bool, int, float, str, np.bool_, np.integer, np.floating)


def job_from_params(params: Mapping[str, Any]) -> Job:
    """Return the job of an estimator with these `params`; draw a seed where random_state is no int.

    Raises UsageError for an unknown model, setting or value, and for a setting that is a parameter as well.
    """
    settings = params["settings"] if params["settings"] is not None else {}
    if not isinstance(settings, Mapping):
        raise UsageError(f"settings is a mapping, such as {{'dropout': 0.3}}, not {settings!r}")
    for name, setting in SETTING_OF.items():
        if setting in settings or name in settings:
            raise UsageError(f"{setting} is an argument of its own; give {name}=..., and leave it out of settings")
    if "test_fraction" in settings:
        raise UsageError("fit takes no test images from X, so test_fraction has no place in settings; leave it out")
    named = {SETTING_OF[name]: params[name] for name in SETTING_OF if params[name] is not None}
    quiet = {} if params["out"] is not None else {"tensorboard": "off"}  # its files would be deleted with the folder
    overrides = {**quiet, **settings, **named, "test_fraction": 0.0}
    return make_job(NAME, find_model(params["model"]), _seed(params["random_state"]), _as_text(overrides))


def _as_text(overrides: Mapping[str, Any]) -> dict[str, Value]:
    """Return the values as text, as the command line has them; raise UsageError for values of other types."""
    for name, value in overrides.items():
        if not isinstance(value, KINDS):
            raise UsageError(f"{name} is a number, a text, true or false, not {value!r}")
    return {str(name): str(value) for name, value in overrides.items()}


def _seed(random_state: Any) -> int:
    generator = check_random_state(random_state)  # raises ValueError where it is neither an int, None nor a generator
    if isinstance(random_state, Integral):
        return int(random_state)
    return int(generator.randint(np.iinfo(np.int32).max))
