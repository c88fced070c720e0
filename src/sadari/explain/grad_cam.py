"""Where in the image does the last feature map find the class? Gradient-weighted class activation mapping.

Source: Selvaraju et al. 2017 (arXiv:1610.02391), equations 1 and 2.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch.nn import functional as F

from sadari.errors import SadariError
from sadari.explain.activations import Maps, Output, Pixels, layer_outputs, prepared
from sadari.explain.gradients import differentiable
from sadari.inference.model import TrainedModel

WITHOUT_MAPS = "it has no feature maps with more than one position; take integrated-gradients or occlusion"


def grad_cam(model: TrainedModel, pixels: Pixels, label: int) -> Maps:
    """Return which parts of the image speak for class `label`, as the last map with more than one position sees them.

    pixels: uint8 (H, W, C). Returns float32 (H, W), never negative: the channels weighted by their mean gradients,
    negative sums cut, enlarged to the image (bilinear). Raises SadariError for a network without such a map.
    """
    with differentiable(model):
        x = prepared(model, pixels[np.newaxis]).requires_grad_()
        outputs = list(layer_outputs(model, x))
        found = map_layer(outputs)
        if found is None:
            raise SadariError(f"grad-cam cannot explain this network: {WITHOUT_MAPS}")
        chosen = found.values
        (grads,) = torch.autograd.grad(outputs[-1].values[0, label], chosen)
    weights = grads.mean(dim=(2, 3), keepdim=True)
    seen = (weights * chosen.detach()).sum(dim=1, keepdim=True).relu()
    enlarged = F.interpolate(seen, size=pixels.shape[:2], mode="bilinear", align_corners=False)
    return enlarged[0, 0].float().cpu().numpy()


def has_map(model: TrainedModel) -> bool:
    """Return whether there is such a map, also inside a backbone: tried with one black image."""
    with differentiable(model), torch.no_grad():
        black = np.zeros((1, *model.architecture.shape), dtype=np.uint8)
        return map_layer(list(layer_outputs(model, prepared(model, black)))) is not None


def map_layer(outputs: Sequence[Output]) -> Output | None:
    """Return the last of `outputs` that is a map with more than one position, or None.

    None also where tokens come after the maps: of a backbone that ends in tokens, only the first convolution would be
    left.
    """
    maps = [each for each in outputs if each.values.ndim == 4 and each.values[0, 0].numel() > 1]
    if not maps or (_inner(maps[-1]) and any(_inner(each) and each.values.ndim == 3 for each in outputs)):
        return None
    return maps[-1]


def _inner(output: Output) -> bool:
    """Return whether a layer of a backbone made it."""
    return "." in output.layer
