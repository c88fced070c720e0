"""How do logits become the probabilities of a run? Here alone, so that its temperature is part of each of them."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sadari.evaluation.probabilities.temperature import keep_first


def probabilities_of(logits: Tensor, temperature: float = 1.0) -> NDArray[np.float32]:
    """Return softmax(logits / `temperature`), float32 (N, K), rows sum to 1. logits: float32 (N, K), on the processor.

    temperature: that of the run, which its validation images fitted; 1 leaves the logits as they are. The class that is
    named first is the same at any temperature, also where classes are nearly equally probable.
    """
    plain = torch.softmax(logits, dim=1).numpy()
    if temperature == 1.0:
        return np.asarray(plain)
    scaled = torch.softmax(logits / temperature, dim=1).numpy()
    return keep_first(scaled, plain.argmax(axis=1))
