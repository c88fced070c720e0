"""How is each kind of layer computed? One small module per kind, with the arithmetic and defaults of Keras.

Maps are (N, C, H, W), best in channels_last memory; sequences are (N, T, F); vectors are (N, F).
No module writes into its input, so that outputs captured between layers stay correct.
"""

from typing import TypeGuard

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sadari.models.layers.batchnorm import EPSILON

# Units from which the unrolled recurrence is faster than the fused kernel on a processor. Measured on one core with AMX
# in bfloat16, batch 256: a training step of cnn2-lstm (512 units) 839 -> 569 ms, of lstm (64 units) 27 -> 48 ms.
UNROLL_FROM = 256
# Rows from which a matrix product in bfloat16 saves more than rounding its weights takes, in each step. Measured on two
# cores with AMX, forward and backward, float32 against bfloat16: 50176 x 128 takes 4.4 against 6.8 ms with 32 rows,
# 8.8 against 7.2 with 64; 784 x 256 takes 0.19 against 0.34 and 0.26 against 0.38.
ROUND_FROM = 64
# Products, rows times weights, from which rounding saves time. Measured as above: mlp trains 1.07 times as fast (1.06
# to 1.10, three pairs) where its two small layers stay in float32 and 256 rows of 784 x 256 do not.
PRODUCTS_FROM = 1 << 24
# torch's names for the hooks of a module, which are private.
HOOKS = ("_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks")


def may_have_hooks(module: nn.Module) -> bool:
    """Return whether `module` has hooks; True where this version of torch does not say: the general way calls them."""
    return any(getattr(module, hooks, True) for hooks in HOOKS)


class Relu(nn.Module):
    """ReLU into a new tensor."""

    def forward(self, x: Tensor) -> Tensor:
        return x.relu()


def activate(own: Tensor, name: str) -> Tensor:
    """Apply the activation `name` to a tensor that nothing else uses: ReLU works in place."""
    if name == "relu":
        return own.relu_()
    if name == "linear":
        return own
    return own.sigmoid() if name == "sigmoid" else own.tanh()


class Conv(nn.Conv2d):
    """A convolution with `padding` (top, bottom, left, right) zeros, then its activation.

    identity: whether it begins with `pass_channels_on`.
    """

    def __init__(
        self,
        inputs: int,
        filters: int,
        kernel: int,
        stride: int,
        padding: tuple[int, int, int, int],
        activation: str,
        bias: bool = True,
        identity: bool = False,
    ) -> None:
        top, bottom, left, right = padding
        self.even = top == bottom and left == right
        super().__init__(inputs, filters, kernel, stride, (top, left) if self.even else 0, bias=bias)
        self.around = (left, right, top, bottom)
        self.activation = activation
        self.identity = identity

    def reset_parameters(self) -> None:
        """Do nothing: `initialise` draws, from its own generator."""

    def initialise(self, generator: torch.Generator) -> None:
        size = self.kernel_size[0] * self.kernel_size[1]
        glorot_uniform(self.weight, size * self.in_channels, size * self.out_channels, generator)
        if self.identity:
            pass_channels_on(self.weight)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        return activate(self.convolved(x), self.activation)

    def convolved(self, x: Tensor) -> Tensor:
        """Return the convolution before its activation."""
        return super().forward(x if self.even else F.pad(x, self.around))


class Trunk(nn.Sequential):
    """A sequence of layers where ReLU before a max pool is computed after the pool.

    Both orders have the same outputs and gradients, as ReLU does not change the order of numbers, and after the pool
    there is a quarter of the values: convolution, ReLU and pool of 32 channels, 256 images of 28x28, take 15.2 instead
    of 18.8 ms in training and 3.7 instead of 4.6 in evaluation (measured: two cores, bfloat16). Where a layer has
    hooks, the order is as written.
    """

    def forward(self, x: Tensor) -> Tensor:
        layers = list(self)
        waiting = False
        for layer, after in zip(layers, [*layers[1:], None], strict=False):
            if _relu_after_pool(layer, after):
                x, waiting = layer.convolved(x), True
            elif waiting:
                x, waiting = layer(x).relu_(), False
            else:
                x = layer(x)
        return x


def _relu_after_pool(layer: nn.Module, after: nn.Module | None) -> TypeGuard[Conv]:
    """Return whether `layer` is a convolution whose ReLU may be computed after the pool `after`."""
    return (
        isinstance(layer, Conv)
        and layer.activation == "relu"
        and isinstance(after, nn.MaxPool2d)
        and not (may_have_hooks(layer) or may_have_hooks(after))
    )


class Dense(nn.Linear):
    """A matrix product with a bias, then its activation."""

    def __init__(self, inputs: int, units: int, activation: str) -> None:
        super().__init__(inputs, units)
        self.activation = activation

    def reset_parameters(self) -> None:
        """Do nothing: `initialise` draws, from its own generator."""

    def initialise(self, generator: torch.Generator) -> None:
        glorot_uniform(self.weight, self.in_features, self.out_features, generator)
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        if x.device.type == "cpu" and torch.is_autocast_enabled("cpu") and not self.pays_to_round(x.shape[0]):
            with torch.autocast("cpu", enabled=False):
                return activate(super().forward(x.float()), self.activation)
        return activate(super().forward(x), self.activation)

    def pays_to_round(self, rows: int) -> bool:
        """Return whether a training step of so many `rows` is faster with this product in bfloat16."""
        return rows >= ROUND_FROM and rows * self.weight.numel() >= PRODUCTS_FROM


