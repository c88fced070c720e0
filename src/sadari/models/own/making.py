"""How is a network made by code of the user, so that a seed decides it and nothing else changes?"""

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from sadari.errors import UsageError
from sadari.models.layers.specs import Shape
from sadari.models.own.named import CLASSES, IMAGE_SHAPE, Code
from sadari.models.own.reference import in_short
from sadari.models.own.source import place_of
from sadari.settings import Value, parse_value

EXAMPLES = 2  # images that a network is tried with: batch norms need more than one


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Let all that draws random numbers inside, from torch, NumPy or Python, draw those of `seed`; restore all then."""
    python, numpy, own = random.getstate(), np.random.get_state(), torch.get_rng_state()
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.default_generator.manual_seed(seed)
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
        torch.set_rng_state(own)


def make_network(code: Code, arguments: Mapping[str, str], shape: Shape, classes: int, seed: int) -> nn.Module:
    """Return the network that `code` makes for images of `shape` (H, W, C), its weights drawn from `seed`.

    It is given `image_shape` (C, H, W) and `classes` where it declares them. Layers that learn the shape of their input
    from the first images (torch's Lazy ones) have it. Raises UsageError where the code fails, with its place, and for
    what is no network on the processor.
    """
    given: dict[str, Any] = {IMAGE_SHAPE: (shape[2], shape[0], shape[1]), CLASSES: classes}
    wanted = {name: given[name] for name in code.wants} | _typed(code, arguments)
    with torch.inference_mode(False), torch.enable_grad(), seeded(seed):
        try:
            network = code.maker(**wanted)
        except Exception as error:
            raise failed(f"{code.reference} cannot make a network", error) from error
        if not isinstance(network, nn.Module):
            raise UsageError(f"{code.reference} returns a {type(network).__name__}, not a torch.nn.Module")
        if any(is_lazy(each) for each in _tensors(network)):
            with torch.no_grad():
                answer(code.reference, network.eval(), examples(shape))
    _require_plain(code.reference, network)
    return network.train()


def answer(reference: str, network: nn.Module, x: Tensor) -> Any:
    """Return what `network` answers for prepared images `x`, float32 (N, C, H, W); raise UsageError where it fails."""
    try:
        return network(x)
    except Exception as error:
        if isinstance(error, MemoryError | torch.OutOfMemoryError) or "alloc" in str(error):
            raise
        count, channels, height, width = x.shape
        mode = "training" if network.training else "evaluation"
        what = f"{reference} fails in {mode} on {count} images of {channels} x {height} x {width} ({x.dtype})"
        raise failed(what.replace("torch.", ""), error) from error


def failed(what: str, error: BaseException) -> UsageError:
    """Return the error for code of the user that raised `error`: what it was, where, and why."""
    place = place_of(error)
    return UsageError(f"{what}{f' ({place})' if place else ''}: {in_short(error)}")


def examples(shape: Shape) -> Tensor:
    """Return EXAMPLES images of noise in 0..1 for tries, float32 (N, C, H, W); always the same."""
    generator = torch.Generator().manual_seed(0)
    return torch.rand(EXAMPLES, shape[2], shape[0], shape[1], generator=generator)


def _typed(code: Code, arguments: Mapping[str, str]) -> dict[str, Value]:
    """Return the arguments in the types of the defaults that the code has now.

    Raises UsageError for one that it does not have any more.
    """
    for name in arguments:
        if name not in code.variables:
            raise UsageError(f"{code.reference} has no parameter '{name}' with a default any more, which its run had")
    return {name: parse_value(name, text, type(code.variables[name])) for name, text in arguments.items()}


def _tensors(network: nn.Module) -> Iterator[Tensor]:
    yield from network.parameters()
    yield from network.buffers()


def _require_plain(reference: str, network: nn.Module) -> None:
    """Raise UsageError for a network without weights, with others than tensors, and with some on another device."""
    for name, value in network.state_dict().items():
        if not isinstance(value, Tensor):
            raise UsageError(
                f"{reference} keeps '{name}' in its state_dict, which is no tensor but a {type(value).__name__}: "
                "weights are stored as safetensors, so make it a buffer or leave it out"
            )
        if value.device.type != "cpu" or value.layout != torch.strided or value.is_complex():
            what = f"on {value.device}" if value.device.type != "cpu" else f"{value.layout}, {value.dtype}"
            raise UsageError(
                f"{reference} makes '{name}' {what}: make dense, real tensors on the processor; the setting device "
                "decides where they go"
            )
    if not any(each.requires_grad for each in network.parameters()):
        raise UsageError(f"{reference} makes a network without parameters that learn")
