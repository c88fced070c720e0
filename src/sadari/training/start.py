"""What does a run start from? Its architecture, and the weights of the backbone that it begins with, if it does."""

from pathlib import Path

from sadari.errors import SadariError
from sadari.files import read_json
from sadari.inference.model import Architecture
from sadari.job import Job
from sadari.models.layers import parse
from sadari.models.pretrained import Pretrained
from sadari.models.rung import Rung
from sadari.models.sequential import Network
from sadari.models.transfer import backbone_of
from sadari.models.weights import load_pretrained, tensors_file
from sadari.values import ImageSet


def bring_weights(job: Job, rung: Rung, out: Path) -> None:
    """Have the file of a backbone's weights here before minutes are spent on images.

    Raises UsageError or SadariError saying which file to put where. Of a run that has begun nothing is asked here.
    """
    backbone = backbone_of(parse(rung.layers, job.variables))
    if backbone and not _stamp(out).is_file():
        pretrained = backbone.pretrained()
        if not pretrained.random:
            tensors_file(pretrained)


def architecture_of(job: Job, rung: Rung, images: ImageSet, out: Path) -> Architecture:
    """The architecture of the job; the run in `out`, if it has begun, keeps the backbone with which it did."""
    began = read_json(_stamp(out)).get("pretrained") if _stamp(out).is_file() else None
    pretrained = Pretrained.from_json(began) if began else None
    return Architecture.of(rung, job.variables, images.shape, images.classes, pretrained)


def start_weights(network: Network, architecture: Architecture, out: Path) -> str:
    """Give the backbone of `network` its weights, if there is one; returns the digest of their file.

    Raises SadariError where there are no such weights, and for other ones than those that the run in `out` began with.
    """
    if architecture.pretrained is None:
        return ""
    digest = load_pretrained(network, architecture.pretrained, architecture.shape[:2])
    if _stamp(out).is_file() and read_json(_stamp(out)).get("weights_sha256", digest) != digest:
        raise SadariError(
            f"the weights {architecture.pretrained.origin} have changed since the run began; train in another --out"
        )
    return digest


def _stamp(out: Path) -> Path:
    return out / "environment.json"
