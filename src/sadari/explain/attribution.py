"""Which parts of an image speak for a class? Every method is an entry in one registry."""

from collections.abc import Callable
from dataclasses import dataclass

from sadari.errors import UsageError
from sadari.explain.activations import Maps, Pixels
from sadari.explain.grad_cam import WITHOUT_MAPS, grad_cam, has_map
from sadari.explain.integrated_gradients import integrated_gradients
from sadari.explain.occlusion import occlusion
from sadari.explain.weights import is_linear, weight_image
from sadari.inference.model import TrainedModel
from sadari.models.backbone.spec import backbone_of
from sadari.models.own.spec import own_of
from sadari.registry import Registry

Compute = Callable[[TrainedModel, Pixels, int], Maps]


@dataclass(frozen=True)
class Attribution:
    """One method. compute: (model, uint8 (H, W, C), class) -> float32 (H, W); higher values speak for the class.

    lacks: the reason why the method does not work for a model, as the end of a sentence; "" where it works. signed:
    whether values below 0 speak against the class; otherwise there are none.
    """

    name: str
    summary: str
    lacks: Callable[[TrainedModel], str]
    compute: Compute
    signed: bool = True


ATTRIBUTIONS: Registry[Attribution] = Registry("attribution")


def attribute(name: str, model: TrainedModel, pixels: Pixels, label: int) -> Maps:
    """Return which parts of the image speak for class `label`, by the method called `name`: float32 (H, W).

    pixels: uint8 (H, W, C). The model is left as it was, bit for bit. Raises UsageError for an unknown method or class,
    and for one that this model cannot be explained by.
    """
    method = ATTRIBUTIONS.get(name)
    if not 0 <= label < len(model.classes):
        raise UsageError(f"there is no class number {label}; the model has {len(model.classes)}")
    lacking = method.lacks(model)
    if lacking:
        raise UsageError(f"{name} cannot explain this model: {lacking}")
    return method.compute(model, pixels, label)


def _learns_nothing(model: TrainedModel) -> str:
    return (
        "it looks at no pixel, it always predicts the same class" if model.architecture.classical == "majority" else ""
    )


def _without_maps(model: TrainedModel) -> str:
    layers = model.architecture.layer_list()
    shapes = [row.shape for row in model.architecture.rows()]
    if any(len(shape) == 3 and shape[0] * shape[1] > 1 for shape in shapes):
        return ""
    inside = own_of(layers) is not None or (backbone_of(layers) is not None and len(shapes[0]) == 3)
    return "" if inside and has_map(model) else WITHOUT_MAPS


def _not_linear(model: TrainedModel) -> str:
    return _learns_nothing(model) or ("" if is_linear(model) else "its classes have no weight for each pixel")


for _attribution in (
    Attribution("grad-cam", "where the last feature map finds it", _without_maps, grad_cam, signed=False),
    Attribution("integrated-gradients", "what each pixel adds, against black", _learns_nothing, integrated_gradients),
    Attribution("occlusion", "what is lost where it is covered", _learns_nothing, occlusion),
    Attribution("weights", "which pixels speak for it in any image", _not_linear, weight_image),
):
    ATTRIBUTIONS.add(_attribution.name, _attribution)
