"""How is a network of timm cut at a layer? Its forward pass is traced as a torch.fx graph, which then ends there.

The graph has the network's own names of modules and parameters. Every node that is an operation has the name of its
layer in `node.meta["layer"]`, numbered as in torchvision's feature extraction: a second call of one module has "_1"
behind its name.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from torch import fx, nn
from torch.fx.proxy import TraceError
from torch.nn.modules.batchnorm import _BatchNorm

from sadari.errors import UsageError
from sadari.registry import unknown_name

END = "end"  # the cut at the end of the features, which timm's heads read
Ending = Callable[[fx.Graph, fx.Node], fx.Node]


def cut_network(network: nn.Module, name: str, cut: str) -> fx.GraphModule:
    """Return the layers of `network` (called `name`) up to the layer `cut`, as a graph on the same modules.

    It is traced in evaluation: auxiliary outputs and dropout inside functions are left out. Raises UsageError for an
    unknown layer, and for a network whose forward pass depends on its values.
    """
    tracer = _Tracer(END if cut == END else "forward")
    try:
        graph = tracer.trace(network.eval())
    except (TraceError, TypeError, RuntimeError) as error:
        raise UsageError(
            f"{name} cannot be used: its forward pass cannot be written down as a graph ({_first_line(error)}); "
            "choose another backbone"
        ) from None
    if cut != END:
        _end_behind(graph, _last_of(graph, network, name, cut))
    module = fx.GraphModule(network, graph, class_name="Graph")
    module.graph.eliminate_dead_code()
    module.delete_all_unused_submodules()
    module.recompile()
    return module


class _Tracer(fx.Tracer):
    """A tracer that names every node by its layer.

    A module that behaves differently in training stays one node, so that its mode can be set. So do the modules and
    functions that timm marks as not traceable.
    """

    def __init__(self, until: str) -> None:
        from timm import layers

        of_timm: Any = layers
        super().__init__(autowrap_functions=tuple(of_timm.get_notrace_functions()))
        self.traced_func_name = "forward_features" if until == END else "forward"
        self._whole = tuple(of_timm.get_notrace_modules())
        self._inside = ""
        self._calls: Counter[str] = Counter()

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        whole = isinstance(m, (_BatchNorm, *self._whole)) or is_random(m)
        return whole or super().is_leaf_module(m, module_qualified_name)

    def call_module(self, m: nn.Module, forward: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        outer, self._inside = self._inside, self.path_of_module(m)
        try:
            if not self.is_leaf_module(m, self._inside):
                return forward(*args, **kwargs)
            return self.create_proxy("call_module", self._inside, args, kwargs)
        finally:
            self._inside = outer

    def create_proxy(self, kind: str, target: Any, *rest: Any, **named: Any) -> fx.Proxy:
        proxy = super().create_proxy(kind, target, *rest, **named)
        name = self._inside
        if kind != "call_module":
            name = ".".join(filter(None, (name, re.sub(r"_[0-9]+$", "", proxy.node.name))))
        before = self._calls[name]
        self._calls[name] += 1
        proxy.node.meta["layer"] = f"{name}_{before}" if before else name
        return proxy


def is_random(module: nn.Module) -> bool:
    """Return whether `module` drops values at random: dropout, stochastic depth, DropBlock and similar ones."""
    return "drop" in type(module).__name__.lower() and not any(True for _ in module.parameters())


def layer_names(graph: fx.Graph) -> tuple[str, ...]:
    """Return all layers of `graph` in order, each module before its parts: blocks, blocks.0, blocks.0.conv ..."""
    names: dict[str, None] = {}
    for node in _layer_nodes(graph):
        parts = node.meta["layer"].split(".")
        names.update(dict.fromkeys(".".join(parts[: end + 1]) for end in range(len(parts))))
    return tuple(names)


def trainable_names(module: fx.GraphModule, name: str, train: str) -> frozenset[str]:
    """Return the parameters of `module` that learn by `train`.

    That is all, head (none), last:SHARE (of the layers with parameters), from:LAYER, or LAYER;LAYER. Raises UsageError
    for a layer that the graph does not have, or that has no parameters, and for a share that is none.
    """
    owners = _owners(module)
    if train in ("all", "head"):
        return frozenset(owners if train == "all" else ())
    if train.startswith("last:"):
        return _last_share(owners, module.graph, train.removeprefix("last:"))
    if train.startswith("from:"):
        first = next(_nodes_of(module.graph, module, name, train.removeprefix("from:")))
        order = {node: position for position, node in enumerate(module.graph.nodes)}
        return frozenset(each for each, owner in owners.items() if order[owner] >= order[first])
    chosen: set[str] = set()
    for layer in filter(None, (each.strip() for each in train.replace(",", ";").split(";"))):
        nodes = set(_nodes_of(module.graph, module, name, layer))
        mine = {each for each, owner in owners.items() if owner in nodes}
        if not mine:
            raise UsageError(f"'{layer}' of {name} has no parameters that could learn; choose another layer for train")
        chosen |= mine
    if not chosen:
        raise UsageError(f"train is all, head, last:SHARE, from:LAYER or LAYER;LAYER, not '{train}'")
    return frozenset(chosen)


def _last_share(owners: Mapping[str, fx.Node], graph: fx.Graph, text: str) -> frozenset[str]:
    """Return the parameters of the last layers among `owners`: at least one layer, and `text` of them as a share."""
    try:
        share = float(text)
    except ValueError:
        share = 0.0
    if not 0 < share <= 1:
        raise UsageError(f"train=last:SHARE takes a share above 0 and at most 1, such as last:0.5, not '{text}'")
    nodes = [node for node in graph.nodes if node in set(owners.values())]
    chosen = set(nodes[len(nodes) - max(1, round(share * len(nodes))) :])
    return frozenset(name for name, owner in owners.items() if owner in chosen)


def _owners(module: fx.GraphModule) -> dict[str, fx.Node]:
    """Return the node that first uses each parameter, by the parameter's name."""
    owners: dict[str, fx.Node] = {}
    for node in module.graph.nodes:
        if node.op == "get_attr":
            owners.setdefault(str(node.target), node)
        elif node.op == "call_module":
            inner = module.get_submodule(str(node.target))
            for each, _ in inner.named_parameters():
                owners.setdefault(f"{node.target}.{each}", node)
    return {each: owners[each] for each, _ in module.named_parameters() if each in owners}


