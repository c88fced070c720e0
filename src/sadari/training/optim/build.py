"""How do gradients become steps, and how long is a step? The defaults are those that Keras documents."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import Parameter
from torch.optim import SGD, Adadelta, Optimizer, RMSprop

from sadari.errors import SadariError, UsageError
from sadari.inference.device import PRECISIONS
from sadari.models.backbone.module import Backbone
from sadari.plugins.calls import calling
from sadari.registry import Registry
from sadari.settings import Settings
from sadari.training.optim.adam import LeanAdam, LeanAdamW
from sadari.training.optim.muon import Muon, marked
from sadari.training.optim.normed_muon import RATE, NormedMuon, shared_out
from sadari.training.optim.uncompiled import uncompiled

# Keras 3's documented defaults (the articles use them), except Adadelta's: 1.0 is Zeiler's rate (arXiv:1212.5701)
# and was Keras's when article A3 was written; Keras 3 says 0.001. Keras's Muon has a step of another size than ours.
LEARNING_RATES = {
    "sgd": 0.01,
    "momentum": 0.01,
    "nesterov": 0.01,
    "adam": 0.001,
    "adamw": 0.001,
    "rmsprop": 0.001,
    "adadelta": 1.0,
    "muon": 0.005,
    "normed-muon": RATE,
}
EPSILON = 1e-7  # Keras's, for every optimiser that has one
MUON_MOMENTUM = 0.95  # cited: Jordan et al. 2024
MOMENTUM = 0.9  # assumed: the usual value (Sutskever et al. 2013)
STEPS_AT = (0.5, 0.75)  # assumed: He et al. 2015 divide by 10 at half and three quarters of training
ONE_CYCLE_WARMUP = 0.3  # fraction of the run in which the rate rises, as in Smith & Topin 2017 (arXiv:1708.07120)
SHARE = "share_of_rate"  # the key of a group of parameters for its fraction of the learning rate
ONE_CYCLE_START = 1 / 25  # of the highest rate, likewise


def peak_learning_rate(settings: Settings) -> float:
    """Return the learning rate that is set, or the default of the optimiser."""
    return settings.learning_rate or MAKERS.get(settings.optimizer).learning_rate


def make_optimizer(network: nn.Module, settings: Settings) -> Optimizer:
    """Return the optimiser of the parameters of `network` that are not frozen.

    Weight decay acts on kernels only (tensors of two or more dimensions). The parameters of a backbone learn at
    `backbone_learning_rate`, where one is set, and follow the same schedule.
    """
    peak = peak_learning_rate(settings)
    slower = (settings.backbone_learning_rate or peak) / peak
    backbones = [each for each in network.modules() if isinstance(each, Backbone)]
    of_backbone = {id(each) for backbone in backbones for each in backbone.parameters()}
    trainable = [each for each in network.parameters() if each.requires_grad]
    inside = [each for each in trainable if id(each) in of_backbone]
    outside = [each for each in trainable if id(each) not in of_backbone]
    groups = [*_groups(outside, settings, 1.0), *_groups(inside, settings, slower)]
    optimizer = MAKERS.get(settings.optimizer).make(groups, settings)
    set_learning_rate(optimizer, peak)
    return optimizer


def _groups(parameters: list[Parameter], settings: Settings, share: float) -> list[dict[str, Any]]:
    """Return the groups of kernels and of other parameters, where there are any.

    share: the fraction of the run's learning rate at which they learn. Without weight decay they are one group, since
    each group costs a step of its own.
    """
    if not settings.weight_decay:
        return [{"params": parameters, "weight_decay": 0.0, SHARE: share}] if parameters else []
    groups = [
        {
            "params": [each for each in parameters if each.ndim >= 2],
            "weight_decay": settings.weight_decay,
            SHARE: share,
        },
        {"params": [each for each in parameters if each.ndim < 2], "weight_decay": 0.0, SHARE: share},
    ]
    return [group for group in groups if group["params"]]


def _normed_muon(groups: list[dict[str, Any]], settings: Settings) -> Optimizer:
    shared = shared_out(groups, settings.batch_size, SHARE)
    precision = PRECISIONS.get(settings.precision, torch.float32)
    return NormedMuon(shared, peak_learning_rate(settings), precision)


def _muon(groups: list[dict[str, Any]], settings: Settings) -> Optimizer:
    return Muon(
        marked(groups),
        peak_learning_rate(settings),
        momentum=MUON_MOMENTUM,
        epsilon=EPSILON,
        precision=PRECISIONS.get(settings.precision, torch.float32),
    )


@dataclass(frozen=True)
class Maker:
    """An optimiser: its default learning rate, and what makes one of groups of parameters and the settings."""

    learning_rate: float
    make: Callable[[list[dict[str, Any]], Settings], Optimizer]


def _rated(make: Callable[..., Optimizer]) -> Callable[[list[dict[str, Any]], Settings], Optimizer]:
    return lambda groups, settings: make(groups, peak_learning_rate(settings))


def as_maker(name: str, made: Any, options: Mapping[str, Any]) -> Maker:
    """Make an optimiser's maker of what a plug-in offers: a class or function of (groups, learning rate), or a Maker.

    options: those of the decorator `optimizer`. What fails in its code later is a SadariError that names it. Raises
    TypeError or ValueError for anything else.
    """
    if isinstance(made, Maker):
        return made
    rate = float(options.get("learning_rate", 0.0))
    if not callable(made) or not rate > 0:
        raise TypeError(
            f"'{name}' is no optimiser class with a learning_rate above 0, such as @sadari.optimizer gives it"
        )
    lean: Callable[..., Any] = uncompiled(made) if isinstance(made, type) and issubclass(made, Optimizer) else made

    def make(groups: list[dict[str, Any]], settings: Settings) -> Optimizer:
        with calling("optimizer", name, made):
            optimizer = lean(groups, peak_learning_rate(settings))
        if not isinstance(optimizer, Optimizer):
            raise UsageError(f"the optimizer '{name}' makes {type(optimizer).__name__}, not a torch.optim.Optimizer")
        step = optimizer.step

        def named_step() -> None:
            with calling("optimizer", name, made):
                step()

        optimizer.step = named_step  # type: ignore[assignment, method-assign]
        return optimizer

    return Maker(rate, make)


_SGD = uncompiled(SGD)
MAKERS: Registry[Maker] = Registry("optimizer", adapt=as_maker)
for _name, _make in {
    "sgd": _rated(lambda groups, rate: _SGD(groups, rate, fused=True)),
    "momentum": _rated(lambda groups, rate: _SGD(groups, rate, momentum=MOMENTUM, fused=True)),
    "nesterov": _rated(lambda groups, rate: _SGD(groups, rate, momentum=MOMENTUM, nesterov=True, fused=True)),
    "adam": _rated(lambda groups, rate: LeanAdam(groups, rate, eps=EPSILON, fused=True)),
    "adamw": _rated(lambda groups, rate: LeanAdamW(groups, rate, eps=EPSILON, fused=True)),
    "rmsprop": _rated(lambda groups, rate: uncompiled(RMSprop)(groups, rate, alpha=0.9, eps=EPSILON)),
    "adadelta": _rated(lambda groups, rate: uncompiled(Adadelta)(groups, rate, rho=0.95, eps=EPSILON)),
    "muon": _muon,
    "normed-muon": _normed_muon,
}.items():
    MAKERS.add(_name, Maker(LEARNING_RATES[_name], _make))


def learning_rate_at(settings: Settings, step: int, steps_per_epoch: int) -> float:
    """Return the learning rate of step number `step` (from 0, counted over the whole run).

    Warm-up rises linearly from 0 over `warmup_epochs`; the schedule then covers the rest of the run.
    """
    peak = peak_learning_rate(settings)
    warmup = round(settings.warmup_epochs * steps_per_epoch)
    if step < warmup:
        return peak * (step + 1) / (warmup + 1)
    rest = max(settings.epochs * steps_per_epoch - warmup, 1)
    return peak * _SHAPES[settings.schedule]((step - warmup) / rest)


def _one_cycle(done: float) -> float:
    if done < ONE_CYCLE_WARMUP:
        return ONE_CYCLE_START + (1 - ONE_CYCLE_START) * done / ONE_CYCLE_WARMUP
    return _cosine((done - ONE_CYCLE_WARMUP) / (1 - ONE_CYCLE_WARMUP))


def _cosine(done: float) -> float:
    return (1 + math.cos(math.pi * min(done, 1.0))) / 2


_SHAPES: dict[str, Callable[[float], float]] = {
    "constant": lambda _: 1.0,
    "step": lambda done: 0.1 ** sum(done >= at for at in STEPS_AT),
    "linear": lambda done: max(1 - done, 0.0),
    "cosine": _cosine,
    "one-cycle": _one_cycle,
}


def set_learning_rate(optimizer: Optimizer, rate: float) -> None:
    """Use `rate` from the next step on; the parameters of a backbone use their share of it."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group.get(SHARE, 1.0)


