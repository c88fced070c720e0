"""Which job does somebody ask for? Names made findable from anywhere, every setting and variable resolved."""

from collections.abc import Mapping
from pathlib import Path

from sadari.data.load import absolute_data
from sadari.errors import UsageError
from sadari.job import Job
from sadari.models.backbone.spec import Backbone, backbone_of
from sadari.models.catalog import absolute_model, find_model
from sadari.models.parse import parse
from sadari.settings import INTERPOLATIONS, OF_BACKBONE, SCALINGS, Value, resolve, with_overrides


def make_job(data: str | Path, model: str | Path, seed: int, overrides: Mapping[str, Value]) -> Job:
    """The job of `model` on `data`: defaults, then the model's own settings, then `overrides`.

    A backbone's weights decide image_size, interpolation, channels and scaling where nobody else does.
    Raises UsageError for a model, setting or value that there is not, suggesting the nearest one.
    """
    name = absolute_model(model)
    spec = find_model(name)
    settings, variables = resolve(spec.settings, spec.variables, overrides)
    backbone = backbone_of(parse(spec.layers, variables))
    if backbone:
        chosen = {**spec.settings, **overrides}
        own = {key: value for key, value in _asked_by(backbone).items() if key not in chosen}
        settings = with_overrides(settings, own)
    elif settings.scaling == OF_BACKBONE:
        raise UsageError(
            f"scaling={OF_BACKBONE} needs a backbone, and {spec.name} has none; take {', '.join(SCALINGS)}"
        )
    return Job(absolute_data(data), name, seed, settings, _found_anywhere(variables))


def _asked_by(backbone: Backbone) -> dict[str, Value]:
    """The settings that give a backbone such images as its weights were trained on."""
    pretrained = backbone.pretrained()
    known = pretrained.interpolation if pretrained.interpolation in INTERPOLATIONS else INTERPOLATIONS[0]
    return {"image_size": pretrained.size, "interpolation": known, "channels": 3, "scaling": OF_BACKBONE}


def _found_anywhere(variables: dict[str, Value]) -> dict[str, Value]:
    """The same, with a path of weights as an absolute one."""
    weights = str(variables.get("weights", "auto"))
    if weights == "auto" or weights.partition(":")[0] == "random":
        return variables
    return {**variables, "weights": str(Path(weights).expanduser().resolve())}
