"""How does the backbone of a network get its pre-trained weights? By timm's names, as far as it is cut."""

from collections.abc import Mapping

from torch import Tensor

from sadari.errors import SadariError
from sadari.models.backbone.module import Backbone
from sadari.models.backbone.pretrained import Pretrained
from sadari.models.backbone.tensors import (
    as_timm_names_them,
    fitting,
    missing_in,
    reach_of,
    read_tensors,
    weights_digest,
)
from sadari.models.network import Network

NAMED = 3  # missing tensors that an error names


def load_pretrained(
    network: Network, pretrained: Pretrained, size: tuple[int, int], tensors: Mapping[str, Tensor] | None = None
) -> str:
    """Load the weights that the backbone of `network` starts from, for images of `size` (H, W).

    tensors: where they are read already. Other tensors in the file are ignored. Returns the file's SHA-256 digest, ""
    for random weights. Raises SadariError where there are no such weights, or a tensor before the cut is missing.
    """
    backbone = network.features[0]
    if pretrained.random or not isinstance(backbone, Backbone):
        return ""
    tensors = read_tensors(pretrained) if tensors is None else tensors
    found = fitting(backbone.graph, tensors)
    if missing_in(backbone.graph, found):
        converted = as_timm_names_them(pretrained, tensors, size)
        found = fitting(backbone.graph, converted)
    missing = missing_in(backbone.graph, found)
    if missing:
        raise SadariError(_lack(backbone, missing, tensors, pretrained))
    backbone.graph.load_state_dict(found, strict=False)
    return weights_digest(pretrained)


def _lack(backbone: Backbone, missing: list[str], tensors: Mapping[str, Tensor], pretrained: Pretrained) -> str:
    more = f" and {len(missing) - NAMED} more" if len(missing) > NAMED else ""
    wrong = [name for name in missing if name in tensors]
    what = "have another shape at" if len(wrong) == len(missing) else "lack"
    reach = reach_of(backbone.graph, missing)
    advice = f"; they are whole up to {reach}: set cut={reach}" if reach else ""
    return f"the weights {pretrained.origin} of {pretrained.name} {what} {', '.join(missing[:NAMED])}{more}{advice}"
