"""How is a pre-trained backbone prepared? Its convolutions take the norms, activations and sums behind them.

A copy of its graph calls one function for each convolution and what follows it alone: its norm (in float64, as in
`folding`), its activation, the addition of a shortcut, and the activation behind that. All else is called as it is.
"""

import operator

import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm

from sadari.inference.prepared.folding import Product, scaled, scaling_of_norm
from sadari.inference.prepared.packed import NOTHING, RECTIFIED, Fused, PackedConvolution
from sadari.models.backbone.depthwise import kind_of
from sadari.models.backbone.graph import is_random
from sadari.models.backbone.module import Backbone
from sadari.models.layers.modules import may_have_hooks

ADDITIONS = (operator.add, operator.iadd, torch.add)
SAME = "Conv2dSame"  # timm's convolution that pads as TensorFlow does, by the size of its input
FUSED = {
    nn.ReLU: RECTIFIED,
    nn.ReLU6: Fused("hardtanh", 0.0, 6.0),
    nn.SiLU: Fused("swish"),
    nn.Hardswish: Fused("hardswish"),
}
# Difference from the plain backbone, as a share of its largest value, up to which a prepared one is taken. Assumed: a
# hundred times what rounding made of any network that was tried.
LARGEST = 1e-4


@torch.inference_mode()
def prepared_backbone(backbone: Backbone, size: tuple[int, int]) -> nn.Module:
    """Return a module that computes the same as `backbone` in evaluation, for images of `size` (H, W).

    That is `backbone` itself where the networks of timm hold something that the prepared graph does not compute: both
    read a noisy image once, and must give the same.
    """
    if any(may_have_hooks(each) for each in backbone.modules()):
        return backbone
    noise = torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(0))
    noise = noise.contiguous(memory_format=torch.channels_last)
    try:
        prepared = prepared_graph(backbone.graph)
        found, wanted = prepared(noise), backbone(noise)
    except RuntimeError:  # of oneDNN, where maps that are added have different shapes
        return backbone
    same = found.shape == wanted.shape and (found - wanted).abs().max() <= LARGEST * wanted.abs().max()
    return prepared if same else backbone


def prepared_graph(graph: fx.GraphModule) -> fx.GraphModule:
    """Return a graph that computes the same as `graph` in evaluation; it shares the modules that stay as they are."""
    nodes = fx.Graph()
    nodes.output(nodes.graph_copy(graph.graph, {}))
    copy = fx.GraphModule(graph, nodes)
    for number, node in enumerate(list(nodes.nodes)):
        if isinstance(module := _module(copy, node), nn.Conv2d) and _is_plain(module):
            _Chain(copy, node, module).replace(f"fused_{number}")
    copy.delete_all_unused_submodules()
    copy.recompile()
    return copy


def _module(graph: fx.GraphModule, node: fx.Node | None) -> nn.Module | None:
    return graph.get_submodule(str(node.target)) if node is not None and node.op == "call_module" else None


def _is_plain(convolution: nn.Conv2d) -> bool:
    """Return whether it computes what torch's class computes, or timm's that pads by itself."""
    known = kind_of(convolution) is nn.Conv2d or kind_of(convolution).__name__ == SAME
    return known and convolution.padding_mode == "zeros" and not isinstance(convolution.padding, str)


class _Chain:
    """A convolution of `graph` at `node`, and the nodes that follow it and read nothing else but `added`."""

    def __init__(self, graph: fx.GraphModule, node: fx.Node, convolution: nn.Conv2d) -> None:
        self._graph, self._nodes, self._convolution = graph, [node], convolution
        weight, bias = convolution.weight, convolution.bias
        self._product: Product = weight, weight.new_zeros(len(weight)) if bias is None else bias
        self._fused, self._added = NOTHING, list[fx.Node]()
        self._take_norm()
        self._take_activation()
        self._take_sum()

    def replace(self, name: str) -> None:
        """Let one module, which gets that name, compute the chain."""
        nodes = self._graph.graph
        self._graph.add_submodule(name, FusedConvolution(self._convolution, self._product, self._fused))
        with nodes.inserting_before(self._nodes[-1]):
            call = nodes.call_module(name, (self._nodes[0].args[0], *self._added))
        self._nodes[-1].replace_all_uses_with(call)
        for node in reversed(self._nodes):
            nodes.erase_node(node)

    def _next(self) -> fx.Node | None:
        """Return the only node that reads the chain, behind those that do nothing in evaluation."""
        while len(self._nodes[-1].users) == 1:
            (node,) = self._nodes[-1].users
            module = _module(self._graph, node)
            if not (isinstance(module, nn.Identity) or (module is not None and is_random(module))):
                return node
            self._nodes.append(node)
        return None

    def _take_norm(self) -> None:
        node = self._next()
        norm = _module(self._graph, node)
        if node is None or not isinstance(norm, _BatchNorm) or not norm.affine or norm.running_var is None:
            return
        activation = getattr(norm, "act", nn.Identity())  # timm has norms with an activation
        if isinstance(activation, nn.Identity) or type(activation) in FUSED:
            self._product = scaled(*self._product, scaling_of_norm(norm))
            self._fused = FUSED.get(type(activation), NOTHING)
            self._nodes.append(node)

    def _take_activation(self) -> None:
        node = self._next()
        kind = type(_module(self._graph, node))
        if node is not None and self._fused is NOTHING and kind in FUSED:
            self._fused = FUSED[kind]
            self._nodes.append(node)

    def _take_sum(self) -> None:
        node = self._next()
        if node is None or self._fused is not NOTHING or node.target not in ADDITIONS or node.kwargs:
            return
        others = [each for each in node.args if each is not self._nodes[-1]]
        if len(others) == 1 and isinstance(others[0], fx.Node):
            self._added = [others[0]]
            self._nodes.append(node)
            self._take_activation()


class FusedConvolution(nn.Module):
    """A convolution of maps (N, C, H, W), `product`, that adds other maps of the shape that it makes, and then `fused`.

    like: the convolution whose stride, padding and groups it has.
    """

    def __init__(self, like: nn.Conv2d, product: Product, fused: Fused) -> None:
        super().__init__()
        assert not isinstance(like.padding, str)  # a word means something else, and is not fused
        (down, across), (above, left), (apart, aside) = like.stride, like.padding, like.dilation
        where = (down, across), (above, left), (apart, aside)
        self._compute = PackedConvolution(product, *where, like.groups, fused)
        self._pads = kind_of(like).__name__ == SAME
        self._sides = tuple(zip(like.kernel_size, like.stride, like.dilation, strict=True))

    def forward(self, x: Tensor, *added: Tensor) -> Tensor:
        x = self._padded(x) if self._pads else x
        return self._compute.and_added(x, *added) if added else self._compute(x)

    def _padded(self, x: Tensor) -> Tensor:
        """Return `x` with as many zeros around it as TensorFlow's padding "SAME" has, the odd one behind it."""
        around: list[int] = []
        for side, (kernel, stride, dilation) in zip(x.shape[2:], self._sides, strict=True):
            count = max((-(-side // stride) - 1) * stride + (kernel - 1) * dilation + 1 - side, 0)
            around = [count // 2, count - count // 2, *around]
        return F.pad(x, around) if any(around) else x
