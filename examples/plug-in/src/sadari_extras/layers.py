"""A layer: squeeze-and-excitation (Hu, Shen & Sun 2018, https://arxiv.org/abs/1709.01507)."""

from torch import Tensor, nn

import sadari


@sadari.layer("squeeze-excite")
class SqueezeExcite(nn.Module):
    """Weighs each channel of a map by a number from 0 to 1, which the means of all channels decide."""

    def __init__(self, shape: tuple[int, ...], reduction: int = 4) -> None:
        super().__init__()
        self.less = nn.Linear(shape[-1], max(shape[-1] // reduction, 1))
        self.more = nn.Linear(self.less.out_features, shape[-1])

    def forward(self, x: Tensor) -> Tensor:
        weights: Tensor = self.more(self.less(x.mean(dim=(2, 3))).relu()).sigmoid()
        return x * weights[:, :, None, None]
