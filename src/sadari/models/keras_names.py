"""What does Keras call the layers of VGG? block5_conv3 for timm's features.28 and the ReLU behind it."""

from torch import nn


def keras_names(network: nn.Module) -> dict[str, tuple[str, ...]]:
    """timm's layers by Keras's name, in order; empty for a network that is no VGG.

    Keras counts a convolution's activation (and here batch normalisation) as part of it. Works on a cut network too.
    Source: keras/src/applications/vgg16.py.
    """
    features = dict(network.named_children()).get("features")
    layers = dict(features.named_children()) if features is not None else {}
    if not layers or not all(isinstance(each, KINDS) or _is_norm(each) for each in layers.values()):
        return {}
    names: dict[str, list[str]] = {}
    block, conv, current = 1, 0, ""
    for number, layer in layers.items():
        if isinstance(layer, nn.Conv2d):
            conv += 1
            current = f"block{block}_conv{conv}"
        elif isinstance(layer, nn.MaxPool2d):
            current = f"block{block}_pool"
        for name in (f"block{block}", current):
            names.setdefault(name, []).append(f"features.{number}")
        if isinstance(layer, nn.MaxPool2d):
            block, conv = block + 1, 0
    return {name: tuple(parts) for name, parts in names.items()}


KINDS = (nn.Conv2d, nn.ReLU, nn.MaxPool2d)


def _is_norm(layer: nn.Module) -> bool:
    return isinstance(layer, nn.BatchNorm2d)