def optimizer_tensors(optimizer: Optimizer) -> dict[str, torch.Tensor]:
    """Return the optimiser's state by "<parameter number>.<name>"; `load_optimizer_tensors` restores it."""
    state = optimizer.state_dict()["state"]
    return {
        f"{number}.{name}": torch.as_tensor(value) for number, of_one in state.items() for name, value in of_one.items()
    }


def load_optimizer_tensors(optimizer: Optimizer, tensors: Mapping[str, torch.Tensor]) -> None:
    """Give `optimizer` back the state that `optimizer_tensors` returned.

    Each tensor takes the memory order of its parameter: fused optimisers walk through both by address. Raises
    SadariError for the state of another network.
    """
    parameters = [each for group in optimizer.param_groups for each in group["params"]]
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, tensor in tensors.items():
        number, _, name = key.partition(".")
        parameter = parameters[int(number)] if int(number) < len(parameters) else None
        if parameter is None or (tensor.ndim and tensor.shape != parameter.shape):
            raise SadariError(
                "the checkpoint holds what the optimiser remembers of another network; delete its folder to start over"
            )
        laid_out = torch.empty_like(parameter, dtype=tensor.dtype).copy_(tensor) if tensor.ndim else tensor
        state.setdefault(int(number), {})[name] = laid_out
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
