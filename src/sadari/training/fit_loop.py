"""What do all ways of fitting share? The state of a run, its best weights so far, its history and its checkpoints."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import perf_counter

from torch import Tensor, nn

from sadari.inference.model import Tensors
from sadari.settings import Settings
from sadari.training.checkpoint import Checkpoint, FitState, Stored
from sadari.training.interrupt import Interruption

# Called with the row of each epoch of gradient steps, once; returns why the run is to end with it, or "" to go on.
Watch = Callable[[Mapping[str, float]], str]


@dataclass
class FitLoop:
    """The bookkeeping of one fit of `network`, whatever computes its steps.

    stored: what the checkpoint holds of a run that goes on; the network has these weights already. after_epoch: called
    with the state when there are new rows in its history. watch: what may end the run early. writes: whether it writes
    checkpoints, which of several processes on one run the first does. best: the weights with the least validation loss
    so far; empty before the first, and without a validation split.
    """

    network: nn.Module
    checkpoint: Checkpoint
    settings: Settings
    stored: Stored = field(default_factory=Stored)
    after_epoch: Callable[[FitState], None] = lambda _: None
    watch: Watch | None = None
    writes: bool = True
    best: Mapping[str, Tensor] = field(init=False)
    state: FitState = field(init=False)
    written_at: float = field(init=False)

    def __post_init__(self) -> None:
        self.state = self.stored.state
        self.best = self.stored.group("best")
        self.written_at = perf_counter()

    def add_epoch(self, row: dict[str, float]) -> None:
        """Add the row of a finished epoch, and copy the weights where they are the best so far."""
        state = self.state
        if row.get("val_loss", float("inf")) < state.best_loss:
            state.best_loss, state.best_epoch = row["val_loss"], state.epoch + 1
            self.best = {name: tensor.clone() for name, tensor in self.network.state_dict().items()}
        state.history.append(row)
        state.seconds += row["seconds"]
        state.epoch += 1

    def look(self, row: Mapping[str, float]) -> None:
        """Show the row of a finished epoch to whoever watches, and end the run with it where they say so."""
        if self.watch is not None:
            self.state.stopped = self.watch(row)

    def is_due(self, stop: Interruption) -> bool:
        """Return whether to write a checkpoint: every `checkpoint_seconds`, and when the user wants to stop."""
        due = stop.requested or perf_counter() - self.written_at >= self.settings.checkpoint_seconds
        return self.writes and due

    def write(self, groups: Mapping[str, Tensors]) -> None:
        """Write a checkpoint of the network, the best weights, and the tensors in `groups`."""
        self.checkpoint.write(self.state, {"network": self.network.state_dict(), **groups, "best": self.best})
        self.written_at = perf_counter()

    def end(self) -> FitState:
        """Put the chosen weights into the network, and return the state."""
        if self.best and self.settings.restore_best:
            self.network.load_state_dict(dict(self.best))
        return self.state
