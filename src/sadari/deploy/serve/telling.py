"""GET /model, /samples, /healthz and /metrics: what runs here, and how is it doing?"""

from base64 import b64encode
from collections.abc import Callable
from functools import cache
from io import BytesIO
from pathlib import Path
from threading import Lock

import numpy as np
from fastapi import APIRouter, Response
from numpy.typing import NDArray
from PIL import Image

from sadari.deploy.serve.limits import Limits
from sadari.deploy.serve.metrics import MEDIA_TYPE, Metrics
from sadari.deploy.serve.schemas import Accepts, Health, Input, Layer, Model, Sample, Samples
from sadari.errors import SadariError
from sadari.inference.classifier import Classifier
from sadari.inference.evaluate import own_images
from sadari.run import RunRecord


def tell_routes(model: Model, draw: Callable[[], list[Sample]], metrics: Metrics) -> APIRouter:
    """The paths that take no image. draw: makes the samples; called once, when somebody first asks."""
    router, lock = APIRouter(), Lock()

    @cache
    def drawn() -> Samples:
        return Samples(samples=draw())

    @router.get("/model")
    async def tell_model() -> Model:
        """Tell which model answers here: its classes, input, layers and scores, and what a request may bring."""
        return model

    @router.get("/samples")
    def samples() -> Samples:  # in a thread: loading a set may take a while
        """Give a few images that judged the run; none where its data are not on this machine."""
        with lock:
            return drawn()

    @router.get("/healthz")
    async def healthz() -> Health:
        """Say that the server answers."""
        return Health(status="ok")

    @router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
    def tell_metrics() -> Response:
        """Tell counts and times in Prometheus's text format."""
        return Response(metrics.text(), media_type=MEDIA_TYPE)

    return router


def describe_model(classifier: Classifier, layers: tuple[Layer, ...], grad_cam: bool, limits: Limits) -> Model:
    """The document of GET /model. An exported folder does not tell what it was trained on, and has no scores."""
    run = RunRecord(classifier.path)
    known = (run.path / "settings.toml").is_file()
    height, width, channels = classifier.shape
    scores = run.summary["scores"] if known and run.finished else {}
    return Model(
        model=Path(run.job.model).stem if known else classifier.path.name,
        data=run.job.data if known else None,
        classes=list(classifier.classes),
        input=Input(height=height, width=width, channels=channels, fit=classifier.preprocess.fit),
        params=sum(row.total for row in classifier.model.architecture.rows()),
        scores={split_name: values for split_name, values in scores.items() if values},
        layers=list(layers),
        grad_cam=grad_cam,
        accepts=Accepts(
            images=limits.images,
            image_bytes=limits.image_bytes,
            body_bytes=limits.body_bytes,
            pixels=limits.pixels,
        ),
    )


MOST = 20  # (assumed: two rows of thumbnails)


def draw_samples(folder: Path) -> list[Sample]:
    """Up to MOST images of the part that judged the run in `folder`, all classes in turn; none where there are none.

    What the model sees of them is sent, as PNG without loss, so that it says of them what it said when it was judged.
    """
    run = RunRecord(folder)
    if not (folder / "settings.toml").is_file() or not run.finished:
        return []
    try:
        images = own_images(run)
        positions = run.split.positions(run.summary["judged_on"])
    except (SadariError, OSError):
        return []
    chosen = _in_turn(images.labels[positions], MOST)
    return [
        Sample(
            id=str(images.ids[place]),
            label=images.classes[images.labels[place]],
            image=_png(np.asarray(images.images[int(place)])),
        )
        for place in positions[chosen]
    ]


def _in_turn(labels: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Places of up to `most` of the labels: the first of each class, then the second of each, and so on."""
    rank = np.zeros(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        places = np.flatnonzero(labels == label)
        rank[places] = np.arange(len(places))
    return np.lexsort((labels, rank))[:most]


def _png(pixels: NDArray[np.uint8]) -> str:
    picture = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    file = BytesIO()
    picture.save(file, format="PNG")
    return b64encode(file.getvalue()).decode("ascii")
