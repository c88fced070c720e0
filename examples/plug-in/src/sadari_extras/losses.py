"""A loss: the focal loss (Lin et al. 2017, https://arxiv.org/abs/1708.02002)."""

from torch import Tensor

import sadari

GAMMA = 2.0  # cited: their best value


@sadari.loss("focal")
def focal(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy that counts images less the surer the network is of their class."""
    logs = logits.log_softmax(1)
    return -(targets * (1 - logs.exp()) ** GAMMA * logs).sum(1)
