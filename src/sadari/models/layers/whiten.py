"""How are images whitened by a convolution? By the principal components of their patches, each divided by its spread.

Source: Jordan 2024 (arXiv:2404.00498), section 3.1, after Page 2019 ("How to train your ResNet").
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# Added to the variance of a component before the root, so that those that hardly vary are not blown up; cited: Jordan.
LEAST_VARIANCE = 5e-4


class Whiten(nn.Module):
    """(N, C, H, W) -> (N, 2 * K * K * C, H - K + 1, W - K + 1): every patch of K x K in components of variance one.

    The second half of the filters are the negatives of the first, so that a ReLU behind it loses nothing. Until `fit`
    is called or a state dict is loaded, a component is one value of the patch. Only `bias` learns.
    """

    weight: Tensor

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        values = channels * kernel * kernel
        self.register_buffer("weight", _both(torch.eye(values).view(values, channels, kernel, kernel)))
        self.bias = nn.Parameter(torch.zeros(2 * values))

    @torch.no_grad()
    def fit(self, batches: Iterable[Tensor]) -> None:
        """Take the filters that whiten the images in `batches`, float32 (N, C, H, W), as the network reads them.

        The second moments of patches are those about zero, since a patch's mean is one of its components.
        """
        size, products, count = self.weight.shape[2:], torch.zeros(()), 0
        for x in batches:
            patches = F.unfold(x, size).transpose(1, 2).flatten(0, 1).double()
            products = products.to(patches) + patches.T @ patches
            count += len(patches)
        variances, components = torch.linalg.eigh(products / count)
        filters = components.T / (variances.clamp(min=0) + LEAST_VARIANCE).sqrt()[:, None]
        self.weight.copy_(_both(filters.view(len(filters), -1, *size)))

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        return f"{self.weight.shape[1]}, {self.weight.shape[0]}, kernel_size={tuple(self.weight.shape[2:])}"


def _both(filters: Tensor) -> Tensor:
    return torch.cat([filters, -filters])


class Gelu(nn.Module):
    """GELU, exact."""

    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(x)
