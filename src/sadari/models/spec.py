"""What is a model, and how is one read from a user's TOML file? No torch here.

Such a file (only `layers` is required; `name` defaults to the name of the file):

    name = "small-cnn"
    summary = "one convolution"
    layers = "conv $filters, maxpool, flatten"

    [variables]
    filters = 16

    [settings]
    epochs = 5
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from sadari.errors import UsageError
from sadari.files import read_toml
from sadari.models.backbone.spec import Neighbours, backbone_of
from sadari.models.layers.specs import Shape
from sadari.models.own.spec import own_of
from sadari.models.parse import Row, describe, parse
from sadari.registry import unknown_name
from sadari.settings import Settings, Value, setting_names, with_overrides

KEYS = ("name", "summary", "layers", "variables", "settings")

# The settings that only training by gradients reads.
GRADIENT_ONLY = frozenset(
    (
        "augment", "least_steps", "batch_size", "optimizer", "learning_rate", "schedule", "warmup_epochs", "loss",
        "weight_decay", "label_smoothing", "class_weights", "patience", "precision", "backbone_learning_rate",
        "class_layer", "class_layer_C", "backbone_norms", "train_size", "weights_average", "start_share", "teacher",
        "teacher_weight", "temperature", "devices",
    )
)  # fmt: skip


class FittedBy(StrEnum):
    """The way a model learns: all its layers step by step, or only the class layer, by a solver of its own."""

    GRADIENT = "gradient"
    SOLVER = "solver"

    @classmethod
    def _missing_(cls, value: object) -> "FittedBy | None":
        return cls.SOLVER if value == "scikit-learn" else None  # as 0.1.0 wrote it


@dataclass(frozen=True)
class ModelSpec:
    """A model: a list of layers in text, the variables in it, and its own settings.

    layers: "" for a model that learns nothing (majority). article: the article it comes from ("A0" to "A4"), or "".
    source: the absolute path of the user's TOML file, or the name of the code that makes its network, as in
    package.module:make_net; "" for a model of the ladder.
    """

    name: str
    summary: str
    layers: str
    variables: Mapping[str, Value] = field(default_factory=dict)
    settings: Mapping[str, Value] = field(default_factory=dict)
    fitted_by: FittedBy = FittedBy.GRADIENT
    article: str = ""
    source: str = ""

    @property
    def reference(self) -> str:
        """Return what finds this model again: its name, the path of its file, or the name of its code."""
        return self.source or self.name

    def rows(self, shape: Shape, classes: int, variables: Mapping[str, Value] | None = None) -> tuple[Row, ...]:
        """Return its layers on images of `shape` (H, W, C); none where nothing is learnt (majority).

        Raises UsageError naming the layer that does not fit.
        """
        if not self.layers:
            return ()
        return describe(parse(self.layers, self.variables if variables is None else variables), shape, classes)

    def uses(self, key: str) -> bool:
        """Return whether it reads the setting or variable `key`."""
        known = key in setting_names() and (self.fitted_by is FittedBy.GRADIENT or key not in GRADIENT_ONLY)
        return known or key in self.variables

    def begins_with_backbone(self) -> bool:
        """Return whether it reads images through a pre-trained network, which alone knows the size of the model."""
        return bool(self.layers) and backbone_of(parse(self.layers, self.variables)) is not None


def read_model(path: Path) -> ModelSpec:
    """Read the network that the TOML file at `path` describes.

    It has `layers` (text, or a list of lines), and may have `name`, `summary`, `[variables]` and `[settings]`.
    Raises UsageError naming the file and what is wrong in it.
    """
    document = read_toml(path, "network")
    try:
        return replace(_checked(document, path.stem), source=str(path))
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None


def _checked(document: Mapping[str, Any], stem: str) -> ModelSpec:
    for key in document:
        if key not in KEYS:
            raise unknown_name("key", key, list(KEYS))
    variables, settings = _table(document, "variables"), _table(document, "settings")
    spec = ModelSpec(_name(document, stem), _text(document, "summary"), _layers(document), variables, settings)
    layers = parse(spec.layers, variables)
    if any(isinstance(layer, Neighbours) for layer in layers):
        raise UsageError("neighbours is not trained step by step; take the model knn")
    if own := own_of(layers):
        raise UsageError(f"no file lets code run; name it yourself: --model {own.reference}")
    for variable in variables:
        if not re.search(rf"\${re.escape(variable)}\b", spec.layers):
            raise UsageError(f"no layer uses the variable '{variable}'; write ${variable} in `layers` or remove it")
    with_overrides(Settings(), settings)
    return spec


def _name(document: Mapping[str, Any], stem: str) -> str:
    name = _text(document, "name") or stem
    if not re.fullmatch(r"[\w][\w.-]*", name):
        raise UsageError(f"`name` is made of letters, digits, '-', '_' and '.', not '{name}'")
    return name


def _layers(document: Mapping[str, Any]) -> str:
    layers = document.get("layers", "")
    if isinstance(layers, list) and all(isinstance(each, str) for each in layers):
        layers = "\n".join(layers)
    if not isinstance(layers, str) or not layers.strip():
        raise UsageError('`layers` must list the layers as text, such as layers = "flatten, dense 64"')
    return layers


def _text(document: Mapping[str, Any], key: str) -> str:
    value = document.get(key, "")
    if not isinstance(value, str):
        raise UsageError(f"`{key}` is text, not {value}")
    return value


def _table(document: Mapping[str, Any], key: str) -> dict[str, Value]:
    table = document.get(key, {})
    if not isinstance(table, dict):
        raise UsageError(f"`{key}` is a table: write [{key}] and below it name = value")
    for name, value in table.items():
        if not isinstance(value, bool | int | float | str):
            raise UsageError(f"{key}.{name} is a number, a text, true or false, not {value}")
        if key == "variables" and name in setting_names():
            raise UsageError(f"the variable '{name}' has the name of a setting; choose another")
    return table
