"""How does oneDNN compute a layer soonest? With weights in the order that it reads, and ReLU computed with a product.

torch's compiler calls the same operators, whose names are private: where a version of torch does not have them,
networks are not prepared.
"""

from collections.abc import Callable
from threading import Lock
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

Step = Callable[[Tensor], Tensor]
Pair = tuple[int, int]
NAMES = (
    "_convolution_pointwise", "_reorder_convolution_weight", "_linear_pointwise", "_reorder_linear_weight",
    "_reorder_mkldnn_rnn_layer_weight",
)  # fmt: skip
# Products, rows times weights, from which oneDNN multiplies sooner than MKL. Measured on one core of an AMD EPYC with
# AVX512, microseconds an image: 784 x 256 of 16 rows 2.7 against 4.6, 576 x 64 of 64 rows 0.52 against 0.74 and of 16
# rows 1.2 against 0.92; of a single row oneDNN takes 14 to begin, and MKL 2.
PRODUCTS_FROM = 1_200_000
LSTM_MODE = 2  # as torch counts the kinds of recurrences
_PACKING = Lock()


def is_here() -> bool:
    """Return whether this torch has oneDNN, and the operators."""
    operators: Any = torch.ops.mkldnn
    return torch.backends.mkldnn.is_available() and all(hasattr(operators, name) for name in NAMES)


class Fused:
    """What oneDNN computes with a product before it stores the values: `name` as oneDNN has it, and its numbers."""

    def __init__(self, name: str = "none", *numbers: float) -> None:
        self.name, self.numbers = name, list(numbers)


NOTHING, RECTIFIED = Fused(), Fused("relu")


class PackedConvolution:
    """A convolution of float32 (N, C, H, W), and what `fused` computes behind it, in channels-last memory.

    product: its weights and bias, packed at the first call by the size of its maps; other sizes are computed too.
    """

    def __init__(
        self,
        product: tuple[Tensor, Tensor],
        stride: Pair,
        padding: Pair,
        dilation: Pair = (1, 1),
        groups: int = 1,
        fused: Fused = NOTHING,
    ) -> None:
        self._weight, self._bias = product
        self._packed: Tensor | None = None
        self._where = (list(padding), list(stride), list(dilation), groups)
        self._fused = fused

    def __call__(self, x: Tensor) -> Tensor:
        packed = self._packed if self._packed is not None else self._pack(x)
        behind = (self._fused.name, self._fused.numbers, "")
        result: Tensor = torch.ops.mkldnn._convolution_pointwise(x, packed, self._bias, *self._where, *behind)
        return result

    def and_added(self, x: Tensor, other: Tensor) -> Tensor:
        """Return the same of the convolution and `other`, maps of the shape that it makes, added."""
        packed = self._packed if self._packed is not None else self._pack(x)
        unary = None if self._fused is NOTHING else self._fused.name
        behind = ("add", None, unary, self._fused.numbers, None)
        compute = torch.ops.mkldnn._convolution_pointwise.binary
        result: Tensor = compute(x, other, packed, self._bias, *self._where, *behind)
        return result

    def _pack(self, x: Tensor) -> Tensor:
        with _PACKING:
            if self._packed is None:
                reorder = torch.ops.mkldnn._reorder_convolution_weight
                self._packed = reorder(self._weight.contiguous(), *self._where, list(x.shape))
                del self._weight
        assert self._packed is not None
        return self._packed


class PackedDense:
    """A matrix product of float32 (N, I) and, where `rectified`, ReLU behind it: by MKL where few rows are read."""

    def __init__(self, weight: Tensor, bias: Tensor, rectified: bool) -> None:
        self._weight, self._bias, self._rectified = weight, bias, rectified
        self._packed: Tensor | None = None
        self._rows = -(-PRODUCTS_FROM // weight.numel())

    def __call__(self, x: Tensor) -> Tensor:
        if len(x) < max(self._rows, 2):
            found = F.linear(x, self._weight, self._bias)
            return found.relu_() if self._rectified else found
        packed = self._packed if self._packed is not None else self._pack(len(x))
        name = "relu" if self._rectified else "none"
        result: Tensor = torch.ops.mkldnn._linear_pointwise(x, packed, self._bias, name, [], "")
        return result

    def _pack(self, rows: int) -> Tensor:
        with _PACKING:
            if self._packed is None:
                self._packed = torch.ops.mkldnn._reorder_linear_weight(self._weight.contiguous(), rows)
        assert self._packed is not None
        return self._packed


class PackedRecurrence:
    """An LSTM: float32 (N, T, F) -> (N, T, units), or (N, units), its last state, without `sequence`.

    weights: of the inputs and of the state, and the bias, in the order of the gates that torch has.
    """

    def __init__(self, weights: tuple[Tensor, Tensor, Tensor], units: int, sequence: bool) -> None:
        self._inputs, self._state, self._bias = weights
        self._none = torch.zeros_like(self._bias)
        self._units, self._sequence = units, sequence
        self._packed: list[Tensor] | None = None

    def __call__(self, x: Tensor) -> Tensor:
        steps = x.transpose(0, 1).contiguous()
        inputs, state = self._packed if self._packed is not None else self._pack(steps)
        before = x.new_zeros(1, len(x), self._units)
        states = torch.mkldnn_rnn_layer(
            steps, inputs, state, self._bias, self._none, before, before, False, [], LSTM_MODE, self._units, 1,
            has_biases=True, bidirectional=False, batch_first=False, train=False,
        )[0]  # fmt: skip
        return states.transpose(0, 1) if self._sequence else states[-1]

    def _pack(self, steps: Tensor) -> list[Tensor]:
        with _PACKING:
            if self._packed is None:
                reorder = torch.ops.mkldnn._reorder_mkldnn_rnn_layer_weight
                shape = list(steps.shape)
                self._packed = reorder(self._inputs, self._state, self._units, False, True, False, shape)
        assert self._packed is not None
        return self._packed
