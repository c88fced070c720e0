"""Which module computes a network that code of the user makes? The user's own, with its random numbers by the step."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from threading import Lock
from typing import Any

import torch
from torch import Tensor, nn

from sadari.models.own.check import Outline, outline
from sadari.models.own.making import answer, make_network, seeded
from sadari.models.own.named import find_code
from sadari.models.own.spec import Own

Found = dict[str, Tensor]
# What the current thread wants to see of a network on its way: the features, and the output of each module by name.
_FEATURES: ContextVar[list[Tensor] | None] = ContextVar("features", default=None)
_OUTPUTS: ContextVar[Found | None] = ContextVar("outputs", default=None)
_WATCHING = Lock()


class OwnModule(nn.Module):
    """A network of the user: float32 (N, C, H, W), contiguous, -> logits (N, K).

    net: the user's module. features: how many values its class layer reads; 0 where it has none. generator: the random
    numbers of the step, which all that is random in the module draws from in training; the training loop seeds it.
    """

    def __init__(self, net: nn.Module, reference: str, about: Outline) -> None:
        super().__init__()
        self.net = net
        self.reference = reference
        self.features, self.notes = about.features, about.notes
        self.generator = torch.Generator()
        self._watched = False
        if about.class_layer:
            net.get_submodule(about.class_layer).register_forward_pre_hook(_keep_features)

    def forward(self, x: Tensor) -> Tensor:
        # In the order N, C, H, W, which `view` in code of users relies on; `contiguous` leaves that of grey images.
        x = x.flatten(1).view(x.shape)
        if not self.training:
            return self._answer(x)
        with seeded(int(torch.randint(2**62, (), generator=self.generator))):
            return self._answer(x)

    def _answer(self, x: Tensor) -> Tensor:
        logits: Tensor = answer(self.reference, self.net, x)
        return logits

    def both(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits (N, K), and the features that the class layer reads (N, D); D is 0 where there are none."""
        seen: list[Tensor] = []
        with _set(_FEATURES, seen):
            logits = self(x)
        features = seen[-1] if seen and seen[-1].ndim == 2 else logits.new_empty((len(logits), 0))
        return logits, features

    def recorded(self, x: Tensor) -> tuple[Tensor, Found]:
        """Return the logits, and the output of each module inside by its name, in the order of the computation.

        Of a module that is called several times it is the last output. Outputs that are no single tensor are left out.
        """
        with _WATCHING:
            if not self._watched:
                for name, module in self.net.named_modules():
                    if name:
                        module.register_forward_hook(partial(_keep_output, name))
                        if getattr(module, "inplace", False):  # it would write into what was kept
                            module.inplace = False
                self._watched = True
        found: Found = {}
        with _set(_OUTPUTS, found):
            logits = self(x)
        return logits, found


def make_own(layer: Own, shape: tuple[int, int, int], seed: int) -> OwnModule:
    """Make the network that `layer` stands for, for images of `shape` (H, W, C), with weights drawn from `seed`.

    Raises NotNamedError where the user has not named its code, and as `outline` does.
    """
    code = find_code(layer.reference, layer.digest)
    about = outline(code, layer.arguments, shape, layer.classes)
    return OwnModule(make_network(code, dict(layer.arguments), shape, layer.classes, seed), code.reference, about)


def notes_of(network: nn.Module) -> tuple[str, ...]:
    """Return what the user should know of a network that their own code makes; () for others."""
    return tuple(note for each in network.modules() if isinstance(each, OwnModule) for note in each.notes)


@contextmanager
def _set(variable: ContextVar[Any], value: Any) -> Iterator[None]:
    token = variable.set(value)
    try:
        yield
    finally:
        variable.reset(token)


def _keep_features(module: nn.Module, inputs: tuple[Any, ...]) -> None:
    del module
    if (seen := _FEATURES.get()) is not None and inputs:
        seen.append(inputs[0])


def _keep_output(name: str, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
    del module, inputs
    if (found := _OUTPUTS.get()) is not None and isinstance(output, Tensor):
        found.pop(name, None)  # the order is that of the last output
        found[name] = output
