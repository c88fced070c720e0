"""Which ONNX graph computes a trained model, from raw pixels to probabilities? It runs without Sadari.

Input `images`: uint8 (N, H, W, C); output `probabilities`: float32 (N, K); N is free. Where the run says which images
are known, a second output `known_score`: float32 (N,). The file's metadata hold the classes, how a photograph becomes
such pixels, and from which score on an image is known.
"""

import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from importlib.metadata import version
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from sadari.data.prepare import Preprocess
from sadari.deploy.extra import quiet, require
from sadari.deploy.onnx_runtime import INPUT, KNOWN_SCORE, OUTPUT
from sadari.deploy.unknown.graph import KnownScore, described, metadata
from sadari.errors import SadariError
from sadari.inference.features import WithFeatures
from sadari.inference.model import TrainedModel
from sadari.inference.unknown.stored import Abstention

EXAMPLES = 2  # images that the graph is traced with: not 1, which torch takes for a fixed size


class _FromPixels(nn.Module):
    """The network between the arithmetic of `Preprocess` and the softmax: uint8 (N, H, W, C) -> float32 (N, K).

    temperature: what its logits are divided by. known: the score of how known the images are, which becomes a second
    output, float32 (N,).
    """

    scale: Tensor
    shift: Tensor

    def __init__(
        self, network: nn.Module, preprocess: Preprocess, temperature: float, known: KnownScore | None = None
    ) -> None:
        super().__init__()
        self.network, self.temperature = network, temperature
        self.watched, self.known_score_of = WithFeatures(network), known
        self.register_buffer("scale", torch.from_numpy(preprocess.scale))
        self.register_buffer("shift", torch.from_numpy(preprocess.shift))

    def forward(self, images: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        pixels = images.permute(0, 3, 1, 2).to(torch.float32) * self.scale + self.shift
        if self.known_score_of is None:
            return self._probabilities(self.network(pixels))
        logits, features = self.watched.both(pixels)
        return self._probabilities(logits), self.known_score_of(logits, features)

    def _probabilities(self, logits: Tensor) -> Tensor:
        return torch.softmax(logits if self.temperature == 1.0 else logits / self.temperature, dim=1)


class _LogSigmoid(nn.Module):
    """log(sigmoid(x)) in operators of ONNX that stay finite: the logarithm of a sigmoid would be log(0)."""

    def forward(self, x: Tensor) -> Tensor:
        return -functional.softplus(-x)


class _Average(nn.Module):
    """The weighted mean of the probabilities of several networks: uint8 (N, H, W, C) -> float32 (N, K)."""

    def __init__(self, members: Sequence[tuple[_FromPixels, float]]) -> None:
        super().__init__()
        self.members = nn.ModuleList(each for each, _ in members)
        self.weights = [weight for _, weight in members]

    def forward(self, images: Tensor) -> Tensor:
        shares = [weight * each(images) for each, weight in zip(self.members, self.weights, strict=True)]
        return torch.stack(shares).sum(dim=0)


def make_onnx(
    model: TrainedModel,
    about: Mapping[str, str],
    members: Sequence[tuple[TrainedModel, float]] = (),
    abstention: Abstention | None = None,
) -> bytes:
    """Return the model as the content of an ONNX file. about: more metadata, beside classes and preprocessing.

    members: of an ensemble, the models that it averages, which read pixels of the same form, each with its weight; one
    graph computes them all. abstention: how a single model decides whether an image is known, whose score becomes the
    second output. The model itself does not change. Raises SadariError where the extra `deploy` is not
    installed, and for a network that ONNX cannot express.
    """
    require("onnx")
    require("onnxscript")
    known = KnownScore(abstention) if abstention and not members else None
    averaged = [(_from_pixels(each), weight) for each, weight in members]
    whole = _Average(averaged) if members else _from_pixels(model, known)
    whole.eval()
    if known and abstention:
        about = {**about, **metadata(described(abstention))}
    try:
        with quiet():
            content = _exported(whole, model, about)
    except Exception as error:  # torch.export and the exporter raise nearly anything for what they do not know
        reason = (str(error).splitlines() or [""])[0] or type(error).__name__
        raise SadariError(f"this network cannot be written as ONNX: {reason}; try --to safetensors") from error
    return content


def _from_pixels(model: TrainedModel, known: KnownScore | None = None) -> _FromPixels:
    network = _expressible(deepcopy(model.network).cpu())
    return _FromPixels(network, model.preprocess, model.temperature, known)


def _expressible(network: nn.Module) -> nn.Module:
    """Replace, in `network` itself, the modules whose ONNX form would not stay finite; return it."""
    for name, module in list(network.named_modules()):
        if isinstance(module, nn.LogSigmoid):
            network.set_submodule(name, _LogSigmoid())
    return network


def _exported(whole: nn.Module, model: TrainedModel, about: Mapping[str, str]) -> bytes:
    preprocess = model.preprocess
    example = torch.zeros(EXAMPLES, preprocess.height, preprocess.width, preprocess.channels, dtype=torch.uint8)
    with torch.no_grad():
        # Exported here, not by torch.onnx, which would silently fix N where a network needs that.
        program = torch.export.export(whole, (example,), dynamic_shapes=({0: torch.export.Dim("N", min=1)},))
        outputs = [OUTPUT, KNOWN_SCORE] if KNOWN_SCORE in about else [OUTPUT]
        exported = torch.onnx.export(
            program, dynamo=True, input_names=[INPUT], output_names=outputs, verbose=False, optimize=True
        )
    assert exported is not None  # only the older exporter writes a file instead
    proto = exported.model_proto
    _strip(proto)
    if any(node.op_type == "LSTM" for node in proto.graph.node):
        _bear_no_images(proto.graph)
    for key, text in {**_metadata(model), **about}.items():
        entry = proto.metadata_props.add()
        entry.key, entry.value = key, text
    content: bytes = proto.SerializeToString()
    return content


def _strip(proto: Any) -> None:
    """Remove torch's notes on the source code: they name files of this machine, and double the size of small models."""
    del proto.metadata_props[:]
    graphs = (proto.graph, *proto.functions)
    for element in (*graphs, *(node for each in graphs for node in each.node), *proto.graph.value_info):
        del element.metadata_props[:]
        element.ClearField("doc_string")


def _bear_no_images(graph: Any) -> None:
    """Let `graph` answer an empty batch with no probabilities, where it would end the process that asks.

    onnxruntime's LSTM does so (seen up to 1.32). Without images the graph computes one of zeros, and leaves its answer
    out; with images nothing changes.
    """
    from onnx import TensorProto, helper

    def whole(name: str, *values: int) -> Any:
        tensor = helper.make_tensor(f"{name}_value", TensorProto.INT64, [len(values)], values)
        return helper.make_node("Constant", [], [name], value=tensor)

    outputs = [each.name for each in graph.output]
    padded, of_all = f"{INPUT}_or_one", {name: f"{name}_of_all" for name in outputs}
    for node in graph.node:
        node.input[:] = [padded if name == INPUT else of_all.get(name, name) for name in node.input]
        node.output[:] = [of_all.get(name, name) for name in node.output]
    before = [
        whole("no_images", 0),
        whole("one_image", 1),
        whole("no_padding", 0, 0, 0),
        helper.make_node("Shape", [INPUT], ["images_count"], start=0, end=1),
        helper.make_node("Sub", ["one_image", "images_count"], ["images_lacking"]),
        helper.make_node("Max", ["images_lacking", "no_images"], ["images_added"]),
        helper.make_node(
            "Concat", ["no_images", "no_padding", "images_added", "no_padding"], ["images_padding"], axis=0
        ),
        helper.make_node("Pad", [INPUT, "images_padding"], [padded]),
    ]
    nodes = [*before, *graph.node]
    nodes += [
        helper.make_node("Slice", [of_all[name], "no_images", "images_count", "no_images"], [name]) for name in outputs
    ]
    del graph.node[:], graph.value_info[:]
    graph.node.extend(nodes)


def _metadata(model: TrainedModel) -> dict[str, str]:
    """Return what a user who has only the file must know. `classes` and `shape` are JSON lists."""
    preprocess = model.preprocess
    return {
        "classes": json.dumps(list(model.classes), ensure_ascii=False),
        "shape": json.dumps([preprocess.height, preprocess.width, preprocess.channels]),
        "colour": "grey" if preprocess.channels == 1 else "RGB",
        "fit": preprocess.fit,
        "interpolation": preprocess.interpolation,
        "white_level": str(preprocess.white_level),
        "preprocess": f"{preprocess_sentence(preprocess)}; the scaling is in the model",
        "sadari": version("sadari"),
    }


def preprocess_sentence(preprocess: Preprocess) -> str:
    """Describe how a photograph becomes what the model reads."""
    how = {
        "crop": "the largest centred part of this shape, resized",
        "pad": "the whole image resized, the rest black",
        "squash": "both sides resized, without regard to the shape",
    }[preprocess.fit]
    colour = "grey" if preprocess.channels == 1 else "RGB"
    size = f"{preprocess.width} x {preprocess.height} pixels"
    deep = f"; of 16-bit images the value {preprocess.white_level} is 255" if preprocess.white_level else ""
    return f"upright, {colour}, {size}: {how} ({preprocess.interpolation}, antialiased){deep}"
