"""How does an exported graph say how known an image is? The score of a run as a module that ONNX can express."""

import json
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from sadari.deploy.onnx_runtime import KNOWN_SCORE
from sadari.inference.unknown.stored import Abstention

PART = "known_score_of"  # begins the names of its constants, which stay in float32 where a graph becomes int8


class KnownScore(nn.Module):
    """The score of `abstention` by logits, float32 (N, K), and features, float32 (N, D): float32 (N,)."""

    def __init__(self, abstention: Abstention) -> None:
        super().__init__()
        self.score = abstention.score.name
        if self.score == "mahalanobis":
            for name, values in abstention.fitted.items():
                self.register_buffer(name, torch.from_numpy(values.copy()).float())
            within, means = self.get_buffer("within"), self.get_buffer("means")
            variances = abstention.fitted["variances"]
            self.of_within, self.of_whole = (float(each) for each in variances)
            self.register_buffer("from_within", within.T.contiguous())
            self.register_buffer("from_whole", self.get_buffer("whole").T.contiguous())
            self.register_buffer("from_means", means.T.contiguous())
            self.register_buffer("from_moved", (means @ within.T).T.contiguous())
            self.register_buffer("lengths", (means**2).sum(1) - ((means @ within.T) ** 2).sum(1))
            for name in abstention.fitted:
                if name != "centre":
                    delattr(self, name)

    def forward(self, logits: Tensor, features: Tensor) -> Tensor:
        if self.score == "energy":
            return torch.logsumexp(logits, dim=1)
        if self.score == "probability":
            return torch.softmax(logits, dim=1).amax(1)
        centre, from_within, from_whole, from_means, from_moved, lengths = (
            self.get_buffer(name) for name in ("centre", "from_within", "from_whole", *_OF_MEANS, "lengths")
        )
        unit = features / features.square().sum(1, keepdim=True).sqrt().clamp_min(1e-12)
        moves = unit - centre
        squares = moves.square().sum(1)
        within, whole = moves @ from_within, moves @ from_whole
        to_all = (squares - whole.square().sum(1)) / self.of_whole
        crossed = moves @ from_means - within @ from_moved
        to_each = (squares - within.square().sum(1)).unsqueeze(1) - 2 * crossed + lengths
        return (to_all - to_each.amin(1) / self.of_within) / 2


_OF_MEANS = ("from_means", "from_moved")


def described(abstention: Abstention, threshold: float | None = None) -> dict[str, Any]:
    """Return what a user of the file must know of its second output. threshold: in place of that of the run."""
    return {
        "score": abstention.score.name,
        "threshold": abstention.threshold if threshold is None else threshold,
        "kept": abstention.kept,
        "images": abstention.images,
    }


def metadata(found: Mapping[str, Any]) -> dict[str, str]:
    """Return the same as an entry of the file's metadata: an image is known from the threshold on."""
    return {KNOWN_SCORE: json.dumps(dict(found))}
