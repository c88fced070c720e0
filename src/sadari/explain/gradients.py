"""How are gradients taken without changing the model?"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from sadari.inference.model import TrainedModel


@contextmanager
def differentiable(model: TrainedModel) -> Iterator[None]:
    """Put the network of `model` into evaluation mode, and let everything inside the block be differentiated.

    Take gradients by `torch.autograd.grad`, which writes into no parameter. Afterwards the network is in its earlier
    mode again, also after an exception.
    """
    was_training = model.network.training
    model.network.eval()
    try:
        # cuDNN differentiates recurrent layers only while training; torch's own kernels do without.
        with torch.enable_grad(), torch.backends.cudnn.flags(enabled=not _recurrent(model)):
            yield
    finally:
        model.network.train(was_training)


def _recurrent(model: TrainedModel) -> bool:
    return any(isinstance(each, torch.nn.RNNBase) for each in model.network.modules())
