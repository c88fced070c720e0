"""Which network do the weights of a run belong to? Its layers, images and classes, stored beside them. No torch."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open

from sadari.errors import SadariError, UsageError
from sadari.models.backbone.pretrained import TENSORS, Pretrained
from sadari.models.backbone.spec import backbone_of, known_weights
from sadari.models.layers.specs import Layer
from sadari.models.own.spec import own_of
from sadari.models.parse import Row, describe, parse
from sadari.models.spec import FittedBy, ModelSpec
from sadari.plugins.used import checked_records, records_of, require_here, warn_of_changes
from sadari.run import MODEL, RunRecord
from sadari.settings import Value

if TYPE_CHECKING:
    from sadari.models.network import Network

# What a file may describe. Assumed: far above any network of ours, and far below what stops a machine.
MOST_TEXT, MOST_LAYERS, MOST_CLASSES = 100_000, 1_000, 1_000_000
MOST_VALUES = 2**30  # of one image, and of the output of one layer for one image; 4 GiB as float32

_OF_WEIGHTS = re.compile(r"(\bweights[ \t]+)([^\n,;#]+)")  # in a list of layers; see models/backbone/spec.py


def _last(path: str) -> str:
    """Return the last name of a path; any other text as it is."""
    return re.split(r"[/\\]", path.rstrip("/\\"))[-1]


@dataclass(frozen=True)
class Architecture:
    """The network that weights belong to, stored beside them so that a run does not depend on other files.

    classical: the name of the classical model that fitted the class layer, or "". pretrained: the backbone at the front
    of the network, with the weights that it started from; None where there is none.
    """

    layers: str
    variables: Mapping[str, Value]
    shape: tuple[int, int, int]
    classes: tuple[str, ...]
    classical: str = ""
    pretrained: Pretrained | None = None

    @classmethod
    def of(
        cls,
        spec: ModelSpec,
        variables: Mapping[str, Value],
        shape: tuple[int, int, int],
        classes: tuple[str, ...],
        pretrained: Pretrained | None = None,
    ) -> "Architecture":
        """Return the architecture of `spec` for images of `shape` (H, W, C).

        pretrained: the weights of its backbone where they are known, else they are looked up. Raises UsageError for
        weights that do not exist.
        """
        classical = spec.name if spec.fitted_by is FittedBy.SOLVER else ""
        layers = spec.layers or "flatten"
        backbone = backbone_of(parse(layers, variables))
        if backbone and pretrained is None:
            pretrained = backbone.pretrained()
        return cls(layers, variables, shape, classes, classical, pretrained)

    @property
    def scaling(self) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
        """Return mean and std of pixels in 0..1 with which the backbone was trained; None without a backbone."""
        return (self.pretrained.mean, self.pretrained.std) if self.pretrained else None

    def layer_list(self) -> tuple[Layer, ...]:
        """Return the layers, without the class layer."""
        return known_weights(parse(self.layers, self.variables), self.pretrained)

    def build(self, seed: int) -> "Network":
        """Return the network with weights drawn from `seed`, in channels-last memory; a backbone's are loaded later.

        The memory of a network of the user's own code is as that code makes it.
        """
        import torch
        from torch import nn

        from sadari.models.classical.registry import CLASSICAL
        from sadari.models.network import build

        network = build(self.layer_list(), self.shape, len(self.classes), seed)
        if own_of(self.layer_list()):
            return network
        if self.classical and CLASSICAL.get(self.classical).sigmoid:
            network.head.append(nn.LogSigmoid())  # softmax of log-sigmoids: sigmoids that sum to one
        return network.to(memory_format=torch.channels_last)

    def rows(self) -> tuple[Row, ...]:
        """Return the rows of `sadari models NAME`, with the class layer even where nothing is learnt (majority)."""
        return describe(self.layer_list(), self.shape, len(self.classes))

    def to_json(self) -> str:
        """Return the architecture as a JSON document."""
        document: dict[str, Any] = {
            "layers": self.layers,
            "variables": dict(self.variables),
            "shape": self.shape,
            "classes": self.classes,
            "classical": self.classical,
        }
        if self.pretrained:
            document["pretrained"] = self.pretrained.to_json()
        plugins = records_of({"layer": [layer.kind for layer in self.layer_list()]})
        if plugins:
            document["plugins"] = plugins
        return json.dumps(document, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "Architecture":
        """Read what `to_json` returned; raises KeyError, TypeError or ValueError for anything else.

        Nothing is allocated and no other file is read: a backbone without its stored weights is refused. Raises
        MissingPluginError for a layer that nothing offers here, and warns of one that has changed.
        """
        document: dict[str, Any] = json.loads(text)
        plugins = checked_records(document.get("plugins", []))
        require_here(plugins, "the model needs")
        warn_of_changes(plugins, "the model")
        height, width, channels = (int(side) for side in document["shape"])
        pretrained = document.get("pretrained")
        found = cls(
            str(document["layers"]),
            dict(document["variables"]),
            (height, width, channels),
            tuple(map(str, document["classes"])),
            str(document["classical"]),
            Pretrained.from_json(pretrained) if pretrained else None,
        )
        if min(found.shape) < 1 or prod(found.shape) > MOST_VALUES:
            raise ValueError(f"it reads images of {height} x {width} x {channels}")
        if not 1 <= len(found.classes) <= MOST_CLASSES or len(found.layers) > MOST_TEXT:
            raise ValueError(f"it has {len(found.classes):,} classes and {len(found.layers):,} letters of layers")
        if found.pretrained is None and backbone_of(parse(found.layers, found.variables)):
            raise ValueError("it begins with a backbone, but does not say which")
        return found

    def without_paths(self) -> "Architecture":
        """Return the same architecture with names in place of the paths of weights: it may leave this machine."""
        variables = {key: _last(value) if isinstance(value, str) else value for key, value in self.variables.items()}
        layers = _OF_WEIGHTS.sub(lambda found: found[1] + _last(found[2].rstrip()), self.layers)
        found = self.pretrained
        if found and not found.random and not found.embedded and not found.origin.startswith("hub:"):
            found = replace(found, origin=_last(found.origin.removesuffix(f"/{TENSORS}")))
        return replace(self, variables=variables, layers=layers, pretrained=found)

    def check_size(self, values: int) -> None:
        """Raise ValueError where a file of `values` numbers cannot hold this network; nothing is allocated before."""
        layers = self.layer_list()
        if len(layers) > MOST_LAYERS:
            raise ValueError(f"it has {len(layers):,} layers")
        rows = self.rows()
        needed = sum(row.total for row in rows)
        if needed > values:
            raise ValueError(f"its layers have {needed:,} parameters, but the file holds {values:,} numbers")
        for row in rows:
            if prod(row.shape) > MOST_VALUES:
                raise ValueError(f"its layer `{row.text}` makes {prod(row.shape):,} values of one image")

    @classmethod
    def of_run(cls, run: RunRecord) -> "Architecture":
        """Read the architecture of `run`, without its weights; raise SadariError as `TrainedModel.load` does."""
        with opened_model(run, "numpy") as file:  # whose tensors nobody asks for
            return cls.from_json(file.metadata()["architecture"])


@contextmanager
def opened_model(run: RunRecord, framework: str) -> Iterator[Any]:
    """Open the model file of `run`; raise SadariError for an error in it, also one that is found while it is open.

    framework: whose tensors the file gives, "pt" or "numpy".
    """
    path = run.path / MODEL
    if run.is_ensemble:
        raise SadariError(f"{run.path} is an ensemble, which has no model of its own; name one of its members")
    if not path.is_file():
        if run.finished:
            missing = f"the run {run.path} is finished, but its {MODEL} is gone"
            raise SadariError(f"{missing}; put it back, or train in another --out")
        raise SadariError(f"the run {run.path} has no model yet; finish it with: sadari resume {run.path}")
    try:
        with safe_open(path, framework=framework) as file:
            yield file
    except UsageError as error:  # of the layers in the file, not of what the user typed
        raise SadariError(f"the model of {run.path} cannot be read ({error}); train it again") from None
    except (
        OSError, SafetensorError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RuntimeError,
        MemoryError,
    ) as error:  # fmt: skip
        raise SadariError(
            f"the model of {run.path} cannot be read ({str(error) or type(error).__name__}); train it again"
        ) from None
