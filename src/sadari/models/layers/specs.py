"""Which kinds of layers are there, what does each make of a shape, and how many parameters has it? No torch here.

A shape is (H, W, C) for a map, (T, F) for T time steps of F features, (F,) for a vector. The defaults are
those of Keras 3: valid padding, Glorot-uniform kernels, batch normalisation with
momentum 0.99 and epsilon 1e-3.
"""

from dataclasses import dataclass, field
from math import prod
from typing import ClassVar

from sadari.models.layers.tokens import Tokens
from sadari.registry import Registry

Shape = tuple[int, ...]
ACTIVATIONS = ("relu", "linear", "sigmoid", "tanh")
NAMES = {3: "a map", 2: "a sequence of time steps", 1: "a vector"}


class MisfitError(ValueError):
    """A layer cannot take the shape that reaches it; the text says why and what to do."""


def shape_text(shape: Shape) -> str:
    """Return a shape as it is printed: "28x28x32", "28 steps of 64" or "64"."""
    return f"{shape[0]} steps of {shape[1]}" if len(shape) == 2 else "x".join(map(str, shape))


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One layer of a network, without its weights. `text` is how it was written; it does not count for equality.

    kind: the first token of its text.
    """

    kind: ClassVar[str]
    text: str = field(compare=False)

    @classmethod
    def read(cls, text: str, tokens: Tokens) -> "Layer":
        """Make the layer that `tokens`, all but the first of its text, describe; raises MisfitError or ValueError."""
        del tokens
        return cls(text=text)

    def follow(self, shape: Shape) -> tuple[Shape, str]:
        """Return the shape that comes out, and how it is computed; raises MisfitError where `shape` does not fit."""
        return shape, "as before"

    def params(self, shape: Shape) -> tuple[int, int]:
        """Return how many parameters (total, trainable) the layer has on input of `shape`."""
        del shape
        return 0, 0


def a_map(shape: Shape) -> tuple[int, int, int]:
    """Return `shape` where it is that of a map; else raise MisfitError."""
    if len(shape) != 3:
        raise MisfitError(
            f"needs a map, but has {NAMES[len(shape)]} here; move it before the layer that leaves the map"
        )
    return shape[0], shape[1], shape[2]


def joined(height: str, width: str) -> str:
    """Return how height and width are computed, once where it is the same."""
    return height if height == width else f"{height}, {width}"


@dataclass(frozen=True, kw_only=True)
class Conv(Layer):
    """A convolution with `filters` square kernels, then its activation. identity: its first ones pass a channel on."""

    kind = "conv"
    filters: int
    kernel: int = 3
    stride: int = 1
    same: bool = False
    activation: str = "relu"
    bias: bool = True
    identity: bool = False

    @classmethod
    def read(cls, text: str, tokens: Tokens) -> "Conv":
        return cls(
            text=text,
            stride=tokens.after("stride", 1),
            filters=tokens.whole("the number of filters"),
            kernel=tokens.whole("the kernel size", 3),
            same=tokens.choice(("same", "valid"), "valid") == "same",
            activation=tokens.choice(ACTIVATIONS, "relu"),
            bias=not tokens.flag("nobias"),
            identity=tokens.flag("identity"),
        )

    def follow(self, shape: Shape) -> tuple[Shape, str]:
        height, width, _ = a_map(shape)
        if not self.same and min(height, width) < self.kernel:
            raise MisfitError(
                f"the map is {height}x{width} here, smaller than the {self.kernel}x{self.kernel} kernel; "
                "remove a pool, write `same` or use larger images"
            )
        (tall, tall_how), (wide, wide_how) = self._side(height), self._side(width)
        return (tall, wide, self.filters), joined(tall_how, wide_how)

    def _side(self, size: int) -> tuple[int, str]:
        if self.same:
            out = -(-size // self.stride)
            return out, f"same padding keeps {size}" if self.stride == 1 else f"{size} / {self.stride}, up = {out}"
        out = (size - self.kernel) // self.stride + 1
        if self.stride == 1:
            return out, f"{size} - {self.kernel} + 1 = {out}"
        return out, f"({size} - {self.kernel}) / {self.stride}, down, + 1 = {out}"

    def padding(self, size: int) -> tuple[int, int]:
        """Return how many zeros go before and after a side of `size`; as in TensorFlow, the odd one goes after."""
        if not self.same:
            return 0, 0
        missing = max((-(-size // self.stride) - 1) * self.stride + self.kernel - size, 0)
        return missing // 2, missing - missing // 2

    def params(self, shape: Shape) -> tuple[int, int]:
        count = (self.kernel * self.kernel * shape[-1] + self.bias) * self.filters
        return count, count


@dataclass(frozen=True, kw_only=True)
class BatchNorm(Layer):
    """Standardisation of every channel (or feature) over the batch; in evaluation, by moving statistics."""

    kind = "batchnorm"
    scale: bool = True

    @classmethod
    def read(cls, text: str, tokens: Tokens) -> "BatchNorm":
        return cls(text=text, scale=not tokens.flag("noscale"))

    def params(self, shape: Shape) -> tuple[int, int]:
        return (3 + self.scale) * shape[-1], (1 + self.scale) * shape[-1]


@dataclass(frozen=True, kw_only=True)
class LayerNorm(Layer):
    """Standardisation of every vector of channels (or features) on its own."""

    kind = "layernorm"

    def params(self, shape: Shape) -> tuple[int, int]:
        return 2 * shape[-1], 2 * shape[-1]


@dataclass(frozen=True, kw_only=True)
class _Pool(Layer):
    size: int = 2

    @classmethod
    def read(cls, text: str, tokens: Tokens) -> "_Pool":
        return cls(text=text, size=tokens.whole("the pool size", 2))

    def follow(self, shape: Shape) -> tuple[Shape, str]:
        height, width, channels = a_map(shape)
        if min(height, width) < self.size:
            raise MisfitError(f"the map is {height}x{width} here; remove a pool or use larger images")
        (tall, tall_how), (wide, wide_how) = self._side(height), self._side(width)
        return (tall, wide, channels), joined(tall_how, wide_how)

    def _side(self, size: int) -> tuple[int, str]:
        out, rest = divmod(size, self.size)
        return out, f"{size} / {self.size} = {out}" + (f", {rest} left out" if rest else "")


@dataclass(frozen=True, kw_only=True)
class MaxPool(_Pool):
    """The largest value of every window; windows do not overlap."""

    kind = "maxpool"


@dataclass(frozen=True, kw_only=True)
class AvgPool(_Pool):
    """The mean of every window; windows do not overlap."""

    kind = "avgpool"


@dataclass(frozen=True, kw_only=True)
class GlobalAvgPool(Layer):
    """The mean of every channel over the whole map, or of every feature over all steps: a vector."""

    kind = "globalavgpool"
    of: ClassVar[str] = "the mean"

    def follow(self, shape: Shape) -> tuple[Shape, str]:
        if len(shape) == 2:
            return (shape[1],), f"{self.of} over {shape[0]} steps"
        height, width, channels = a_map(shape)
        return (channels,), f"{self.of} over {height}x{width}"


@dataclass(frozen=True, kw_only=True)
class GlobalMaxPool(GlobalAvgPool):
    """The largest value of every channel over the whole map, or of every feature over all steps: a vector."""

    kind = "globalmaxpool"
    of = "the largest"


@dataclass(frozen=True, kw_only=True)
class Mirror(Layer):
    """In evaluation, every image is judged as it is and mirrored, and the mean of both logits counts."""

    kind = "mirror"


@dataclass(frozen=True, kw_only=True)
class Dropout(Layer):
    """In training, each value becomes zero with probability `rate` and the others are scaled up."""

    kind = "dropout"
    rate: float

    @classmethod
    def read(cls, text: str, tokens: Tokens) -> "Dropout":
        return cls(text=text, rate=tokens.fraction("the rate"))


@dataclass(frozen=True, kw_only=True)
class Flatten(Layer):
    """All values as one vector, in the order height, width, channel."""

    kind = "flatten"

    def follow(self, shape: Shape) -> tuple[Shape, str]:
        if len(shape) == 1:
            raise MisfitError("what comes here is a vector already; remove it")
        return (prod(shape),), f"{' x '.join(map(str, shape))} = {prod(shape)}"


@dataclass(frozen=True, kw_only=True)
class Rows(Layer):
    """Each row of a map becomes one time step, its values in the order width, channel."""

    kind = "rows"

    def follow(self, shape: Shape) -> tuple[Shape, str]:
        height, width, channels = a_map(shape)
        return (height, width * channels), f"{height} rows of {width} x {channels} = {width * channels}"


@dataclass(frozen=True, kw_only=True)
class LSTM(Layer):
    """A recurrent layer with one bias vector, as Keras has it: returns its last state, or all with `sequence`."""

    kind = "lstm"
    units: int
    sequence: bool = False

    @classmethod
    def read(cls, text: str, tokens: Tokens) -> "LSTM":
        units = tokens.whole("the number of units")
        return cls(text=text, units=units, sequence=tokens.choice(("sequence", "last"), "last") == "sequence")

    def follow(self, shape: Shape) -> tuple[Shape, str]:
        if len(shape) == 3:
            raise MisfitError("needs a sequence of time steps, but has a map here; add rows before it")
        if len(shape) == 1:
            raise MisfitError(
                "needs a sequence of time steps, but has a vector here; write `sequence` on the lstm before it, "
                "or rows instead of flatten"
            )
        steps = shape[0]
        if self.sequence:
            return (steps, self.units), f"the state at each of {steps} steps"
        return (self.units,), f"the state after the last of {steps} steps"

    def params(self, shape: Shape) -> tuple[int, int]:
        count = 4 * self.units * (shape[-1] + self.units + 1)
        return count, count


@dataclass(frozen=True, kw_only=True)
class Dense(Layer):
    """A matrix product: every unit sees every value of a vector, with a bias, then its activation."""

    kind = "dense"
    units: int
    activation: str = "relu"

    @classmethod
    def read(cls, text: str, tokens: Tokens) -> "Dense":
        units = tokens.whole("the number of units")
        return cls(text=text, units=units, activation=tokens.choice(ACTIVATIONS, "relu"))

    def follow(self, shape: Shape) -> tuple[Shape, str]:
        if len(shape) != 1:
            raise MisfitError(
                f"needs a vector, but has {NAMES[len(shape)]} here ({shape_text(shape)}); add flatten before it"
            )
        return (self.units,), f"{self.units} units, each sees {shape[0]}"

    def params(self, shape: Shape) -> tuple[int, int]:
        count = (shape[0] + 1) * self.units
        return count, count


@dataclass(frozen=True, kw_only=True)
class Relu(Layer):
    """Negative values become zero."""

    kind = "relu"


KINDS: Registry[type[Layer]] = Registry("layer")  # `plugin.py` opens it to plug-ins
for _kind in (
    Conv, BatchNorm, LayerNorm, MaxPool, AvgPool, GlobalAvgPool, GlobalMaxPool, Dropout, Flatten, Rows,
    LSTM, Dense, Relu, Mirror,
):  # fmt: skip
    KINDS.add(_kind.kind, _kind)
