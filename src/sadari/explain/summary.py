"""Of which layers does a run's model consist, and how did each shape come about?"""

from dataclasses import dataclass

from sadari.explain.activations import layer_names
from sadari.explain.attribution import ATTRIBUTIONS
from sadari.inference.model import Architecture, TrainedModel
from sadari.models.own.spec import own_of
from sadari.models.parse import Row
from sadari.run import RunRecord


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


@dataclass(frozen=True)
class Summary:
    """What is inside a trained model.

    attributions: the name of each method, and why this model cannot be explained by it, or "".
    """

    model: str
    data: str
    seed: int
    classes: tuple[str, ...]
    layers: Layers
    attributions: tuple[tuple[str, str], ...]


def summarise(run: RunRecord, model: TrainedModel) -> Summary:
    """Return the summary of `model`, which is that of `run`; no images are read."""
    job = run.job
    return Summary(
        model=job.model,
        data=job.data,
        seed=job.seed,
        classes=model.classes,
        layers=Layers.of(model.architecture),
        attributions=tuple((each.name, each.lacks(model)) for each in ATTRIBUTIONS),
    )


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
