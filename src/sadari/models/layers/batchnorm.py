"""How is a batch normalised? As by Keras; one value per channel has no variance, and takes the moving statistics."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm

EPSILON = 1e-3  # cited: Keras, BatchNormalization and LayerNormalization
BATCHNORM_MOMENTUM = 0.01  # cited: Keras's 0.99, which counts the old statistics where torch counts the new ones
# At step t of a run, counted from 0, the new statistics weigh at least this / (this + t); 1 gives the plain mean of
# all steps, which includes those of the untrained network (measured: RESULTS.md).
BATCHNORM_RECENT = 10


class BatchNorm(_BatchNorm):
    """Batch normalisation of maps, sequences and vectors.

    The moving variance is updated with n / (n - 1) times that of the batch, as in torch; Keras takes it unscaled.
    shared: what comes in is a part of the batch, so that a single value of it is not all that there is to normalise by.
    scale: whether a factor is learnt beside the offset; without one it is a constant one, outside the state dict.
    """

    shared = False

    def __init__(self, features: int, scale: bool = True) -> None:
        super().__init__(features, eps=EPSILON, momentum=BATCHNORM_MOMENTUM)
        if not scale:
            del self.weight
            self.register_buffer("weight", torch.ones(features), persistent=False)

    def _check_input_dim(self, input: Tensor) -> None:
        """Do nothing: `describe` has checked the shapes."""

    def forward(self, x: Tensor) -> Tensor:
        return self._normalised(x.transpose(1, 2)).transpose(1, 2) if x.ndim == 3 else self._normalised(x)

    def _normalised(self, x: Tensor) -> Tensor:
        if self.training and not self.shared and is_single(x):
            moving = self.running_mean, self.running_var
            return F.batch_norm(x, *moving, self.weight, self.bias, training=False, eps=EPSILON)
        return super().forward(x)


def is_single(x: Tensor) -> bool:
    """Return whether `x` (N, C, ...) has one value per channel: one image, and maps of 1x1 or none."""
    return x.numel() == x.shape[1]


def learning_norms(network: nn.Module) -> list[_BatchNorm]:
    """Return the batch norms of `network`, timm's classes included, that normalise by the batch now."""
    return [each for each in network.modules() if isinstance(each, _BatchNorm) and each.training]


@contextmanager
def single_values_evaluated(network: nn.Module) -> Iterator[None]:
    """Have other batch norms than `BatchNorm` normalise one value per channel as in evaluation, as that does.

    torch and timm raise ValueError there. The moving statistics stay as they are in such a step.
    """
    switched: set[nn.Module] = set()

    def before(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        if module.training and inputs[0].ndim > 1 and is_single(inputs[0]):
            module.training = False
            switched.add(module)

    def after(module: nn.Module, *_: Any) -> None:
        if module in switched:
            module.training = True
            switched.remove(module)

    handles = []
    for module in network.modules():
        if isinstance(module, _BatchNorm) and not isinstance(module, BatchNorm):
            handles.append(module.register_forward_pre_hook(before))
            handles.append(module.register_forward_hook(after, always_call=True))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
