"""What does the server say of its model and samples? The documents of GET /model and GET /samples."""

from base64 import b64encode
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sadari.deploy.origin import origin_of
from sadari.deploy.serve.limits import Limits
from sadari.deploy.serve.schemas import Abstains, Accepts, Input, Layer, Model, Sample
from sadari.errors import SadariError
from sadari.inference.classifier import Classifier
from sadari.inference.evaluate import own_images
from sadari.inference.members import Ensemble, heaviest, mixture
from sadari.inference.model import TrainedModel
from sadari.inference.unknown.stored import Abstention
from sadari.run import RunRecord

MOST_SAMPLES = 20  # (assumed: two rows of thumbnails)


def describe_model(classifier: Classifier, layers: tuple[Layer, ...], grad_cam: bool, limits: Limits) -> Model:
    """Return the document of GET /model.

    An exported folder does not say what the model was trained on: `data` is then None and `scores` is empty.
    """
    height, width, channels = classifier.shape
    origin = origin_of(classifier.path)
    return Model(
        model=origin.model,
        data=origin.data,
        classes=list(classifier.classes),
        input=Input(height=height, width=width, channels=channels, fit=classifier.preprocess.fit),
        params=sum(row.total for model in _models(classifier) for row in model.architecture.rows()),
        scores={split_name: dict(values) for split_name, values in origin.scores.items()},
        caution=" ".join(filter(None, [origin.caution, _whose_layers(RunRecord(classifier.path))])),
        calibration=origin.calibration,
        layers=list(layers),
        abstains=_abstains(classifier.abstention),
        grad_cam=grad_cam,
        accepts=Accepts(
            images=limits.images,
            image_bytes=limits.image_bytes,
            body_bytes=limits.body_bytes,
            pixels=limits.pixels,
        ),
    )


def _abstains(abstention: Abstention | None) -> Abstains | None:
    if abstention is None:
        return None
    return Abstains(
        score=abstention.score.name,
        threshold=abstention.threshold,
        kept=abstention.kept,
        images=abstention.images,
    )


def _models(classifier: Classifier) -> list[TrainedModel]:
    return [model for model, _ in classifier.members] or [classifier.model]


def _whose_layers(run: RunRecord) -> str:
    """Say of an ensemble what it averages, and whose layers and maps are shown; "" of a single model."""
    if not run.is_ensemble:
        return ""
    weights = Ensemble.read(run).weights
    return f"An average of {mixture(weights)}; layers and maps are those of {next(iter(weights))}."


def draw_samples(folder: Path) -> list[Sample]:
    """Return up to MOST_SAMPLES images of the split that the run in `folder` was judged on, all classes in turn.

    They are what the network reads, as lossless PNG, so that the server's answer is the one in predictions.csv. Empty
    where `folder` is no finished run, or where its data are not on this machine.
    """
    run = RunRecord(folder)
    if not RunRecord.is_run(folder) or not run.finished:
        return []
    try:
        run = heaviest(run).run if run.is_ensemble else run
        images = own_images(run)
        positions = run.split_of(images).positions(run.summary["judged_on"])
    except (SadariError, OSError):
        return []
    chosen = _classes_in_turn(images.labels[positions], MOST_SAMPLES)
    return [
        Sample(
            id=str(images.ids[position]),
            label=images.classes[images.labels[position]],
            image=_png(np.asarray(images.images[int(position)])),
        )
        for position in positions[chosen]
    ]


def _classes_in_turn(labels: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Return positions of up to `most` labels: the first of each class, then the second of each, and so on."""
    rank = np.zeros(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        positions = np.flatnonzero(labels == label)
        rank[positions] = np.arange(len(positions))
    return np.lexsort((labels, rank))[:most]


def _png(pixels: NDArray[np.uint8]) -> str:
    """Encode uint8 (H, W, C) as PNG in base64."""
    picture = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    file = BytesIO()
    picture.save(file, format="PNG")
    return b64encode(file.getvalue()).decode("ascii")
