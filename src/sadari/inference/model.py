"""What does a finished run offer? The network with its weights, its preprocessing and its classes."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors.torch import save
from torch import Tensor

from sadari.data.decode import FITS, RESAMPLING
from sadari.data.prepare import Preprocess
from sadari.errors import SadariError, UsageError
from sadari.files import write_bytes
from sadari.inference.architecture import Architecture, opened_model
from sadari.models.network import Network
from sadari.models.own.named import find_code
from sadari.models.own.spec import own_of
from sadari.progress import Progress
from sadari.run import PREPROCESS, RunRecord

if TYPE_CHECKING:
    from sadari.inference.prepared.network import Prepared

# The entry of a file's metadata that says that its tensors have timm's names, and what timm calls the class layer.
CLASSIFIER = "timm_classifier"
_OF_BACKBONE = "features.0.graph."  # what precedes timm's names in ours

DIGITS = 12  # of a digest that is said (assumed: enough to tell sources apart)


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
    def prepared(self) -> "Prepared | None":
        """The network in the form that answers soonest, made once; None where it stays as it is."""
        from sadari.inference.prepared.network import prepare  # which only those who predict load

        return prepare(self.network, self.preprocess)

    @classmethod
    def load(cls, run: RunRecord, progress: Progress | None = None) -> "TrainedModel":
        """Read the model of `run` without executing anything in its files; raise SadariError where they are damaged.

        A network of the user's own code is made by the code that the user named in this process; NotNamedError where
        there is none. progress: hears where that code is not as it was when the run began.
        """
        with opened_model(run, "pt") as file:
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
    with opened_model(run, "pt") as file:
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
