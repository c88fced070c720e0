"""What must be stored so that a killed run ends in the same bytes? One file, written whole or not at all."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from sadari.errors import SadariError
from sadari.files import write_bytes
from sadari.inference.model import Tensors, plain
from sadari.training.log import require_there


@dataclass
class FitState:
    """The position of a run in its training: counters and sums. Randomness needs no place here (see randomness.py).

    epoch, step: the next epoch (from 0) and the next step within it. loss_sum, correct, seen: over the
    images of the running epoch. history: a row per finished epoch. best_epoch (from 1; 0 before the first)
    and best_loss: the best validation loss so far. micro_batch: images per forward pass, at most; 0 means
    whole batches. seconds: time spent training up to here; epoch_seconds: in the running epoch; earlier: the share of
    both that earlier processes spent. fitted: all that remains is to judge the network that is stored with it. stopped:
    why somebody who watched the run ended it before its last epoch; "" where nobody did.
    """

    epoch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    correct: float = 0.0
    seen: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0
    best_loss: float = float("inf")
    micro_batch: int = 0
    seconds: float = 0.0
    epoch_seconds: float = 0.0
    earlier: float = 0.0
    fitted: bool = False
    stopped: str = ""


@dataclass
class Stored:
    """The content of a checkpoint: the state, and named groups of tensors. Without groups: a run that begins."""

    state: FitState = field(default_factory=FitState)
    groups: Mapping[str, Tensors] = field(default_factory=dict)

    def group(self, name: str) -> Tensors:
        """Return the tensors of the group `name`; none where there is no such group."""
        return self.groups.get(name, {})


@dataclass(frozen=True)
class Checkpoint:
    """The file of a run's last state: counters and groups of named tensors.

    path: the file, such as RUN/checkpoint/state.safetensors; its folder holds nothing else but a teacher's answers.
    """

    path: Path

    def write(self, state: FitState, groups: Mapping[str, Tensors]) -> None:
        """Write everything; raise SadariError where the disk is full, and leave the file before as it is."""
        require_there(self.path.parent.parent)
        tensors = {f"{group}/{name}": tensor for group, named in groups.items() for name, tensor in named.items()}
        write_bytes(self.path, save(plain(tensors), {"state": json.dumps(asdict(state))}))

    def read(self) -> Stored:
        """Read what `write` stored, or a fresh start where there is no file; raise SadariError for another file."""
        if not self.path.is_file():
            return Stored()
        groups: dict[str, dict[str, Tensor]] = {}
        try:
            with safe_open(self.path, framework="pt") as file:
                state = FitState(**json.loads(file.metadata()["state"]))
                for key in file.keys():  # noqa: SIM118 - not a mapping
                    group, _, name = key.partition("/")
                    groups.setdefault(group, {})[name] = file.get_tensor(key)
        except (SafetensorError, KeyError, TypeError, ValueError) as error:
            raise SadariError(f"the checkpoint {self.path} cannot be read ({error}); delete it to start over") from None
        state.earlier = state.seconds + state.epoch_seconds
        return Stored(state, groups)

    def remove(self) -> None:
        """Remove the checkpoint of a finished run."""
        shutil.rmtree(self.path.parent, ignore_errors=True)
