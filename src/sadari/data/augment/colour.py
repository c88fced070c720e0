"""How does a training image look in other light? Brightness, contrast and saturation in one pass."""

import torch
from torch import Generator, Tensor

from sadari.data.augment.sampling import chunks, evenly
from sadari.data.prepare import to_device

GREY = (0.299, 0.587, 0.114)  # weights of red, green and blue in brightness (ITU-R BT.601, as Pillow and torchvision)


def jitter(strength: float, pixels: Tensor, generator: Generator) -> Tensor:
    """Multiply brightness, contrast and saturation of each image by 1 - strength to 1 + strength, drawn for each.

    They are those of torchvision's ColorJitter, without hue, always in this order. uint8 (N, H, W, C) in and out.
    """
    factors = [evenly(len(pixels), 1 - strength, 1 + strength, generator) for _ in range(3)]
    return adjusted(pixels, *factors)


def adjusted(pixels: Tensor, brightness: Tensor, contrast: Tensor, saturation: Tensor) -> Tensor:
    """Change the light of images: each factor float64 (N,); 1 changes nothing, 0 makes black, even grey, or grey.

    brightness multiplies; contrast mixes with the mean grey of the (brighter) image, saturation with each pixel's own
    grey. The three are one linear map, cut to 0..255 and rounded at its end. uint8 (N, H, W, C) in and out; a grey
    image has no saturation.
    """
    gain = brightness * contrast
    own, common, level = (
        to_device(each.float(), pixels.device)[:, None, None, None]
        for each in (gain * saturation, gain * (1 - saturation), brightness * (1 - contrast))
    )
    result = torch.empty(pixels.shape, dtype=torch.uint8, device=pixels.device)
    for some in chunks(pixels):
        levels = pixels[some].float()
        grey = grey_of(levels)
        offset = grey * common[some] + grey.mean((1, 2, 3), keepdim=True) * level[some]
        result[some] = (levels * own[some] + offset).clamp_(0, 255).add_(0.5)
    return result


def grey_of(levels: Tensor) -> Tensor:
    """Return the brightness of each pixel, float32 (N, H, W, 1), of float32 (N, H, W, 1 or 3)."""
    if levels.shape[3] == 1:
        return levels
    red, green, blue = (levels[..., channel : channel + 1] * share for channel, share in enumerate(GREY))
    return red + green + blue
