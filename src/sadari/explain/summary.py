"""Of which layers does a run's model consist, and how did each shape come about?"""

from dataclasses import dataclass

from sadari.explain.activations import layer_names
from sadari.explain.attribution import ATTRIBUTIONS
from sadari.models.layers import Row
from sadari.run import RunRecord
from sadari.training.trained import TrainedModel


@dataclass(frozen=True)
class Summary:
    """What is inside of a trained model?

    names: one per row, as `--layer` takes them. attributions: the name of each method, and why this model cannot be
    explained by it, or "".
    """

    model: str
    data: str
    seed: int
    shape: tuple[int, int, int]
    classes: tuple[str, ...]
    rows: tuple[Row, ...]
    names: tuple[str, ...]
    attributions: tuple[tuple[str, str], ...]


def summarise(run: RunRecord, model: TrainedModel) -> Summary:
    """The summary of `model`, which is that of `run`; its images are not looked at."""
    job = run.job
    return Summary(
        model=job.model,
        data=job.data,
        seed=job.seed,
        shape=model.architecture.shape,
        classes=model.classes,
        rows=model.architecture.rows(),
        names=layer_names(model),
        attributions=tuple((each.name, each.lacks(model)) for each in ATTRIBUTIONS),
    )
