"""How do the nearest training images vote? By the cosine similarity of their features.

Source: Wu et al. 2018 (arXiv:1805.01978), section 3.4: the k nearest features vote for their class with
exp(similarity / 0.07).
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

TEMPERATURE = 0.07  # cited: Wu et al. 2018
EVEN_VOTES = 1.0  # votes spread evenly over the classes beside the k, so that no class gets probability 0 (assumed)


class Neighbours(nn.Module):
    """(N, D) -> (N, K): the logarithms of the classes' shares of the votes of the `count` nearest remembered images.

    vectors: float32 (M, D), of length 1; labels: int64 (M,). Both are empty until `remember` is called or a state dict
    is loaded, of any number M.
    """

    vectors: Tensor
    labels: Tensor

    def __init__(self, features: int, classes: int, count: int) -> None:
        super().__init__()
        self.classes = classes
        self.count = count
        self.register_buffer("vectors", torch.empty(0, features))
        self.register_buffer("labels", torch.empty(0, dtype=torch.int64))

    def remember(self, vectors: Tensor, labels: Tensor) -> None:
        """Store the images that vote from now on. vectors: float32 (M, D), of any length; labels: int64 (M,)."""
        self.vectors = F.normalize(vectors.float(), dim=1).to(self.vectors.device)
        self.labels = labels.to(self.labels.device)

    def forward(self, x: Tensor) -> Tensor:
        count = min(self.count, len(self.labels))
        similarity = F.normalize(x.float(), dim=1) @ self.vectors.T
        nearest, which = similarity.topk(count, dim=1)
        weights = torch.softmax(nearest / TEMPERATURE, dim=1) * count
        votes = weights.new_full((x.shape[0], self.classes), EVEN_VOTES / self.classes)
        votes.scatter_add_(1, self.labels[which], weights)
        return (votes / (count + EVEN_VOTES)).log()

    def extra_repr(self) -> str:
        return f"{self.count} of {len(self.labels)}"

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        for name in ("vectors", "labels"):
            if f"{prefix}{name}" in state_dict:
                empty = getattr(self, name)
                setattr(self, name, empty.new_empty(state_dict[f"{prefix}{name}"].shape))
        super()._load_from_state_dict(state_dict, prefix, *rest)
