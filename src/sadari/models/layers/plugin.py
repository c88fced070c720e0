"""How does a `torch.nn.Module` of a plug-in become a layer? Its constructor says what may follow the name.

Shapes and parameters are those of the module itself: it is made without memory for its numbers (torch's device "meta"),
and a small one with them, to read an empty map. Nothing here loads torch: a plug-in that offers a layer has done so.
"""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

from sadari.models.layers.specs import KINDS as KINDS
from sadari.models.layers.specs import Layer, MisfitError, Shape, shape_text
from sadari.models.layers.tokens import Tokens
from sadari.settings import Value, parse_value

if TYPE_CHECKING:
    from torch import Tensor, nn

KINDS_OF_VALUE: Mapping[Any, type] = {int: int, float: float, str: str, bool: bool}
MOST_NUMBERS = 1 << 22  # of a module that is made to see what comes out (assumed: 16 MiB, milliseconds)
IMAGES = 2  # of the empty map that shows what comes out: 1 would look like any other side


@dataclass(frozen=True, kw_only=True)
class PluginLayer(Layer):
    """A layer that a plug-in computes. arguments: what its constructor gets behind the shape, in that order."""

    made: ClassVar[Any]
    arguments: tuple[Value, ...] = ()

    @classmethod
    def read(cls, text: str, tokens: Tokens) -> "PluginLayer":
        """Make the layer with the tokens as arguments; raises UsageError for one of another kind, and one too many."""
        found: list[Value] = []
        for each in _parameters(cls.made):
            token = tokens.next()
            if token is not None:
                found.append(parse_value(each.name, token, each.annotation) if each.annotation is not str else token)
            elif each.default is each.empty:
                raise ValueError(f"needs {each.name}, {_meant(each.annotation)}")
            else:
                found.append(each.default)
        return cls(text=text, arguments=tuple(found))

    def follow(self, shape: Shape) -> tuple[Shape, str]:
        out = _facts(self, shape)[0]
        return out, "as before" if out == shape else f"{self.made.__name__} makes {shape_text(out)} of it"

    def params(self, shape: Shape) -> tuple[int, int]:
        _, total, trainable = _facts(self, shape)
        return total, trainable

    def module(self, shape: Shape, seed: int) -> "nn.Module":
        """Return the module for input of `shape`, with weights drawn from `seed` whatever else has drawn.

        Dropout of torch becomes that of `dropout.py`, whose draws depend on the step alone.
        """
        import torch
        from torch import nn

        from sadari.models.layers.dropout import Dropout

        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            module: nn.Module = self.made(shape, *self.arguments)
        for name, each in list(module.named_modules()):
            if type(each) is nn.Dropout and name:
                module.set_submodule(name, Dropout(each.p))
        return module


def as_layer(name: str, made: Any, _: Mapping[str, Any]) -> type[Layer]:
    """Return the layer that a plug-in offers: a Module class, or a class of Layer that says all itself.

    Raises TypeError or ValueError for anything else.
    """
    if isinstance(made, type) and issubclass(made, Layer):
        if made.kind != name:
            raise ValueError(f"its kind is '{made.kind}'")
        return made
    if not isinstance(made, type) or not callable(getattr(made, "forward", None)):
        raise TypeError("a layer is a class of torch.nn.Module")
    for each in _parameters(made):
        if each.annotation not in KINDS_OF_VALUE:
            raise TypeError(f"its argument {each.name} needs the annotation int, float, str or bool")
    return type(made.__name__, (PluginLayer,), {"kind": name, "made": made, "__doc__": made.__doc__})


def _parameters(made: Any) -> list[inspect.Parameter]:
    """Return the parameters of a constructor behind `self` and the shape; raise TypeError where there is no shape."""
    parameters = list(inspect.signature(made, eval_str=True).parameters.values())
    if not parameters or any(each.kind is not each.POSITIONAL_OR_KEYWORD for each in parameters):
        raise TypeError("its constructor takes the shape of its input, and then what may follow its name, no *args")
    return parameters[1:]


def _meant(kind: type) -> str:
    return {int: "a whole number", float: "a number", bool: "true or false", str: "a word"}[kind]


@lru_cache(maxsize=1024)
def _facts(layer: PluginLayer, shape: Shape) -> tuple[Shape, int, int]:
    """Return the shape that comes out, and the numbers and the trainable ones that the module holds.

    Raises MisfitError where the module cannot be made for `shape`, or does not take it.
    """
    import torch

    try:
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            with torch.device("meta"):
                module = layer.made(shape, *layer.arguments)
            counted = _counted(module)
            # A small one reads real numbers: on the device "meta" torch loads its compiler first, which takes longer.
            with torch.device("cpu" if counted[0] <= MOST_NUMBERS else "meta"):
                module = layer.made(shape, *layer.arguments).eval()
                return _shape_of(module(torch.zeros(_batched(shape)))), *counted
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise MisfitError(f"does not take {shape_text(shape)} here ({reason})") from error


def _batched(shape: Shape) -> Shape:
    """Return the shape of a batch as torch has it: maps are (N, C, H, W)."""
    return (IMAGES, shape[2], shape[0], shape[1]) if len(shape) == 3 else (IMAGES, *shape)


def _shape_of(out: "Tensor") -> Shape:
    sides = tuple(out.shape[1:])
    if out.shape[0] != IMAGES or not 1 <= len(sides) <= 3:
        raise ValueError(f"of {IMAGES} images it makes {tuple(out.shape)}")
    return (sides[1], sides[2], sides[0]) if len(sides) == 3 else sides


def _counted(module: "nn.Module") -> tuple[int, int]:
    stored = sum(each.numel() for each in module.state_dict().values() if each.is_floating_point())
    return stored, sum(each.numel() for each in module.parameters() if each.requires_grad)


KINDS.open(as_layer)
