"""What does the model see in an image that somebody brings? Its maps and its reasons, small enough to send."""

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
from sadari.deploy.serve.schemas import FeatureMaps, Heat, Layer
from sadari.errors import SadariError
from sadari.explain.activations import FeatureMap, Pixels, feature_map, feature_maps, layer_names
from sadari.explain.attribution import ATTRIBUTIONS, attribute
from sadari.inference.model import TrainedModel

GRAD_CAM = "grad-cam"
MOST_CHANNELS = 64  # told of a layer (assumed: more are no picture any more)
MOST_SIDE = 64  # pixels of a channel (assumed: as large as it is drawn on a screen)
MOST_WAITING = 8  # looks inside (assumed: one is for one pair of eyes)

T = TypeVar("T")


class Inside:
    """Looks into `model`, one look at a time, in a thread beside that of the predictions."""

    def __init__(self, model: TrainedModel) -> None:
        self._model = model
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="inside")
        self._room = BoundedSemaphore(MOST_WAITING)
        height, width, channels = model.architecture.shape
        blank = np.zeros((height, width, channels), dtype=np.uint8)
        texts = dict(zip(layer_names(model.architecture), (row.text for row in model.architecture.rows()), strict=True))
        self.layers = tuple(
            Layer(name=name, text=texts.get(name, ""), shape=list(maps.shape))
            for name, maps in feature_maps(model, blank)
        )
        self.lacks_grad_cam = ATTRIBUTIONS.get(GRAD_CAM).lacks(model)

    def maps(self, decode: Callable[[], Pixels], layer: str) -> Future[FeatureMaps]:
        """What does `layer` make of the image? Raises Refused: 422 for a layer that there is not, 503."""
        if layer not in (each.name for each in self.layers):
            known = ", ".join(each.name for each in self.layers)
            raise Refused(422, f"there is no layer '{layer}'; there are: {known}")
        return self._submit(lambda: _maps_document(feature_map(self._model, decode(), layer)))

    def grad_cam(self, decode: Callable[[], Pixels], label: str) -> Future[Heat]:
        """Where in the image does the model find the class `label`?

        Raises Refused: 422 for a class that there is not and for a model that Grad-CAM cannot explain, 503.
        """
        if self.lacks_grad_cam:
            raise Refused(422, f"grad-cam cannot explain this model: {self.lacks_grad_cam}")
        if label not in self._model.classes:
            raise Refused(422, f"there is no class '{label}'; GET /model lists the classes")
        place = self._model.classes.index(label)
        return self._submit(lambda: _heat_document(attribute(GRAD_CAM, self._model, decode(), place), label))

    def close(self) -> None:
        self._thread.shutdown(wait=True)

    def _submit(self, look: Callable[[], T]) -> Future[T]:
        if not self._room.acquire(blocking=False):
            raise overloaded(1)
        future = self._thread.submit(_refusing, look)
        future.add_done_callback(lambda _: self._room.release())
        return future


def _refusing(look: Callable[[], T]) -> T:
    try:
        return look()
    except SadariError as error:  # a network whose maps have one position only, found when it is computed
        raise Refused(422, str(error)) from None


def _heat_document(heat: NDArray[np.float32], label: str) -> Heat:
    small = _shrunk(heat[np.newaxis])[0]
    values, _, _ = _to_bytes(small, low=0.0)
    return Heat(label=label, height=small.shape[0], width=small.shape[1], values=values)


def _maps_document(found: FeatureMap) -> FeatureMaps:
    small = _shrunk(found.maps[:MOST_CHANNELS])
    values, low, high = _to_bytes(small, low=float(small.min()))
    return FeatureMaps(
        layer=found.layer, channels=len(found.maps), shown=len(small), height=small.shape[1], width=small.shape[2],
        low=low, high=high, values=values,
    )  # fmt: skip


def _shrunk(maps: NDArray[np.float32]) -> NDArray[np.float32]:
    """float32 (C, H, W), each side at most MOST_SIDE, unless it is a vector or a sequence, which is read exactly."""
    _, height, width = maps.shape
    if min(height, width) == 1 or max(height, width) <= MOST_SIDE:
        return maps
    factor = MOST_SIDE / max(height, width)
    size = (max(1, round(height * factor)), max(1, round(width * factor)))
    return F.adaptive_avg_pool2d(torch.from_numpy(maps), size).numpy()


def _to_bytes(values: NDArray[np.float32], low: float) -> tuple[str, float, float]:
    """The values as base64 of uint8 from `low` to the highest one, and these two; all 0 where there is nothing."""
    high = float(values.max())
    spread = high - low
    scaled = (values - low) * (255.0 / spread) if spread > 0 else np.zeros_like(values)
    return b64encode(np.rint(scaled).clip(0, 255).astype(np.uint8).tobytes()).decode("ascii"), low, high
