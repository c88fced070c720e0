"""Which job does somebody ask for? Names made findable from anywhere, every setting and variable resolved."""

from collections.abc import Mapping
from pathlib import Path

from sadari.data.load import absolute_data
from sadari.models.ladder import absolute_model, find_rung
from sadari.settings import Job, Value, resolve


def make_job(data: str | Path, model: str | Path, seed: int, overrides: Mapping[str, Value]) -> Job:
    """The job of `model` on `data`: defaults, then the rung's own settings, then `overrides`.

    Raises UsageError for a model, setting or value that there is not, suggesting the nearest one.
    """
    name = absolute_model(model)
    rung = find_rung(name)
    settings, variables = resolve(rung.settings, rung.variables, overrides)
    return Job(absolute_data(data), name, seed, settings, variables)
