"""Which weights does a run end with? On request a running mean of those after each step, or one with the first ones.

The mean varies less than the last step's weights. What a pre-trained network learnt elsewhere, and what it learnt here,
are both kept in a mean of its weights before and after.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from sadari.settings import Settings

SOON = 10  # at step t the mean keeps at most (1 + t) / (SOON + t), so that the start fades (cited: TensorFlow's EMA)
MEAN, START = "average", "start"  # the groups of a checkpoint


class EndWeights:
    """What `network` has at the end: its weights, or an exponential moving mean of them (Polyak and Juditsky 1992).

    With `start_share`, the mean of that and of the weights as they are now (Wortsman et al. 2022, CVPR), of which the
    start has that share. stored: what `groups` gave in the checkpoint that a run goes on from.
    """

    def __init__(self, network: nn.Module, settings: Settings, stored: Mapping[str, Mapping[str, Tensor]]) -> None:
        self._current = _learning(network)
        self._keep, self._start_share = settings.weights_average, settings.start_share
        self._mean = self._copies(stored[MEAN]) if self._keep else {}
        self._start = self._copies(stored[START]) if self._start_share else {}

    @property
    def groups(self) -> dict[str, dict[str, Tensor]]:
        """Return what a checkpoint needs of it."""
        return {MEAN: self._mean, START: self._start}

    @torch.no_grad()
    def add(self, step: int) -> None:
        """Take in the weights after step number `step` of the run, counted from 0."""
        if self._keep:
            keep = min(self._keep, (1 + step) / (SOON + step))
            torch._foreach_lerp_(list(self._mean.values()), list(self._current.values()), 1 - keep)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Let the network have the weights of the end inside, and its own ones afterwards."""
        own = {name: tensor.clone() for name, tensor in self._current.items()}
        self.apply()
        try:
            yield
        finally:
            _copy(own, self._current)

    @torch.no_grad()
    def apply(self) -> None:
        """Give the network the weights of the end for good."""
        _copy(self._mean or self._current, self._current)
        if self._start:
            torch._foreach_lerp_(list(self._current.values()), list(self._start.values()), self._start_share)

    def _copies(self, stored: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {name: stored.get(name, tensor).to(tensor).clone() for name, tensor in self._current.items()}


def _learning(network: nn.Module) -> dict[str, Tensor]:
    """Return the tensors of `network` that training changes: parameters that learn, and statistics of batch norms."""
    parameters = {name: each.data for name, each in network.named_parameters() if each.requires_grad}
    return parameters | {name: each for name, each in network.named_buffers() if each.is_floating_point()}


@torch.no_grad()
def _copy(source: Mapping[str, Tensor], target: Mapping[str, Tensor]) -> None:
    for name, tensor in target.items():
        tensor.copy_(source[name])
