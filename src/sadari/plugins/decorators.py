"""How does a user's own code become a layer, a metric and so on? By a decorator, the same for every kind.

    @sadari.metric("brier", higher_is_better=False)
    def brier(predictions):
        ...

A decorator stores what it decorates, and returns it as it is; it loads nothing. The registry of the kind makes its
entry of it when somebody asks for that name. docs/plug-ins.md has an example of each.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sadari.errors import UsageError
from sadari.plugins.offers import register

Made = TypeVar("Made")
Decorator = Callable[[Made], Made]


@dataclass(frozen=True)
class OfferedModel:
    """A network that a plug-in offers, with the fields of a TOML file; `models/catalog.py` makes a `ModelSpec` of it.

    It needs no room above this one.
    """

    name: str
    summary: str
    layers: str
    variables: Mapping[str, Any]
    settings: Mapping[str, Any]


def _decorator(kind: str, name: str, **options: Any) -> Decorator[Any]:
    def offer(made: Made) -> Made:
        register(kind, name, made, options, str(getattr(made, "__module__", "") or ""))
        return made

    return offer


def layer(name: str) -> Decorator[Any]:
    """Offer a `torch.nn.Module` class as a layer for the lists of layers, called `name` there.

    Its constructor takes the shape of the input, (H, W, C), (T, F) or (F,), and then what may follow the name in a
    list, in that order: annotated int, float, str or bool, with or without a default. Its `forward` takes
    (N, C, H, W), (N, T, F) or (N, F).
    """
    return _decorator("layer", name)


def metric(
    name: str,
    summary: str = "",
    *,
    higher_is_better: bool = True,
    scale: str = "share",
    unit: float = 0.0,
    figure: Callable[[Any], float] | None = None,
    least_classes: int = 1,
) -> Decorator[Any]:
    """Offer a function of `Predictions` that returns a value per image, float (N,), whose mean is the figure.

    From the values come the interval and the tests. figure: the figure itself, where it is not exactly that mean.
    scale: where it can be, "share" ([0, 1]), "positive" or "any". unit: how far one more wrong image moves the value of
    an image; 0 where the values are continuous. least_classes: with fewer it has no meaning.
    """
    options = {"summary": summary, "higher_is_better": higher_is_better, "scale": scale, "unit": unit}
    return _decorator("metric", name, **options, figure=figure, least_classes=least_classes)


def augmentation(
    name: str, *, takes: str = "", low: float = 0.0, high: float = 1.0, nothing: float | None = None
) -> Decorator[Any]:
    """Offer a function of `(pixels, generator)` as a word of the setting `augment`.

    pixels: uint8 (N, H, W, C), as what it returns; all draws come from `generator`. takes: the name of a number behind
    the word, from `low` to `high`, which the function gets as its third argument; at `nothing` it changes nothing.
    """
    return _decorator("augmentation", name, takes=takes, low=low, high=high, nothing=nothing)


def corruption(
    name: str, summary: str = "", *, levels: Sequence[float], scale: float = 100.0, unit: str = "%"
) -> Decorator[Any]:
    """Offer a function of `(pixels, level, generator)` as a corruption, under which `--robustness` judges models.

    pixels: uint8 (N, H, W, C), as what it returns. levels: three or four, from mild to severe; 0 changes nothing, and
    the draws do not depend on it. scale, unit: a level is read as `level * scale` `unit`.
    """
    return _decorator("corruption", name, summary=summary, levels=tuple(levels), scale=scale, unit=unit)


def optimizer(name: str, summary: str = "", *, learning_rate: float) -> Decorator[Any]:
    """Offer a `torch.optim.Optimizer` class, or a function that makes one, as a value of the setting `optimizer`.

    It is called with groups of parameters, each with its own `weight_decay`, and the learning rate. learning_rate: its
    default.
    """
    return _decorator("optimizer", name, summary=summary, learning_rate=learning_rate)


def loss(name: str, summary: str = "") -> Decorator[Any]:
    """Offer a function of `(logits, targets)` as a value of the setting `loss`.

    logits: float32 (N, K). targets: float32 (N, K), the share of each class, rows sum to 1. It returns the loss of each
    image, (N,), and torch finds the gradient.
    """
    return _decorator("loss", name, summary=summary)


def model(
    name: str,
    summary: str = "",
    *,
    layers: str,
    variables: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> OfferedModel:
    """Offer a network, and return it as a value that an entry point may name. It is no decorator.

    layers: as in a TOML file, with `$name` for each of `variables`. settings: its own defaults.
    """
    if not layers.strip():
        raise UsageError(f"the model '{name}' needs layers, such as layers='conv 16, maxpool, flatten'")
    made = OfferedModel(name, summary, layers, dict(variables or {}), dict(settings or {}))
    register("model", name, made, {}, str(sys._getframe(1).f_globals.get("__name__", "")))
    return made
