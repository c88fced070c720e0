"""Where are the tensors of pre-trained weights, how are they read, and how far are they whole? From safetensors alone.

Of other files, only that of the embedded weights is read, whose content is known (`embedded.py`).
"""

import json
import os
from collections.abc import Mapping
from functools import lru_cache
from hashlib import file_digest
from importlib import import_module
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, fx, nn

from sadari.errors import SadariError
from sadari.models.backbone.embedded import SHA256, installed_file, package_file, read_embedded
from sadari.models.backbone.graph import END
from sadari.models.backbone.module import create, sketch_of
from sadari.models.backbone.pretrained import TENSORS, Pretrained, in_hub_cache, weights_folder

ANSWER_WITHIN = 5.0  # seconds for the hub's first answer, before a missing network is reported (assumed)
COUNTERS = "num_batches_tracked"  # torch's own, which other libraries do not store


def tensors_file(pretrained: Pretrained) -> Path:
    """Return the local file with the weights; downloads it into the hub's own cache where it is not there yet.

    Raises SadariError naming which file to put where, if that fails, and where the embedded file is not installed.
    """
    kind, _, repository = pretrained.origin.partition(":")
    if pretrained.embedded:
        return installed_file()
    return _from_hub(repository, pretrained.name) if kind == "hub" else Path(pretrained.origin)


def weights_digest(pretrained: Pretrained) -> str:
    """Return the SHA-256 of the file of the weights; "" where they are drawn, or not on this machine."""
    if pretrained.embedded:
        return SHA256
    if pretrained.random or not weights_are_here(pretrained):
        return ""
    with tensors_file(pretrained).open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def whole_up_to(pretrained: Pretrained) -> str:
    """Return the layer up to which the weights on this disk are whole: `end` where nothing is missing.

    Raises SadariError or UsageError where they cannot be used at all.
    """
    path = tensors_file(pretrained)
    state = path.stat()
    return _whole_up_to((state.st_size, state.st_mtime_ns), json.dumps(pretrained.to_json()))


@lru_cache(maxsize=32)
def _whole_up_to(state: tuple[int, int], document: str) -> str:  # noqa: ARG001 - a part of the key
    """Return what `whole_up_to` returns. state: of the file, so that it is read again once it is another."""
    pretrained = Pretrained.from_json(json.loads(document))
    side = (pretrained.size, pretrained.size)
    graph, _ = sketch_of(pretrained, END, "all", side)
    tensors = read_tensors(pretrained)
    missing = missing_in(graph, fitting(graph, tensors))
    if missing:
        missing = missing_in(graph, fitting(graph, as_timm_names_them(pretrained, tensors, side)))
    reach = reach_of(graph, missing) if missing else END
    if not reach:
        raise SadariError(
            f"the weights {pretrained.origin} are not those of {pretrained.name}: {missing[0]} is missing"
        )
    return reach


def weights_are_here(pretrained: Pretrained) -> bool:
    """Return whether `pretrained` needs no download."""
    if pretrained.embedded:
        return package_file() is not None
    kind, _, repository = pretrained.origin.partition(":")
    return kind != "hub" or (bool(repository) and in_hub_cache(repository) is not None)


def _from_hub(repository: str, name: str) -> Path:
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url
    from huggingface_hub.errors import RemoteEntryNotFoundError

    if not repository:
        raise SadariError(f"timm knows no weights of {name} on the Hugging Face hub; {_what_to_do(name)}")
    cached = in_hub_cache(repository)
    if cached is not None:
        return cached
    if os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "on", "yes", "true"):
        raise SadariError(f"the weights {repository} are not here and HF_HUB_OFFLINE is set; {_what_to_do(name)}")
    try:
        # One request first: without a network, the download itself would try six times, for half a minute.
        get_hf_file_metadata(hf_hub_url(repository, TENSORS), timeout=ANSWER_WITHIN)
        return Path(hf_hub_download(repository, TENSORS))
    except RemoteEntryNotFoundError:
        raise SadariError(f"{repository} has no {TENSORS}, and nothing else is read; {_what_to_do(name)}") from None
    except Exception as error:  # two libraries raise many classes of errors for a failing network
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise SadariError(f"cannot download the weights {repository} ({reason}); {_what_to_do(name)}") from None


def _what_to_do(name: str) -> str:
    folder = weights_folder()
    place = folder / name if folder else Path("$SADARI_WEIGHTS_DIR") / name
    return f"put {TENSORS} and config.json into {place}, or set weights=PATH, or weights=random for untrained ones"


def read_tensors(pretrained: Pretrained) -> dict[str, Tensor]:
    if pretrained.embedded:
        return read_embedded()
    path = tensors_file(pretrained)
    try:
        stored = load_file(path)
    except (OSError, SafetensorError, ValueError) as error:
        raise SadariError(f"cannot read the weights {path} of {pretrained.name}: {error}") from None
    return {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in stored.items()}


def fitting(graph: nn.Module, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return those of `tensors` that `graph` has under the same name and in the same shape."""
    mine = graph.state_dict()
    return {name: tensor for name, tensor in tensors.items() if name in mine and mine[name].shape == tensor.shape}


def missing_in(graph: nn.Module, tensors: Mapping[str, Tensor]) -> list[str]:
    return [name for name in graph.state_dict() if name not in tensors and not name.endswith(COUNTERS)]


def as_timm_names_them(
    pretrained: Pretrained, tensors: Mapping[str, Tensor], size: tuple[int, int]
) -> Mapping[str, Tensor]:
    """Return the weights under timm's names and in the shapes for `size`, where timm can convert this family."""
    with torch.device("meta"):
        network = create(pretrained, size)
    module = import_module(type(network).__module__)
    convert = getattr(module, "checkpoint_filter_fn", None)
    if convert is None:
        return tensors
    try:
        return dict(convert(dict(tensors), network))
    except (KeyError, RuntimeError, ValueError, TypeError, AttributeError):
        return tensors  # they are of another family; the user reads which tensors are missing


def reach_of(module: fx.GraphModule, missing: list[str]) -> str:
    """Return the last complete block before the first layer that lacks weights; "" where there is none."""
    first = next(
        (node for node in module.graph.nodes if node.op == "call_module" and _lacks(str(node.target), missing)), None
    )
    if first is None:
        return ""
    behind = f"{first.meta['layer']}."
    before = [node.meta["layer"] for node in module.graph.nodes if node < first and "layer" in node.meta]
    for layer in reversed(before):
        parts = layer.split(".")
        for end in range(1, len(parts)):
            block = ".".join(parts[:end])
            if not behind.startswith(f"{block}."):
                return block
    return ""


def _lacks(target: str, missing: list[str]) -> bool:
    return any(each.startswith(f"{target}.") for each in missing)