class LayerNorm(nn.LayerNorm):
    """Layer normalisation over the channels of a map or the features of a step or vector."""

    def __init__(self, features: int) -> None:
        super().__init__(features, eps=EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim == 4:
            return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return super().forward(x)


class GlobalAvgPool(nn.Module):
    """The mean over positions: (N, C, H, W) or (N, T, C) -> (N, C)."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(dim=(2, 3) if x.ndim == 4 else 1)


class GlobalMaxPool(nn.Module):
    """The largest value over positions: (N, C, H, W) or (N, T, C) -> (N, C)."""

    def forward(self, x: Tensor) -> Tensor:
        return x.amax(dim=(2, 3) if x.ndim == 4 else 1)


class Mirror(nn.Module):
    """The identity; `Network` looks for it and does the work."""

    def forward(self, x: Tensor) -> Tensor:
        return x


class Flatten(nn.Module):
    """All values as one vector in Keras's order, (N, C, H, W) -> (N, H * W * C); copies nothing if channels_last."""

    def forward(self, x: Tensor) -> Tensor:
        return (x.permute(0, 2, 3, 1) if x.ndim == 4 else x).flatten(1)


class Rows(nn.Module):
    """Each row as one time step: (N, C, H, W) -> (N, H, W * C)."""

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(0, 2, 3, 1).flatten(2)


class LSTM(nn.LSTM):
    """A recurrent layer: (N, T, F) -> (N, T, units), or (N, units) without `sequence`.

    Gates are in the order i, f, g (Keras: c), o. One bias vector as in Keras; the fused kernel needs two, so the second
    is a constant zero outside the state dict.
    """

    weight_ih_l0: nn.Parameter
    weight_hh_l0: nn.Parameter
    bias_ih_l0: nn.Parameter
    bias_hh_l0: Tensor

    def __init__(self, inputs: int, units: int, sequence: bool) -> None:
        super().__init__(inputs, units, batch_first=True)
        self.sequence = sequence
        del self.bias_hh_l0
        self.register_buffer("bias_hh_l0", torch.zeros(4 * units), persistent=False)
        self._init_flat_weights()

    def reset_parameters(self) -> None:
        """Do nothing: `initialise` draws, from its own generator."""

    def initialise(self, generator: torch.Generator) -> None:
        glorot_uniform(self.weight_ih_l0, self.input_size, 4 * self.hidden_size, generator)
        orthogonal(self.weight_hh_l0, generator)
        nn.init.zeros_(self.bias_ih_l0)
        nn.init.ones_(
            self.bias_ih_l0[self.hidden_size : 2 * self.hidden_size]
        )  # so that the forget gate is open at the start

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        if self.hidden_size >= UNROLL_FROM and x.device.type == "cpu":
            states = self._unrolled(x)
            return states if self.sequence else states[:, -1]
        states, (last, _) = super().forward(x)
        result: Tensor = states if self.sequence else last[0]
        return result

    def _unrolled(self, x: Tensor) -> Tensor:
        """Compute the recurrence step by step: one large matrix product for all inputs, gates in float32."""
        inputs = F.linear(x, self.weight_ih_l0, self.bias_ih_l0).unbind(1)
        states: list[Tensor] = []
        cell = torch.zeros(x.shape[0], self.hidden_size)
        for step in inputs:
            gates = step + F.linear(states[-1], self.weight_hh_l0) if states else step
            input_gate, forget, new, output = gates.float().chunk(4, dim=1)
            cell = forget.sigmoid() * cell + input_gate.sigmoid() * new.tanh()
            states.append((output.sigmoid() * cell.tanh()).to(step.dtype))
        return torch.stack(states, dim=1)


def glorot_uniform(weight: Tensor, fan_in: int, fan_out: int, generator: torch.Generator) -> None:
    """Fill `weight` in place from the uniform distribution within +-sqrt(6 / (fan_in + fan_out))."""
    limit = (6 / (fan_in + fan_out)) ** 0.5
    with torch.no_grad():
        weight.uniform_(-limit, limit, generator=generator)


def pass_channels_on(weight: Tensor) -> None:
    """Make of the first filters in `weight`, (filters, C, K, K), those that pass channel 0, 1, ... on as they are.

    Filters behind the first C stay as they are (Zagoruyko and Komodakis 2017, arXiv:1706.00388).
    """
    count, row, column = min(weight.shape[:2]), weight.shape[2] // 2, weight.shape[3] // 2
    with torch.no_grad():
        weight[:count] = 0
        weight[range(count), range(count), row, column] = 1


def orthogonal(weight: Tensor, generator: torch.Generator) -> None:
    """Fill the tall matrix `weight` (rows >= columns) in place with orthonormal columns.

    The sign correction by R's diagonal makes the draw uniform over such matrices, as in Keras.
    """
    drawn = torch.randn(weight.shape, generator=generator)
    q, r = torch.linalg.qr(drawn)
    with torch.no_grad():
        weight.copy_(q * r.diagonal().sign())
