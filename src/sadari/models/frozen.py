"""Which first layers of a network never change, whatever it learns? What they give needs computing once only."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, fx, nn
from torch.nn.modules.batchnorm import _BatchNorm

from sadari.models.backbone.graph import is_random
from sadari.models.backbone.module import Backbone
from sadari.models.layers.neighbours import Neighbours
from sadari.models.network import Network


class Head(nn.Module):
    """The layers of a network behind its frozen ones. Its mode is the network's, which knows what stays as it is."""

    def __init__(self, network: Network, layers: Sequence[nn.Module]) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)
        self._whole = (network,)  # in a tuple, so that its parameters are not taken for those of the rest

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.layers(x)
        return logits

    def train(self, mode: bool = True) -> "Head":
        (network,) = self._whole
        network.train(mode)
        self.training = mode
        return self


class FrozenSplit(NamedTuple):
    """`frozen` and then `rest` compute what the network does, on the network's own modules and parameters."""

    frozen: nn.Sequential
    rest: Head


def split_frozen(network: Network, image: Callable[[], Tensor]) -> FrozenSplit | None:
    """Where does learning begin? The longest part in front that gives the same for an image at every step.

    That is: no parameter of it learns, nothing in it is random, no batch norm in it counts or uses statistics of a
    batch. A backbone that learns from a layer on is split there. None where the first parameters learn, so that there
    is nothing worth keeping, and where the network looks at mirrored images too. image: gives any, prepared, float
    (1, C, H, W). Asks the network how it is while it trains, and leaves it in that mode.
    """
    if network.mirrored:
        return None
    network.train()
    layers = [*network.features, *network.head]
    still: list[nn.Module] = []
    for place, layer in enumerate(layers):
        if _stands_still(layer):
            still.append(layer)
            continue
        rest = layers[place:]
        if isinstance(layer, Backbone) and (halves := _split_graph(layer.graph, nn.Sequential(*still)(image()))):
            still.append(halves[0])
            rest = [halves[1], *layers[place + 1 :]]
        break
    else:
        rest = []
    if not any(True for layer in still for _ in layer.parameters()):
        return None
    return FrozenSplit(nn.Sequential(*still), Head(network, rest))


def _stands_still(module: nn.Module) -> bool:
    if isinstance(module, Neighbours) or any(parameter.requires_grad for parameter in module.parameters()):
        return False
    return not any(each.training and (_acts(each) or isinstance(each, _BatchNorm)) for each in module.modules())


def _acts(module: nn.Module) -> bool:
    """Whether it is random, at a rate above 0."""
    return is_random(module) and getattr(module, "rate", 1.0) != 0.0


@torch.no_grad()
def _split_graph(module: fx.GraphModule, x: Tensor) -> tuple[fx.GraphModule, fx.GraphModule] | None:
    """The two halves of a graph, split behind the last node up to which it stands still, at a single tensor.

    x: what the graph reads. It is tried, since a node does not tell whether it gives a tensor or several.
    """
    given = _given(module.graph)
    images, *nodes = (node for node in module.graph.nodes if node not in given and node.op != "output")
    places: list[fx.Node] = []
    for place, node in enumerate(nodes):
        if not _node_stands_still(module, node):
            break
        if _alone(node, [images, *nodes[: place + 1]]):
            places.append(node)
    for where in reversed(places):
        half = _first_half(module, where)
        if isinstance(half(x), Tensor):
            return half, _second_half(module, where)
    return None


def _given(graph: fx.Graph) -> set[fx.Node]:
    """What a graph has without computing it: parameters, and arguments behind the images, which keep their defaults."""
    _, *defaults = (node for node in graph.nodes if node.op == "placeholder")
    return {*defaults, *(node for node in graph.nodes if node.op == "get_attr")}


def _node_stands_still(module: fx.GraphModule, node: fx.Node) -> bool:
    read = [each for each in node.all_input_nodes if each.op == "get_attr"]
    if any(_attribute(module, str(each.target)).requires_grad for each in read):
        return False
    return node.op != "call_module" or _stands_still(module.get_submodule(str(node.target)))


def _attribute(module: fx.GraphModule, target: str) -> nn.Parameter:
    *path, name = target.split(".")
    return getattr(module.get_submodule(".".join(path)), name)  # type: ignore[no-any-return]


def _alone(node: fx.Node, up_to: Iterable[fx.Node]) -> bool:
    """Whether nothing but `node` of all that was computed `up_to` here is needed behind it."""
    known = set(up_to)
    return all(user in known for each in known - {node} for user in each.users)


def _first_half(module: fx.GraphModule, last: fx.Node) -> fx.GraphModule:
    graph, copies = fx.Graph(), dict[fx.Node, fx.Node]()
    for node in module.graph.nodes:
        copies[node] = graph.node_copy(node, copies.__getitem__)
        if node is last:
            break
    graph.output(copies[last])
    return _module(module, graph)


def _second_half(module: fx.GraphModule, last: fx.Node) -> fx.GraphModule:
    graph = fx.Graph()
    copies = {last: graph.placeholder("features")}
    given, behind = _given(module.graph), False
    for node in module.graph.nodes:
        if behind or node in given:
            copies[node] = graph.node_copy(node, copies.__getitem__)
        behind = behind or node is last
    return _module(module, graph)


def _module(whole: fx.GraphModule, graph: fx.Graph) -> fx.GraphModule:
    """`graph` on the very modules and parameters of `whole`, as far as it uses them."""
    half = fx.GraphModule(whole, graph)
    half.graph.eliminate_dead_code()
    half.delete_all_unused_submodules()
    half.recompile()
    return half