def _nodes_of(graph: fx.Graph, network: nn.Module, name: str, layer: str) -> Iterator[fx.Node]:
    """Return the nodes of `layer`, in order; raises UsageError where there are none."""
    wanted = keras_names(network).get(layer, (layer,))
    found = [node for node in _layer_nodes(graph) if any(_is_inside(node.meta["layer"], each) for each in wanted)]
    found += [node for node in graph.nodes if node.op == "get_attr" and node not in found and node.target in wanted]
    if not found:
        raise _unknown_layer(graph, network, name, layer)
    return iter(sorted(found, key=list(graph.nodes).index))


def _last_of(graph: fx.Graph, network: nn.Module, name: str, layer: str) -> fx.Node:
    *_, last = _nodes_of(graph, network, name, layer)
    return last


def _is_inside(layer: str, module: str) -> bool:
    return layer == module or layer.startswith(f"{module}.")


def _layer_nodes(graph: fx.Graph) -> Iterator[fx.Node]:
    return (node for node in graph.nodes if node.op not in ("placeholder", "output") and "layer" in node.meta)


def _unknown_layer(graph: fx.Graph, network: nn.Module, name: str, layer: str) -> UsageError:
    names = [*keras_names(network), *layer_names(graph)]
    error = unknown_name(f"layer of {name}", layer, names)
    if "did you mean" in str(error):
        return error
    return unknown_name(f"layer of {name}", layer, [each for each in names if each.count(".") <= 1])


def _end_behind(graph: fx.Graph, last: fx.Node) -> None:
    """Let `graph` return the output of `last`, and remove all nodes behind it."""
    for node in reversed(list(graph.nodes)):
        if node is last:
            break
        graph.erase_node(node)
    graph.output(last)


def end_with(module: fx.GraphModule, function: Callable[..., Any], *arguments: Any) -> None:
    """Let `module` return `function(what it returned, *arguments)`."""
    (output,) = (node for node in module.graph.nodes if node.op == "output")
    with module.graph.inserting_before(output):
        node = module.graph.call_function(function, (output.args[0], *arguments))
    node.meta["layer"] = END
    output.args = (node,)
    module.recompile()


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def keras_names(network: nn.Module) -> dict[str, tuple[str, ...]]:
    """Return timm's layers by Keras's name, in order; empty for a network that is no VGG.

    As in Keras, a convolution includes its activation (and here its batch normalisation). Works on a cut network too.
    Source: keras/src/applications/vgg16.py.
    """
    features = dict(network.named_children()).get("features")
    layers = dict(features.named_children()) if features is not None else {}
    if not layers or not all(isinstance(each, KINDS) or _is_norm(each) for each in layers.values()):
        return {}
    names: dict[str, list[str]] = {}
    block, conv, current = 1, 0, ""
    for number, layer in layers.items():
        if isinstance(layer, nn.Conv2d):
            conv += 1
            current = f"block{block}_conv{conv}"
        elif isinstance(layer, nn.MaxPool2d):
            current = f"block{block}_pool"
        for name in (f"block{block}", current):
            names.setdefault(name, []).append(f"features.{number}")
        if isinstance(layer, nn.MaxPool2d):
            block, conv = block + 1, 0
    return {name: tuple(parts) for name, parts in names.items()}


KINDS = (nn.Conv2d, nn.ReLU, nn.MaxPool2d)


def _is_norm(layer: nn.Module) -> bool:
    return isinstance(layer, nn.BatchNorm2d)
