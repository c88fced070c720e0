"""Which weights does a run end with? On request a running mean of those after each step, which varies less."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

SOON = 10  # at step t the mean keeps at most (1 + t) / (SOON + t), so that the start fades (cited: TensorFlow's EMA)


class WeightAverage:
    """An exponential moving mean of what learns in `network` (Polyak and Juditsky 1992).

    tensors: the mean by name; it begins with the weights as they are. share: what each step keeps of it.
    """

    def __init__(self, network: nn.Module, share: float, stored: Mapping[str, Tensor]) -> None:
        self._current = _learning(network)
        self._share = share
        self.tensors = {name: stored.get(name, tensor).to(tensor).clone() for name, tensor in self._current.items()}

    @torch.no_grad()
    def add(self, step: int) -> None:
        """Take in the weights after step number `step` of the run, counted from 0."""
        share = min(self._share, (1 + step) / (SOON + step))
        torch._foreach_lerp_(list(self.tensors.values()), list(self._current.values()), 1 - share)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Let the network have the mean inside, and its own weights afterwards."""
        own = {name: tensor.clone() for name, tensor in self._current.items()}
        self.apply()
        try:
            yield
        finally:
            _copy(own, self._current)

    def apply(self) -> None:
        """Give the network the mean for good."""
        _copy(self.tensors, self._current)


def _learning(network: nn.Module) -> dict[str, Tensor]:
    """Return the tensors of `network` that training changes: parameters that learn, and statistics of batch norms."""
    parameters = {name: each.data for name, each in network.named_parameters() if each.requires_grad}
    return parameters | {name: each for name, each in network.named_buffers() if each.is_floating_point()}


@torch.no_grad()
def _copy(source: Mapping[str, Tensor], target: Mapping[str, Tensor]) -> None:
    for name, tensor in target.items():
        tensor.copy_(source[name])
