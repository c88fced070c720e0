"""Which module computes a backbone? A network of timm, cut at a layer, some of whose parameters are frozen."""

import json
import operator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, fx, nn
from torch.nn.modules.batchnorm import _BatchNorm

from sadari.errors import SadariError, UsageError
from sadari.models.backbone.depthwise import keep_depthwise_exact
from sadari.models.backbone.graph import END, cut_network, end_with, is_random, layer_names, trainable_names
from sadari.models.backbone.importing import import_timm
from sadari.models.backbone.meta import shape_of, without_values
from sadari.models.backbone.pretrained import Pretrained
from sadari.models.backbone.still_norms import merge_norms
from sadari.models.layers.dropout import Dropout, DropPath
from sadari.models.layers.specs import Shape

Size = tuple[int, int]


class Backbone(nn.Module):
    """A pre-trained network up to a layer: (N, 3, H, W) -> (N, C, H', W'), (N, T, C) or (N, C).

    graph: the torch.fx graph of all that is computed, under the network's own names of modules and parameters; the
    nodes of a layer have its name in `node.meta["layer"]`. layers: those names in order. frozen: the names of the
    parameters in `graph` that do not learn. A module whose parameters are all frozen always behaves as in
    evaluation: its batch norms use their statistics unchanged, its dropout and stochastic depth are off.
    """

    def __init__(self, graph: fx.GraphModule, trainable: frozenset[str]) -> None:
        super().__init__()
        self.graph = graph
        self.layers = layer_names(graph.graph)
        for name, parameter in graph.named_parameters():
            parameter.requires_grad_(name in trainable)
        self.frozen = frozenset(name for name, _ in graph.named_parameters()) - trainable
        _bind_randomness(graph)
        keep_depthwise_exact(graph)
        _forbid_in_place(graph)
        behind = _behind_learning(graph)
        self._evaluating = tuple(name for name, _ in graph.named_modules() if _always_evaluates(graph, name, behind))
        self.train()

    def keep_norms_still(self) -> None:
        """Let all its batch norms use their stored mean and variance, in training too; convolutions do their work."""
        norms = [name for name, each in self.graph.named_modules() if isinstance(each, _BatchNorm)]
        self._evaluating = tuple({**dict.fromkeys(self._evaluating), **dict.fromkeys(norms)})
        merge_norms(self.graph)
        self.train(self.training)

    def forward(self, x: Tensor) -> Tensor:
        features: Tensor = self.graph(x)
        return features

    def train(self, mode: bool = True) -> "Backbone":
        super().train(mode)
        for name in self._evaluating:
            self.graph.get_submodule(name).training = False
        return self


def make_backbone(pretrained: Pretrained, cut: str, train: str, size: Size, seed: int) -> Backbone:
    """Make the backbone for images of `size` (H, W), with weights drawn by timm's own distributions from `seed`.

    `weights.load_pretrained` then loads the pre-trained ones. Raises UsageError as `outline` does.
    """
    name, raw = pretrained.name, _sketch(_key(pretrained), cut, size).raw
    _require_size(pretrained, outline(pretrained, cut, train, size).total)
    _, _, own_seed = pretrained.origin.partition(":")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(own_seed) if pretrained.random and own_seed else seed)
        network = create(pretrained, size)
    graph = cut_network(network, name, cut)
    _finish(graph, network, raw, cut)
    return Backbone(graph, trainable_names(graph, name, train))


def _require_size(pretrained: Pretrained, values: int) -> None:
    """Raise SadariError where the file of the weights cannot hold `values` numbers; nothing is allocated before."""
    path = Path(pretrained.origin)
    if pretrained.arguments and path.is_file() and path.stat().st_size < values:  # at least a byte for each
        raise SadariError(
            f"the weights {path} hold {path.stat().st_size:,} bytes, but their configuration describes a network of "
            f"{values:,} parameters; it is not theirs"
        )


def create(pretrained: Pretrained, size: Size) -> nn.Module:
    """Make the whole network of timm, untrained, for images of `size`; raises UsageError where timm cannot."""
    import_timm()
    from timm import create_model
    from timm.models import is_model, list_models

    from sadari.registry import unknown_name

    if not is_model(pretrained.name):
        raise unknown_name("backbone", pretrained.name, list_models())
    try:
        return create_model(pretrained.name, pretrained=False, **arguments_for(pretrained, size))
    except (TypeError, ValueError, AssertionError, RuntimeError, LookupError, AttributeError, ArithmeticError) as error:
        raise UsageError(
            f"timm cannot make {pretrained.name} for images of {size[0]}x{size[1]} with {dict(pretrained.arguments)}: "
            f"{error or type(error).__name__}"
        ) from None


def arguments_for(pretrained: Pretrained, size: Size) -> dict[str, Any]:
    """Return the arguments of timm's constructor for images of `size`."""
    import_timm()
    from timm.models import get_pretrained_cfg

    config = get_pretrained_cfg(pretrained.name, allow_unregistered=True)
    fixed = {"img_size": size} if config is not None and config.fixed_input_size else {}
    return {**pretrained.arguments, **fixed}


@dataclass(frozen=True)
class Outline:
    """A backbone without its weights.

    shape: that of its output. total, trainable: how many values it has (moving statistics included), and how many of
    them learn. layers: the names of its layers in the order of the forward pass.
    """

    shape: Shape
    total: int
    trainable: int
    layers: tuple[str, ...]


