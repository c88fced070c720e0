"""What does a finished run offer? The network with its weights, its preprocessing and its classes."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from sadari.data.decode import RESAMPLING
from sadari.data.prepare import Preprocess
from sadari.errors import SadariError, UsageError
from sadari.files import write_bytes
from sadari.inference.prepared.network import Prepared, prepare
from sadari.models.backbone.pretrained import TENSORS, Pretrained
from sadari.models.backbone.spec import backbone_of, known_weights
from sadari.models.classical.registry import CLASSICAL
from sadari.models.layers.specs import Layer
from sadari.models.network import Network, build
from sadari.models.own.named import find_code
from sadari.models.own.spec import own_of
from sadari.models.parse import Row, describe, parse
from sadari.models.spec import FittedBy, ModelSpec
from sadari.plugins.used import checked_records, records_of, require_here, warn_of_changes
from sadari.progress import Progress
from sadari.run import MODEL, PREPROCESS, RunRecord
from sadari.settings import Value

# What a file may describe. Assumed: far above any network of ours, and far below what stops a machine.
MOST_TEXT, MOST_LAYERS, MOST_CLASSES = 100_000, 1_000, 1_000_000
FITS = ("crop", "pad", "squash")
MOST_VALUES = 2**30  # of one image, and of the output of one layer for one image; 4 GiB as float32

# The entry of a file's metadata that says that its tensors have timm's names, and what timm calls the class layer.
CLASSIFIER = "timm_classifier"
_OF_BACKBONE = "features.0.graph."  # what precedes timm's names in ours

DIGITS = 12  # of a digest that is said (assumed: enough to tell sources apart)
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

    def build(self, seed: int) -> Network:
        """Return the network with weights drawn from `seed`, in channels-last memory; a backbone's are loaded later.

        The memory of a network of the user's own code is as that code makes it.
        """
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
        with _stored_model(run) as file:
            return cls.from_json(file.metadata()["architecture"])


def write_model(path: Path, network: Network, architecture: Architecture) -> None:
    """Write weights and architecture as one safetensors file; equal weights give equal bytes."""
    write_bytes(path, save(plain(network.state_dict()), {"architecture": architecture.to_json()}))


@dataclass(frozen=True)
class TrainedModel:
    """A network that is ready to predict: in evaluation mode, with the preprocessing of its training.

    temperature: what its logits are divided by before the softmax; see `inference/probabilities.py`.
    """

    network: Network
    preprocess: Preprocess
    classes: tuple[str, ...]
    architecture: Architecture
    temperature: float = 1.0

    @cached_property
    def prepared(self) -> Prepared | None:
        """The network in the form that answers soonest, made once; None where it stays as it is."""
        return prepare(self.network, self.preprocess)

    @classmethod
    def load(cls, run: RunRecord, progress: Progress | None = None) -> "TrainedModel":
        """Read the model of `run` without executing anything in its files; raise SadariError where they are damaged.

        A network of the user's own code is made by the code that the user named in this process; NotNamedError where
        there is none. progress: hears where that code is not as it was when the run began.
        """
        with _stored_model(run) as file:
            architecture = Architecture.from_json(file.metadata()["architecture"])
            preprocess = Preprocess.from_json(json.loads((run.path / PREPROCESS).read_text(encoding="utf-8")))
            if (preprocess.height, preprocess.width, preprocess.channels) != architecture.shape:
                raise ValueError("its preprocessing is of images of another shape")
            if preprocess.fit not in FITS or preprocess.interpolation not in RESAMPLING:
                raise ValueError("its preprocessing resizes images in a way that is not known")
            with _own_code(run, architecture, progress):
                architecture.check_size(sum(prod(file.get_slice(name).get_shape()) for name in file.keys()))  # noqa: SIM118
                network = architecture.build(seed=0)
                names = timm_names(network.state_dict(), file.metadata().get(CLASSIFIER, ""))
                ours = {theirs: name for name, theirs in names.items()}
                network.load_state_dict({ours.get(name, name): file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
        return cls(network.eval(), preprocess, architecture.classes, architecture, run.temperature)


@contextmanager
def _stored_model(run: RunRecord) -> Iterator[Any]:
    """Open the model file of `run`; raise SadariError for an error in it, also one that is found while it is open."""
    path = run.path / MODEL
    if run.is_ensemble:
        raise SadariError(f"{run.path} is an ensemble, which has no model of its own; name one of its members")
    if not path.is_file():
        if run.finished:
            missing = f"the run {run.path} is finished, but its {MODEL} is gone"
            raise SadariError(f"{missing}; put it back, or train in another --out")
        raise SadariError(f"the run {run.path} has no model yet; finish it with: sadari resume {run.path}")
    try:
        with safe_open(path, framework="pt") as file:
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


@contextmanager
def _own_code(run: RunRecord, architecture: Architecture, progress: Progress | None) -> Iterator[None]:
    """Say where the code of the user that makes the network is not as it was, and what does not fit because of that."""
    own = own_of(architecture.layer_list())
    code = own and find_code(own.reference, own.digest)
    if own is None or code is None:
        yield
        return
    changed = code.digest != own.digest
    if changed and progress:
        progress.say(
            f"the source of {code.reference} has changed since {run.path} was trained (then {own.digest[:DIGITS]}, now "
            f"{code.digest[:DIGITS]}); its weights are loaded into the network that it makes now"
        )
    try:
        yield
    except (UsageError, RuntimeError, ValueError) as error:
        if not changed:
            raise (SadariError(str(error)) if isinstance(error, UsageError) else error) from None
        *_, reason = str(error).strip().splitlines()[:2] or [type(error).__name__]
        raise SadariError(
            f"the source of {code.reference} has changed since {run.path} was trained, and the weights do not fit the "
            f"network that it makes now ({reason.strip()}); name the code as it was, or train again"
        ) from None


def stored_weights(run: RunRecord) -> dict[str, Tensor]:
    """Return the weights of `run`, a trained one, by name; raises SadariError as `TrainedModel.load` does."""
    with _stored_model(run) as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def timm_names(names: Iterable[str], classifier: str) -> dict[str, str]:
    """Return timm's names of the tensors of a backbone with a class layer, by our own `names`.

    classifier: timm's name of the class layer; {} where it is "", since the file then has our own names.
    """
    if not classifier:
        return {}
    ours = ((name, name.removeprefix(_OF_BACKBONE)) for name in names)
    return {name: f"{classifier}.{rest.rpartition('.')[2]}" if rest == name else rest for name, rest in ours}


Tensors = Mapping[str, Tensor]


def plain(tensors: Tensors) -> dict[str, Tensor]:
    """Return copies of the tensors that can be stored: on the processor, contiguous, sharing no memory."""
    return {
        name: tensor.detach().to("cpu", copy=True).contiguous(memory_format=torch.contiguous_format)
        for name, tensor in tensors.items()
    }
