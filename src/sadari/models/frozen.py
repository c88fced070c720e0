"""Which first layers of a network are frozen? Their output for an image needs computing only once."""

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
    """The layers of a network behind its frozen ones. `train` sets the mode of the whole network.

    Of a network that judges mirrored images too it reads the frozen output for the image and for its mirror image,
    (N, 2, ...), and treats them as that network does.
    """

    def __init__(self, network: Network, layers: Sequence[nn.Module]) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)
        self.mirrored = network.mirrored
        self._whole = (network,)  # in a tuple, so that its parameters do not count as those of the head

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.layers(x[:, 0] if self.mirrored else x)
        if self.mirrored and not self.training:
            logits = (logits + self.layers(x[:, 1])) / 2
        return logits

    def train(self, mode: bool = True) -> "Head":
        (network,) = self._whole
        network.train(mode)
        self.training = mode
        return self


class FrozenSplit(NamedTuple):
    """A network in two: `frozen` and then `rest` compute the same, on the same modules and parameters."""

    frozen: nn.Sequential
    rest: Head


def split_frozen(network: Network, image: Callable[[], Tensor]) -> FrozenSplit | None:
    """Split a network behind its frozen layers: the first layers whose output for an image is the same at every step.

    That is: none of their parameters learns, nothing in them is random, none of their batch norms updates or uses
    statistics of a batch. A backbone that learns from a layer on is split there. None where the first parameters learn,
    so that nothing is worth storing. image: returns any prepared image, float (1, C, H, W). Sets the network to
    training mode, and leaves it in that mode.
    """
    network.train()
    layers = [*network.features, *network.head]
    frozen: list[nn.Module] = []
    for place, layer in enumerate(layers):
        if _is_frozen(layer):
            frozen.append(layer)
            continue
        rest = layers[place:]
        if isinstance(layer, Backbone) and (halves := _split_graph(layer.graph, nn.Sequential(*frozen)(image()))):
            frozen.append(halves[0])
            rest = [halves[1], *layers[place + 1 :]]
        break
    else:
        rest = []
    if not any(True for layer in frozen for _ in layer.parameters()):
        return None
    return FrozenSplit(nn.Sequential(*frozen), Head(network, rest))


def _is_frozen(module: nn.Module) -> bool:
    if isinstance(module, Neighbours) or any(parameter.requires_grad for parameter in module.parameters()):
        return False
    return not any(each.training and (_drops(each) or isinstance(each, _BatchNorm)) for each in module.modules())


def _drops(module: nn.Module) -> bool:
    """Return whether `module` is random, at a rate above 0."""
    return is_random(module) and getattr(module, "rate", 1.0) != 0.0


@torch.no_grad()
def _split_graph(module: fx.GraphModule, x: Tensor) -> tuple[fx.GraphModule, fx.GraphModule] | None:
    """Split a graph behind the last node up to which it is frozen, and where a single tensor is passed on.

    x: an input of the graph. The first half is run with it, since a node does not say whether it gives one tensor.
    """
    given = _given(module.graph)
    images, *nodes = (node for node in module.graph.nodes if node not in given and node.op != "output")
    places: list[fx.Node] = []
    for place, node in enumerate(nodes):
        if not _is_frozen_node(module, node):
            break
        if _alone(node, [images, *nodes[: place + 1]]):
            places.append(node)
    for where in reversed(places):
        half = _first_half(module, where)
        if isinstance(half(x), Tensor):
            return half, _second_half(module, where)
    return None


def _given(graph: fx.Graph) -> set[fx.Node]:
    """Return the nodes that are not computed: parameters, and arguments behind the images, which have defaults."""
    _, *defaults = (node for node in graph.nodes if node.op == "placeholder")
    return {*defaults, *(node for node in graph.nodes if node.op == "get_attr")}


def _is_frozen_node(module: fx.GraphModule, node: fx.Node) -> bool:
    read = [each for each in node.all_input_nodes if each.op == "get_attr"]
    if any(_attribute(module, str(each.target)).requires_grad for each in read):
        return False
    return node.op != "call_module" or _is_frozen(module.get_submodule(str(node.target)))


def _attribute(module: fx.GraphModule, target: str) -> nn.Parameter:
    *path, name = target.split(".")
    return getattr(module.get_submodule(".".join(path)), name)  # type: ignore[no-any-return]


def _alone(node: fx.Node, up_to: Iterable[fx.Node]) -> bool:
    """Return whether later nodes need only `node` of all that is computed in `up_to`."""
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
    """Make a module of `graph` with those modules and parameters of `whole` that it uses."""
    half = fx.GraphModule(whole, graph)
    half.graph.eliminate_dead_code()
    half.delete_all_unused_submodules()
    half.recompile()
    return half