def outline(pretrained: Pretrained, cut: str, train: str, size: Size) -> Outline:
    """Return the outline of a backbone on images of `size` (H, W); needs no weights and computes nothing.

    Raises UsageError for an unknown layer, images that are too small, or a network that gives no single map, sequence
    or vector there.
    """
    name, (graph, _, shape) = pretrained.name, _sketch(_key(pretrained), cut, size)
    learning = trainable_names(graph, name, train)
    counts = {each: parameter.numel() for each, parameter in graph.named_parameters()}
    statistics = sum(buffer.numel() for each, buffer in graph.named_buffers() if each.endswith(STATISTICS))
    total, trainable = sum(counts.values()) + statistics, sum(counts[each] for each in learning)
    return Outline(shape, total, trainable, layer_names(graph.graph))


def sketch_of(pretrained: Pretrained, cut: str, train: str, size: Size) -> tuple[fx.GraphModule, frozenset[str]]:
    """Return a backbone without weights, on the meta device, and the names of its parameters that learn."""
    graph = _sketch(_key(pretrained), cut, size).graph
    return graph, trainable_names(graph, pretrained.name, train)


STATISTICS = ("running_mean", "running_var")  # Keras counts them as parameters that do not learn


def _key(pretrained: Pretrained) -> str:
    """Return what decides the shapes of a network, as a key for a cache."""
    return json.dumps([pretrained.name, dict(pretrained.arguments)], sort_keys=True)


class _Sketch(NamedTuple):
    """A cut network without weights; raw: its output shape (1, ...) before `_finish`; shape: after."""

    graph: fx.GraphModule
    raw: tuple[int, ...]
    shape: Shape


@lru_cache(maxsize=16)
def _sketch(key: str, cut: str, size: Size) -> _Sketch:
    name, arguments = json.loads(key)
    with without_values():
        network = create(Pretrained(name, arguments, 0, (), (), "", "", ""), size)
        graph = cut_network(network, name, cut)
        try:
            result = shape_of(graph, size)
        except (RuntimeError, ValueError, AssertionError, TypeError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise UsageError(f"{name} does not work on images of {size[0]}x{size[1]}: {reason}") from None
        if not isinstance(result, Tensor) or result.ndim not in (2, 3, 4):
            where = "its features" if cut == END else f"'{cut}'"
            raise UsageError(f"{name} gives no single map, sequence or vector at {where}; set cut=LAYER")
        _finish(graph, network, tuple(result.shape), cut)
        _, *shape = shape_of(graph, size).shape
    return _Sketch(graph, tuple(result.shape), (shape[1], shape[2], shape[0]) if len(shape) == 3 else tuple(shape))


def _finish(graph: fx.GraphModule, network: Any, raw: tuple[int, ...], cut: str) -> None:
    """Bring the output of the graph into the order of our maps; of tokens at the end, leave those that are pooled.

    A network that classifies by its class token returns that one step alone, another one all but its prefix tokens, so
    that the mean over the steps is what timm's own head pools.
    """
    if len(raw) == 4 and getattr(network, "output_fmt", "") == "NHWC" and cut == END:
        end_with(graph, torch.permute, (0, 3, 1, 2))
    if len(raw) == 3 and cut == END:
        prefix = int(getattr(network, "num_prefix_tokens", 0) or 0)
        by_token = getattr(network, "global_pool", "") == "token" and raw[1] > 1 and prefix
        if by_token:
            end_with(graph, torch.narrow, 1, 0, 1)
        elif prefix:
            end_with(graph, torch.narrow, 1, prefix, raw[1] - prefix)


def _bind_randomness(graph: fx.GraphModule) -> None:
    """Give dropout and stochastic depth generators of their own, which the training loop seeds before each step."""
    from timm.layers.drop import DropPath as DropPathOfTimm

    for name, module in list(graph.named_modules()):
        if type(module) is nn.Dropout:
            graph.set_submodule(name, Dropout(module.p))
        elif isinstance(module, DropPathOfTimm):
            graph.set_submodule(name, DropPath(float(module.drop_prob or 0), module.scale_by_keep))


def _forbid_in_place(graph: fx.GraphModule) -> None:
    """Let no layer write into its input, which may be captured as well."""
    for node in graph.graph.nodes:
        if node.op == "call_module":
            module = graph.get_submodule(str(node.target))
            if getattr(module, "inplace", False):
                module.inplace = False  # type: ignore[assignment]


def _behind_learning(graph: fx.GraphModule) -> frozenset[str]:
    """Return the modules that learn, or read something that was computed with parameters that learn."""
    reached: set[fx.Node] = set()
    for node in graph.graph.nodes:
        mine = graph.get_submodule(node.target) if node.op == "call_module" else None
        parameter = operator.attrgetter(node.target)(graph) if node.op == "get_attr" else None
        learns = (mine is not None and _learns(mine)) or (parameter is not None and parameter.requires_grad)
        if learns or any(each in reached for each in node.all_input_nodes):
            reached.add(node)
    return frozenset(str(node.target) for node in reached if node.op == "call_module")


def _always_evaluates(graph: fx.GraphModule, name: str, behind: frozenset[str]) -> bool:
    """Return whether the module `name` behaves as in evaluation even in training.

    It does where nothing learns in the nearest module around it that has parameters (or itself). A random layer is off
    as well where nothing before it learns (not in `behind`). Random layers other than dropout and stochastic depth are
    always off, because their draws could not be repeated.
    """
    module = graph.get_submodule(name)
    if is_random(module) and (name not in behind or not isinstance(module, Dropout)):
        return True
    while not _has_parameters(module) and name:
        name = name.rpartition(".")[0]
        module = graph.get_submodule(name)
    return not _learns(module)


def _has_parameters(module: nn.Module) -> bool:
    return any(True for _ in module.parameters())


def _learns(module: nn.Module) -> bool:
    return any(each.requires_grad for each in module.parameters())
