"""What does the model see in an image of a request? Feature maps and Grad-CAM, small enough to send."""

from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import BoundedSemaphore
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from sadari.deploy.serve.limits import Refused, overloaded
from sadari.deploy.serve.schemas import FeatureMaps, Heatmap, Layer
from sadari.errors import SadariError
from sadari.explain.activations import FeatureMap, Pixels, feature_map, feature_maps
from sadari.explain.attribution import ATTRIBUTIONS, attribute
from sadari.explain.layers import layer_names
from sadari.inference.model import TrainedModel

GRAD_CAM = "grad-cam"
MOST_CHANNELS = 64  # of a layer that are sent (assumed: more cannot be looked at together)
MOST_SIDE = 64  # pixels of a side of a map (assumed: as large as the page draws it)
MOST_WAITING = 8  # looks under way or waiting (assumed: each is for one person at the page)

T = TypeVar("T")


class Inside:
    """A thread beside that of the predictions, which looks into `model`, one look at a time."""

    def __init__(self, model: TrainedModel) -> None:
        self._model = model
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="inside")
        self._room = BoundedSemaphore(MOST_WAITING)
        height, width, channels = model.architecture.shape
        blank = np.zeros((height, width, channels), dtype=np.uint8)
        rows = model.architecture.without_paths().rows()
        texts = dict(zip(layer_names(model.architecture), (row.text for row in rows), strict=True))
        self.layers = tuple(
            Layer(name=name, text=texts.get(name, ""), shape=list(maps.shape))
            for name, maps in feature_maps(model, blank)
        )
        self.lacks_grad_cam = ATTRIBUTIONS.get(GRAD_CAM).lacks(model)

    def maps(self, decode: Callable[[], Pixels], layer: str) -> Future[FeatureMaps]:
        """Return the future of the feature maps of `layer`.

        Raises Refused: 422 for an unknown layer, 503 where too many looks wait.
        """
        if layer not in (each.name for each in self.layers):
            known = ", ".join(each.name for each in self.layers)
            raise Refused(422, f"there is no layer '{layer}'; there are: {known}")
        return self._submit(lambda: _maps_document(feature_map(self._model, decode(), layer)))

    def grad_cam(self, decode: Callable[[], Pixels], label: str) -> Future[Heatmap]:
        """Return the future of where in the image the model finds the class `label`.

        Raises Refused: 422 for an unknown class and for a model that Grad-CAM cannot explain, 503 where too many looks
        wait.
        """
        if self.lacks_grad_cam:
            raise Refused(422, f"grad-cam cannot explain this model: {self.lacks_grad_cam}")
        if label not in self._model.classes:
            raise Refused(422, f"there is no class '{label}'; GET /model lists the classes")
        target = self._model.classes.index(label)
        return self._submit(lambda: _heatmap_document(attribute(GRAD_CAM, self._model, decode(), target), label))

    def close(self) -> None:
        """Finish the looks that were accepted, then stop the thread."""
        self._thread.shutdown(wait=True)

    def _submit(self, look: Callable[[], T]) -> Future[T]:
        if not self._room.acquire(blocking=False):
            raise overloaded(1)
        future = self._thread.submit(_refusing, look)
        future.add_done_callback(lambda _: self._room.release())
        return future


def _refusing(look: Callable[[], T]) -> T:
    """Run `look`; raise its SadariError as Refused (422)."""
    try:
        return look()
    except SadariError as error:  # such as maps with one position only, which is found only by computing them
        raise Refused(422, str(error)) from None


def _heatmap_document(heat: NDArray[np.float32], label: str) -> Heatmap:
    small = _shrunk(heat[np.newaxis])[0]
    values, _, _ = _to_bytes(small, low=0.0)
    return Heatmap(label=label, height=small.shape[0], width=small.shape[1], values=values)


def _maps_document(found: FeatureMap) -> FeatureMaps:
    small = _shrunk(found.maps[:MOST_CHANNELS])
    values, low, high = _to_bytes(small, low=min(0.0, float(small.min())))
    return FeatureMaps(
        layer=found.layer, channels=len(found.maps), shown=len(small), height=small.shape[1], width=small.shape[2],
        low=low, high=high, values=values,
    )  # fmt: skip


def _shrunk(maps: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return float32 (C, H, W), averaged so that no side exceeds MOST_SIDE; vectors and sequences as they are."""
    _, height, width = maps.shape
    if min(height, width) == 1 or max(height, width) <= MOST_SIDE:
        return maps
    factor = MOST_SIDE / max(height, width)
    size = (max(1, round(height * factor)), max(1, round(width * factor)))
    return F.adaptive_avg_pool2d(torch.from_numpy(maps), size).numpy()


def _to_bytes(values: NDArray[np.float32], low: float) -> tuple[str, float, float]:
    """Return the values as base64 of uint8, and what 0 and 255 stand for: `low` and the highest value, at least 0."""
    high = max(0.0, float(values.max()))
    spread = high - low
    scaled = (values - low) * (255.0 / spread) if spread > 0 else np.zeros_like(values)
    return b64encode(np.rint(scaled).clip(0, 255).astype(np.uint8).tobytes()).decode("ascii"), low, high
