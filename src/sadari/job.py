"""What decides a run? The data, the model and the settings that the user chose, looked up and resolved once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from sadari.data.decisions.file import absolute_review
from sadari.data.load import absolute_data
from sadari.errors import UsageError
from sadari.files import exists, expanded
from sadari.job_record import JobRecord
from sadari.models.backbone.choice import AUTO, DECIDED, settled
from sadari.models.backbone.pretrained import EMBEDDED
from sadari.models.backbone.spec import Backbone, backbone_of
from sadari.models.catalog import find_model, recorded_model
from sadari.models.layers.specs import Layer, Shape
from sadari.models.own.model import stored_own_model
from sadari.models.own.reference import is_own
from sadari.models.parse import Row, describe, parse
from sadari.models.spec import FittedBy, ModelSpec
from sadari.plugins.used import Record, is_here, require_here
from sadari.settings import (
    CROSS_ENTROPY,
    INTERPOLATIONS,
    OF_BACKBONE,
    SCALINGS,
    Settings,
    Value,
    resolve,
    with_overrides,
)

WANTED = ("image_size", "interpolation", "channels", "scaling")  # the settings that a backbone's weights decide


@dataclass(frozen=True)
class Job:
    """A run before it is made: its data, its model, its seed, all settings, and the variables of the model.

    data: a named set or an absolute path. variables: resolved (such as dropout). A job holds everything that decides
    the result; two equal jobs on one machine give the same bytes. by_auto: those of its settings and variables that
    backbone=auto decided. note: what auto took, for the user; "" where there was nothing to decide.
    """

    data: str
    model: ModelSpec
    seed: int
    settings: Settings
    variables: Mapping[str, Value] = field(default_factory=dict)
    by_auto: Mapping[str, Value] = field(default_factory=dict, compare=False)
    note: str = field(default="", compare=False)

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """Return the layers of the model without the class layer; none for a model that learns nothing."""
        return parse(self.model.layers, self.variables)

    @property
    def backbone(self) -> Backbone | None:
        """Return the pre-trained network that the model begins with, or None."""
        return backbone_of(self.layers)

    @property
    def taught(self) -> bool:
        """Return whether a teacher's answers are part of what it learns from."""
        settings = self.settings
        return bool(settings.teacher and settings.teacher_weight) and self.model.fitted_by is FittedBy.GRADIENT

    @property
    def names(self) -> Mapping[str, tuple[str, ...]]:
        """Return the names of everything, by kind, that a plug-in may have offered and that decides what is trained."""
        words = (each.split() for each in self.settings.augment.split(","))
        return {
            "model": () if self.model.source else (self.model.name,),
            "layer": tuple(layer.kind for layer in self.layers),
            "augmentation": tuple(each[0] for each in words if each),
            "optimizer": (self.settings.optimizer,),
            "loss": (self.settings.loss,),
        }

    @property
    def devices(self) -> int:
        """Return how many devices the training takes: one for a model that is not fitted by gradient steps."""
        return self.settings.devices if self.model.fitted_by is FittedBy.GRADIENT else 1

    @property
    def record(self) -> JobRecord:
        """Return the job as `settings.toml` stores it."""
        return JobRecord(self.data, self.model.reference, self.seed, self.settings, self.variables)

    def rows(self, shape: Shape, classes: int) -> tuple[Row, ...]:
        """Describe the layers on images of `shape` (H, W, C), the class layer included; none where nothing is learnt.

        Raises UsageError naming the layer that does not fit.
        """
        return describe(self.layers, shape, classes) if self.layers else ()


