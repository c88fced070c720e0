"""What does the class layer of a network read of an image? Its features, computed together with the logits."""

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sadari.evaluation.unknown.scores import Seen
from sadari.inference.predict import Inputs, Judgement, judge, predict_logits
from sadari.models.frozen import Head
from sadari.models.layers.modules import Dense
from sadari.models.layers.neighbours import Neighbours
from sadari.models.network import Network
from sadari.models.own.module import OwnModule
from sadari.values import ImageSet

MOST_FEATURES = 4096  # of an image; of more, none are given (assumed: no network of the ladder but one on pixels)


class WithFeatures(nn.Module):
    """A network whose output is its logits and, behind them, the features that its class layer reads: (N, K + D).

    learner: a `Network`, or the `Head` that stays of one behind its frozen layers. The logits are the same bits as its
    own. Where it judges mirrored images too, features are the mean of both sides, as logits are. D is 0 where
    there are more than MOST_FEATURES.
    """

    def __init__(self, learner: nn.Module) -> None:
        super().__init__()
        assert isinstance(learner, Network | Head)
        self.own: OwnModule | None = None
        self.mirrored, self.of_pixels = learner.mirrored, isinstance(learner, Network)
        layers = [learner.features, *learner.head] if isinstance(learner, Network) else [*learner.layers]
        self.learner, self.training = learner, learner.training  # whose mode `train` and `eval` set
        if own := next((each for each in learner.modules() if isinstance(each, OwnModule)), None):
            self.own, self.count = own, own.features
            return
        at = max(index for index, each in enumerate(layers) if isinstance(each, Dense | Neighbours))
        self.body, self.tail = nn.Sequential(*layers[:at]), nn.Sequential(*layers[at:])
        layer = layers[at]
        self.count = int((layer.vectors if isinstance(layer, Neighbours) else layer.weight).shape[1])

    def forward(self, x: Tensor) -> Tensor:
        logits, features = self.both(x)
        return logits if self.count > MOST_FEATURES else torch.cat([logits, features.to(logits.dtype)], 1)

    def both(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits (N, K) and the features (N, D), however many these are."""
        if self.own is not None:
            return self.own.both(x)
        features = [self.body(each) for each in self._sides(x)]
        return _mean([self.tail(each) for each in features]), _mean(features)

    def _sides(self, x: Tensor) -> tuple[Tensor, ...]:
        if not self.mirrored:
            return (x,)
        return (x, x.flip(3)) if self.of_pixels else (x[:, 0], x[:, 1])


def _mean(sides: list[Tensor]) -> Tensor:
    return sides[0] if len(sides) == 1 else (sides[0] + sides[1]) / 2


def see(learner: nn.Module, inputs: Inputs, positions: NDArray[np.int64], classes: int) -> Seen:
    """Return the logits and features of `learner` for the images at `positions`, of so many `classes`.

    Raises SadariError where memory does not hold a single image.
    """
    return seen_in(predict_logits(WithFeatures(learner), inputs, positions), classes)


def seen_in(output: Tensor, classes: int) -> Seen:
    """Return what the output of a `WithFeatures`, (N, K + D), holds of K `classes`."""
    found = output.numpy()
    return Seen(np.ascontiguousarray(found[:, :classes]), found[:, classes:])


def judge_watched(
    network: nn.Module, inputs: Inputs, images: ImageSet, positions: NDArray[np.int64]
) -> tuple[Judgement, Seen]:
    """Return what `judge` returns, to the same bits, and the logits and features of the images."""
    whole = judge(WithFeatures(network), inputs, images, positions)
    seen = seen_in(whole.logits, len(images.classes))
    return replace(whole, logits=torch.from_numpy(seen.logits)), seen
