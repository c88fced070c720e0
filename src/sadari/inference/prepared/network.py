"""How is a finished network prepared to answer? Once, before its first image; what is stored of it stays as it is.

Answers are those of the plain network but for rounding, and `sadari predict`, `serve` and the Python functions give
these. Scores, comparisons and everything else that a run stores come from the plain network.
"""

from collections.abc import Callable
from math import prod

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sadari.data.prepare import Preprocess
from sadari.errors import SadariError
from sadari.evaluation.unknown.scores import Seen
from sadari.inference.blocks import Blocks
from sadari.inference.features import MOST_FEATURES, seen_in
from sadari.inference.predict import judge_blocks, logits_or_none, shares, together
from sadari.inference.prepared import packed
from sadari.inference.prepared.folding import Scaling, scaling_of_pixels
from sadari.inference.prepared.packed import Step
from sadari.inference.prepared.parts import Parts, Watched, parts_of
from sadari.inference.prepared.steps import steps_of
from sadari.models.layers.modules import Dense, Flatten
from sadari.models.layers.neighbours import Neighbours
from sadari.models.network import Network
from sadari.models.own.module import OwnModule

Images = NDArray[np.uint8]
OF_BACKBONES = "sadari.models.backbone.module"


def prepare(network: Network, preprocess: Preprocess) -> "Prepared | None":
    """Return `network` in the form that answers soonest; None where it stays as it is.

    That is a network of the user's own code, one on another device than the processor, and any where torch lacks what
    is needed. A layer of a plug-in is called as it is, and so is one with hooks.
    """
    on_processor = all(each.device.type == "cpu" for each in network.state_dict().values())
    own = any(isinstance(each, OwnModule) for each in network.modules())
    return Prepared(network, preprocess) if on_processor and not own and packed.is_here() else None


class Prepared:
    """A network that only answers, on the processor in float32: uint8 (N, H, W, C) -> logits (N, K).

    Weights are those that the network had when this was made. Safe to call from many threads at once.
    """

    def __init__(self, network: Network, preprocess: Preprocess) -> None:
        layers = [*network.features, *network.head]
        watched = max(at for at, each in enumerate(layers) if isinstance(each, Dense | Neighbours))
        size = preprocess.height, preprocess.width
        parts = parts_of([_with_prepared_graph(each, size) for each in layers], watched, scaling_of_pixels(preprocess))
        self._read, read = _reading(parts, preprocess, network.mirrored)
        at = next(at for at, each in enumerate(parts) if isinstance(each, Watched))
        self._body = [step for part in parts[read:at] for step in steps_of(part)]
        self._tail = [step for part in parts[at:] for step in steps_of(part)]
        self._features = parts[at]
        self._mirrored, self._shape = network.mirrored, (preprocess.height, preprocess.width, preprocess.channels)
        self._shared = any(isinstance(each, nn.Conv2d | nn.LSTM) for each in network.modules())

    def logits(self, images: Images) -> Tensor:
        """Return the logits of images, uint8 (N, H, W, C) -> float32 (N, K).

        Raises SadariError for another shape, and where memory does not hold the network with one image.
        """
        return self._in_blocks(images, lambda rows: self._both(rows)[0])

    def seen(self, images: Images, classes: int) -> Seen:
        """Return the logits and the features of images, as `features.see` does; raises as `logits` does."""
        return seen_in(self._in_blocks(images, self._logits_and_features), classes)

    def _both(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits and what the class layer reads, of images uint8 (n, H, W, C)."""
        x = self._read(rows)
        if self._mirrored:
            x = torch.cat([x, x.flip(3)])
        for step in self._body:
            x = step(x)
        features = x
        for step in self._tail:
            x = step(x)
        if not self._mirrored:
            return x, features
        half = len(rows)
        return (x[:half] + x[half:]) / 2, (features[:half] + features[half:]) / 2

    def _logits_and_features(self, rows: Tensor) -> Tensor:
        logits, features = self._both(rows)
        if features.shape[1] > MOST_FEATURES:
            return logits
        assert isinstance(self._features, Watched)
        if scaling := self._features.scaling:
            features = torch.addcmul(scaling.shift.float(), features, scaling.scale.float())
        return torch.cat([logits, features], 1)

    def _in_blocks(self, images: Images, compute: Callable[[Tensor], Tensor]) -> Tensor:
        """Return what `compute` returns of all images; of many, several threads compute some at a time."""
        if images.shape[1:] != self._shape:
            raise SadariError(f"images of {images.shape[1:]} given to a model for {self._shape}; load them again")
        if not (images.flags.c_contiguous and images.flags.writeable):
            images = images.copy()  # torch reads no others
        values = prod(self._shape)
        at_once, workers = shares(values, len(images)) if self._shared else (together(values), 1)
        if len(images) <= at_once:
            with torch.inference_mode():
                found = logits_or_none(compute, torch.from_numpy(images))
            if found is not None:
                return found
        blocks = _InOrder(images, np.arange(len(images)), at_once)
        return judge_blocks(compute, blocks, workers)


def _reading(parts: Parts, preprocess: Preprocess, mirrored: bool) -> tuple[Step, int]:
    """Return what makes the input of a network of pixels, uint8 (N, H, W, C), and how many of its `parts` that is."""
    if isinstance(parts[0], Scaling):
        return preprocess.apply, 1
    if isinstance(parts[0], Flatten) and not mirrored:
        return _as_vectors, 1
    return _as_maps, 0


def _with_prepared_graph(layer: nn.Module, size: tuple[int, int]) -> nn.Module:
    """Return `layer`, prepared where it is a backbone for images of `size` (H, W)."""
    if type(layer).__module__ != OF_BACKBONES:
        return layer
    from sadari.inference.prepared.graph import prepared_backbone  # torch.fx takes time to load
    from sadari.models.backbone.module import Backbone

    return prepared_backbone(layer, size) if isinstance(layer, Backbone) else layer


def _as_maps(rows: Tensor) -> Tensor:
    """Return pixels as float32 (N, C, H, W) in channels-last memory, 0 to 255."""
    return rows.to(torch.float32).permute(0, 3, 1, 2)


def _as_vectors(rows: Tensor) -> Tensor:
    """Return pixels as float32 (N, H * W * C), 0 to 255."""
    return rows.flatten(1).to(torch.float32)


class _InOrder(Blocks):
    """Images that are read one after the other, without a copy."""

    def _read(self, chosen: NDArray[np.int64]) -> NDArray[np.uint8]:
        return np.asarray(self._rows[chosen[0] : chosen[-1] + 1])