def make_job(
    data: str | Path,
    model: ModelSpec,
    seed: int,
    overrides: Mapping[str, Value],
    begun: Mapping[str, Value] | None = None,
) -> Job:
    """Make the job of `model` on `data`: defaults, then the model's own settings, then `overrides`.

    backbone=auto becomes the network that it takes here, for good. A backbone's weights decide image_size,
    interpolation, channels and scaling where neither the model nor the user does. begun: `by_auto` of the job that
    this one goes on with, whose decisions it keeps. Raises UsageError for an unknown setting or value, suggesting the
    nearest one.
    """
    settings, variables = resolve(model.settings, model.variables, overrides)
    asked = variables
    if begun and variables.get("backbone") == AUTO:
        variables, choice = {name: begun.get(name, value) for name, value in variables.items()}, None
    else:
        variables, choice = settled(variables, overrides)
    backbone = backbone_of(parse(model.layers, variables))
    own: dict[str, Value] = {}
    if backbone:
        _require_settled(backbone, model)
        chosen = {**model.settings, **overrides}
        wanted = {name: begun[name] for name in WANTED if name in begun} if begun else _wanted_by(backbone)
        own = {key: value for key, value in wanted.items() if key not in chosen}
        settings = with_overrides(settings, own)
    elif settings.scaling == OF_BACKBONE:
        raise UsageError(
            f"scaling={OF_BACKBONE} needs a backbone, and {model.name} has none; take {', '.join(SCALINGS)}"
        )
    if settings.teacher and settings.loss != CROSS_ENTROPY:
        raise UsageError(f"a teacher is compared with by {CROSS_ENTROPY}, not by loss={settings.loss}; leave one out")
    if settings.teacher:
        settings = replace(settings, teacher=_absolute_folder(settings.teacher))
    settings = replace(settings, review=absolute_review(settings.review))
    variables = _with_absolute_weights(variables)
    decided: dict[str, Value] = {}
    if asked.get("backbone") == AUTO:  # what the user set of the others stays as it is
        kept = {*DECIDED[1:]} & {*overrides}
        decided = {name: variables[name] for name in DECIDED if name in variables and name not in kept}
    by_auto = {**decided, **own} if decided else {}
    return Job(absolute_data(data), model, seed, settings, variables, by_auto, choice.sentence if choice else "")


def _require_settled(backbone: Backbone, model: ModelSpec) -> None:
    """Raise UsageError for a network whose layers say `backbone auto`: what auto took could not be stored then."""
    if backbone.name == AUTO:
        raise UsageError(
            f"the layers of {model.name} begin with `backbone auto`; write `backbone $backbone cut $cut weights "
            '$weights` there, and below [variables] backbone = "auto", cut = "end" and weights = "auto"'
        )


def find_job(record: JobRecord, layers: str = "", plugins: Sequence[Record] = ()) -> Job:
    """Resolve a stored job, so that its run can go on.

    layers, plugins: those that the run stored; a user's file, or a plug-in's network, that is not there any more is not
    needed then. Raises UsageError where the model cannot be found, and SadariError where another plug-in is missing, or
    it is code that the user has not named in this process.
    """
    require_here([each for each in plugins if each["kind"] not in ("model", "metric")], "the run needs")
    if is_own(record.model):
        model = stored_own_model(record.model, layers)
        return Job(record.data, model, record.seed, record.settings, record.variables)
    gone = record.model.lower().endswith(".toml") and not exists(Path(record.model))
    gone |= any((each["kind"], each["name"]) == ("model", record.model) and not is_here(each) for each in plugins)
    model = recorded_model(record.model, layers) if gone and layers else find_model(record.model)
    return Job(record.data, model, record.seed, record.settings, record.variables)


def _wanted_by(backbone: Backbone) -> dict[str, Value]:
    """Return the settings that give a backbone images like those its weights were trained on."""
    pretrained = backbone.pretrained()
    known = pretrained.interpolation if pretrained.interpolation in INTERPOLATIONS else INTERPOLATIONS[0]
    return {"image_size": pretrained.size, "interpolation": known, "channels": 3, "scaling": OF_BACKBONE}


def _absolute_folder(teacher: str) -> str:
    """Return the path of a teacher's folder made absolute; raises UsageError for one that no folder can have."""
    try:
        path = str(expanded(teacher).resolve())
        path.encode("utf-8")
    except (OSError, RuntimeError, ValueError) as error:
        raise UsageError(f"there is no folder {teacher[:200]!a} to be the teacher ({error})") from None
    return path


def _with_absolute_weights(variables: dict[str, Value]) -> dict[str, Value]:
    """Return `variables` with the path of weights made absolute."""
    weights = str(variables.get("weights", AUTO))
    if weights in (AUTO, EMBEDDED) or weights.partition(":")[0] == "random":
        return variables
    return {**variables, "weights": str(expanded(weights).resolve())}
