"""Which layers has the network of a run, and how are they called? Told from its architecture, without torch."""

from collections import Counter
from dataclasses import dataclass

from sadari.inference.architecture import Architecture
from sadari.models.own.spec import own_of
from sadari.models.parse import Row, complete
from sadari.run import RunRecord


def layer_names(architecture: Architecture) -> tuple[str, ...]:
    """Return the names of the layers: kind and number, as in conv1, maxpool1, conv2 ...; the last gives the logits."""
    layers = complete(architecture.layer_list(), len(architecture.classes))
    seen: Counter[str] = Counter()
    names = []
    for layer in layers:
        seen[layer.kind] += 1
        names.append(f"{layer.kind}{seen[layer.kind]}")
    return tuple(names)


@dataclass(frozen=True)
class Layers:
    """The layers of a network. shape: (H, W, C) of its images. names: one per row, as `--layer` takes them."""

    shape: tuple[int, int, int]
    rows: tuple[Row, ...]
    names: tuple[str, ...]

    @classmethod
    def of(cls, architecture: Architecture) -> "Layers":
        """Return the layers of a network of this architecture, the class layer at the end."""
        return cls(architecture.shape, architecture.rows(), layer_names(architecture))


def layers_of(run: RunRecord) -> Layers:
    """Return the layers of the model of `run`, a finished one; its weights are not read, and no code of the user runs.

    Raises SadariError where there is no model, or a damaged one.
    """
    architecture = Architecture.of_run(run)
    own = own_of(architecture.layer_list())
    if own is None:
        return Layers.of(architecture)
    params, shape = run.summary["params"], (len(architecture.classes),)
    row = Row(1, own.text, shape, params["total"], params["trainable"], own.how(architecture.shape))
    return Layers(architecture.shape, (row,), layer_names(architecture))
