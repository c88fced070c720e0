"""Can a network of the user be trained, stored and opened again? It is tried before anything is written."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn

from sadari.errors import UsageError
from sadari.models.layers.specs import Shape
from sadari.models.own.making import answer, examples, make_network, seeded
from sadari.models.own.named import Code

STATISTICS = ("running_mean", "running_var")  # counted as parameters that do not learn, as in a backbone
SEED, OTHER = 0, 1  # of the networks that are tried; the weights of a run are drawn from its own
NEAR_ONE = 1e-3  # how far sums of probabilities may be from 1 (assumed: bfloat16 is not used here)


@dataclass(frozen=True)
class Outline:
    """What was seen of a network when it was tried.

    total, trainable: how many values it has (moving statistics included), and how many of them learn. class_layer: the
    name of the linear layer that gives the logits, "" where none does; features: how many values it reads of an image.
    notes: what the user should know.
    """

    total: int
    trainable: int
    class_layer: str
    features: int
    notes: tuple[str, ...] = ()


@lru_cache(maxsize=64)
def outline(code: Code, arguments: tuple[tuple[str, str], ...], shape: Shape, classes: int) -> Outline:
    """Return the outline of the network that `code` makes with `arguments`, on images of `shape` (H, W, C).

    Raises UsageError with one sentence where it fails, answers in another form than one tensor (N, classes), answers
    differently to the same images in evaluation, has other weights each time it is made with one seed, or depends on
    more than its weights. Tried once for each code, arguments, shape and number of classes.
    """

    def made(seed: int) -> nn.Module:
        return make_network(code, dict(arguments), shape, classes, seed)

    x, reference = examples(shape), code.reference
    with torch.inference_mode(False), torch.enable_grad(), seeded(SEED):
        network = made(SEED)
        begun = {name: each.clone() for name, each in network.state_dict().items()}
        found = _evaluated(reference, network, x, classes)
        _require_training(reference, network, x, classes)
        _require_same_weights(reference, begun, made(SEED))
        _require_weights_decide(reference, network, made(OTHER), x)
        class_layer, features = _class_layer(network.eval(), x)
    return Outline(*_counts(network), class_layer, features, _notes(reference, found))


def _evaluated(reference: str, network: nn.Module, x: Tensor, classes: int) -> Tensor:
    """Return the answer in evaluation, after the same one was given twice."""
    network.eval()
    first, second = (_logits(reference, answer(reference, network, x), len(x), classes) for _ in range(2))
    if not torch.equal(first.nan_to_num(), second.nan_to_num()):
        raise UsageError(
            f"{reference} answers differently each time it sees the same images in evaluation; let what is random "
            "depend on self.training, or use torch.nn.Dropout"
        )
    return first.detach()


def _logits(reference: str, found: Any, count: int, classes: int) -> Tensor:
    """Return the answer of a network where it is a tensor of logits, float (N, K); raise UsageError for any other."""
    if not isinstance(found, Tensor):
        inner = f" of {len(found)}" if isinstance(found, tuple | list | dict) else ""
        raise UsageError(
            f"{reference} answers with a {type(found).__name__}{inner}: return one tensor of logits, "
            f"({count}, {classes}) for {count} images"
        )
    if tuple(found.shape) != (count, classes) or not found.is_floating_point():
        kind = "" if found.is_floating_point() else f" of {str(found.dtype).removeprefix('torch.')}"
        raise UsageError(
            f"{reference} answers with a tensor of {tuple(found.shape)}{kind} for {count} images, not with logits of "
            f"({count}, {classes}); declare a parameter `classes`, and flatten before the last layer"
        )
    return found


def _require_training(reference: str, network: nn.Module, x: Tensor, classes: int) -> None:
    """Raise UsageError where the network answers otherwise in training, or its answer cannot be differentiated."""
    network.train()
    logits = _logits(reference, answer(reference, network, x), len(x), classes)
    try:
        logits.sum().backward()  # type: ignore[no-untyped-call]
    except RuntimeError as error:
        first = str(error).splitlines()[0]
        raise UsageError(f"{reference} cannot learn: its logits cannot be differentiated ({first})") from None
    network.zero_grad(set_to_none=True)


def _require_same_weights(reference: str, begun: dict[str, Tensor], again: nn.Module) -> None:
    other = again.state_dict()
    if begun.keys() != other.keys() or any(not torch.equal(each, other[name]) for name, each in begun.items()):
        raise UsageError(
            f"{reference} makes other weights each time it is made with one seed; draw random numbers from torch, "
            "NumPy or random without a seed of your own, so that the seed of the run decides them"
        )


def _require_weights_decide(reference: str, network: nn.Module, other: nn.Module, x: Tensor) -> None:
    """Raise UsageError where a network with the same weights, made with another seed, gives other answers."""
    try:
        other.load_state_dict(network.state_dict())
    except RuntimeError:
        raise UsageError(
            f"{reference} makes other layers with another seed; its layers may depend on nothing random"
        ) from None
    network.eval()
    other.eval()
    with torch.no_grad():
        if not torch.equal(answer(reference, network, x).nan_to_num(), answer(reference, other, x).nan_to_num()):
            raise UsageError(
                f"{reference} answers by more than its weights, so that a stored run would answer differently: make "
                "every tensor that it keeps a parameter or a buffer that is part of its state_dict"
            )


def _class_layer(network: nn.Module, x: Tensor) -> tuple[str, int]:
    """Return the name of the linear layer that gives the logits, and how many values it reads; ("", 0) for none."""
    outputs: dict[str, Tensor] = {}
    handles = [
        each.register_forward_hook(lambda _, __, output, name=name: outputs.__setitem__(name, output))
        for name, each in network.named_modules()
        if isinstance(each, nn.Linear)
    ]
    try:
        with torch.no_grad():
            logits = network(x)
    finally:
        for handle in handles:
            handle.remove()
    name = next((name for name, output in outputs.items() if output is logits and name), "")
    return (name, int(network.get_submodule(name).in_features)) if name else ("", 0)  # type: ignore[arg-type]


def _counts(network: nn.Module) -> tuple[int, int]:
    learning = sum(each.numel() for each in network.parameters() if each.requires_grad)
    statistics = sum(each.numel() for name, each in network.named_buffers() if name.endswith(STATISTICS))
    return sum(each.numel() for each in network.parameters()) + statistics, learning


def _notes(reference: str, logits: Tensor) -> tuple[str, ...]:
    sums = logits.sum(1)
    if bool((logits >= 0).all()) and bool(((sums - 1).abs() < NEAR_ONE).all()) and logits.shape[1] > 1:
        return (
            f"{reference} answers with what looks like probabilities, but a network's answers are taken as logits; "
            "leave its softmax out",
        )
    return ()
