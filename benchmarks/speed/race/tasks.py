"""What do all entrants compute? A network and its layers, its images, batch, epochs and optimiser, as one value.

The layers are those of Sadari's models; they go to the peers as a list of plain numbers, each with the shape it gives
and the parameters it must have, so that no network is written a second time.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from sadari.models.catalog import find_model
from sadari.models.layers.specs import Layer
from sadari.models.parse import Row, complete, describe, parse
from sadari.settings import Value, resolve

GREY, COLOUR = "grey", "colour"  # 28x28x1 and 32x32x3; race/pictures.py says which sets they are
Described = dict[str, Any]


@dataclass(frozen=True)
class Workload:
    """Which pictures a network learns, how many of them, the batch, how often, and how many images judge it.

    scaling: "" where the model's own is taken.
    """

    pictures: str
    images: int
    batch: int
    epochs: int = 3  # the first one warms up and is not timed
    scaling: str = ""
    judged: int = 5_000  # assumed: enough to see a point of accuracy, few enough to take less time than learning


# Batches and scalings are those of the articles. Images: whole batches, and some seconds for an epoch of every entrant
# (assumed); the networks with few of them take a second for a hundred or two.
NETWORKS: Mapping[str, Workload] = {
    "mlp": Workload(GREY, 51_200, 256),
    "cnn": Workload(GREY, 10_240, 256),
    "lstm": Workload(GREY, 20_480, 256),
    "cnn-lstm": Workload(GREY, 5_120, 256),
    "cnn2": Workload(GREY, 2_560, 256, judged=2_000),
    "cnn2-lstm": Workload(GREY, 2_560, 256, judged=2_000),
    "a2-cnn": Workload(GREY, 10_240, 32),
    "a3-cnn": Workload(COLOUR, 2_560, 512, scaling="channel", judged=2_000),
    "a4-first": Workload(GREY, 10_240, 32),
    "a4-cnn": Workload(GREY, 10_240, 32),
    "a4-dnn": Workload(GREY, 20_480, 32),
}
# A2's calls. It makes 300 passes of SGD; the cost of one is always the same, so ten are enough to know it.
CLASSICAL: Mapping[str, Workload] = {
    "logistic": Workload(GREY, 60_000, 60_000, 1, "none", judged=10_000),
    "sgd": Workload(GREY, 60_000, 60_000, 10, "pixel", judged=10_000),
}
# The quick form: to see that everything works, within a minute.
QUICK: Mapping[str, Workload] = {
    "mlp": Workload(GREY, 10_240, 256, judged=1_000),
    "cnn": Workload(GREY, 2_560, 256, judged=1_000),
}


@dataclass(frozen=True)
class Pictures:
    """The images that are here. data: the set's name. images, judged: of its train and test split. shape: (H, W, C)."""

    data: str
    images: int
    judged: int
    shape: tuple[int, int, int]
    classes: int


@dataclass(frozen=True)
class Task:
    """What is the same for all entrants and all rounds; `layers` as `layers_of` describes them."""

    model: str
    pictures: Pictures
    batch: int
    epochs: int
    scaling: str
    optimizer: str
    learning_rate: float
    epsilon: float
    layers: tuple[Described, ...]

    @property
    def params(self) -> int:
        return sum(layer["total"] for layer in self.layers)

    @property
    def classical(self) -> bool:
        """Return whether it is fitted as a whole instead of step by step."""
        return self.model in CLASSICAL

    @property
    def key(self) -> dict[str, Value]:
        """Return what figures must share to be compared, as the record stores it."""
        return {
            "model": self.model,
            "data": self.pictures.data,
            "images": self.pictures.images,
            "judged": self.pictures.judged,
            "params": self.params,
            "batch": self.batch,
            "epochs": self.epochs,
            "scaling": self.scaling,
            "optimizer": self.optimizer,
            "learning_rate": self.learning_rate,
        }

    def document(self, file: str, seed: int, precision: str) -> dict[str, Any]:
        """Return the task as peers/training_task.py reads it."""
        return {
            **self.key,
            "shape": self.pictures.shape,
            "classes": self.pictures.classes,
            "epsilon": self.epsilon,
            "layers": self.layers,
            "file": file,
            "seed": seed,
            "precision": precision,
        }


def make_task(model: str, workload: Workload, pictures: Pictures) -> Task:
    """Return the task of `model`; where fewer `pictures` are there than the workload says, all of them are taken.

    Raises UsageError for an unknown model, or one whose layers do not fit the pictures.
    """
    from sadari.training.optim.build import EPSILON, peak_learning_rate  # torch takes a second to load

    spec = find_model(model)
    overrides: dict[str, Value] = {"scaling": workload.scaling} if workload.scaling else {}
    settings, _ = resolve(spec.settings, spec.variables, overrides)
    return Task(
        model=model,
        pictures=replace(
            pictures, images=min(workload.images, pictures.images), judged=min(workload.judged, pictures.judged)
        ),
        batch=workload.batch,
        epochs=workload.epochs,
        scaling=settings.scaling,
        optimizer=settings.optimizer,
        learning_rate=peak_learning_rate(settings),
        epsilon=EPSILON,
        layers=layers_of(model, pictures.shape, pictures.classes),
    )


def layers_of(model: str, shape: tuple[int, int, int], classes: int) -> tuple[Described, ...]:
    """Return the layers of `model`, the class layer included: kind, numbers, shape behind it, and parameters."""
    spec = find_model(model)
    layers = parse(spec.layers, spec.variables)
    rows = describe(layers, shape, classes)
    return tuple(_described(layer, row) for layer, row in zip(complete(layers, classes), rows, strict=True))


def _described(layer: Layer, row: Row) -> Described:
    numbers = {name: value for name, value in asdict(layer).items() if name != "text"}
    return {"kind": layer.kind, **numbers, "shape": row.shape, "total": row.total, "trainable": row.trainable}
