"""Which models does timm open from their exported folder? Those that are one of its networks with a class layer."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import nn

from sadari.deploy.alone import source
from sadari.errors import UsageError
from sadari.inference.model import TrainedModel, timm_names
from sadari.models.backbone.module import arguments_for, create
from sadari.models.backbone.pretrained import Pretrained
from sadari.models.backbone.spec import Backbone
from sadari.models.layers.specs import GlobalAvgPool

TRIED = 4  # images of noise on which the two must agree (assumed: other layers differ on any image)
AGREES = 1e-4  # largest difference of logits, as a share of the largest one (assumed: another order of adding)
CROPS = {"crop": "center", "pad": "border", "squash": "squash"}  # as timm calls them


@dataclass(frozen=True, eq=False)
class TimmModel:
    """How timm makes a trained model.

    name, arguments: of `timm.create_model`. classifier: timm's name of the class layer. names: timm's name of each
    tensor, by our own. configuration: what timm's config.json says, with which it opens the folder.
    """

    name: str
    arguments: Mapping[str, Any]
    classifier: str
    names: Mapping[str, str]
    configuration: Mapping[str, Any]


def timm_model(model: TrainedModel) -> TimmModel | None:
    """Return how timm makes `model`; None where it cannot: other layers, another head, or scaling by single pixels.

    timm's network is made and loaded, and must give the same logits.
    """
    layers, found = model.architecture.layer_list(), model.architecture.pretrained
    if len(layers) != 2 or found is None or model.preprocess.scale.size not in (1, 3):
        return None
    backbone, pool = layers
    if not isinstance(backbone, Backbone) or backbone.cut != "end" or type(pool) is not GlobalAvgPool:
        return None
    size, classes = (model.preprocess.height, model.preprocess.width), len(model.classes)
    try:
        network: Any = create(_with_classes(found, classes), size)
    except UsageError:
        return None
    head = network.get_classifier() if hasattr(network, "get_classifier") else None
    classifier = next((name for name, each in network.named_modules() if each is head), "")
    if not isinstance(head, nn.Linear) or not classifier:
        return None
    names = timm_names(model.network.state_dict(), classifier)
    if not _agree(model, network, names):
        return None
    arguments = arguments_for(found, size)
    return TimmModel(found.name, arguments, classifier, names, _configuration(model, found, arguments, classifier))


def _with_classes(found: Pretrained, classes: int) -> Pretrained:
    return replace(found, arguments={**found.arguments, "num_classes": classes})


def _agree(model: TrainedModel, network: nn.Module, names: Mapping[str, str]) -> bool:
    """Load `network`, of timm, with the tensors of `model`; return whether both give the same logits."""
    ours = {names[name]: tensor for name, tensor in model.network.state_dict().items()}
    theirs = network.state_dict()
    if {name: each.shape for name, each in ours.items()} != {name: each.shape for name, each in theirs.items()}:
        return False
    network.load_state_dict(ours)
    preprocess, device = model.preprocess, next(model.network.parameters()).device
    shape = (TRIED, preprocess.height, preprocess.width, preprocess.channels)
    pixels = preprocess.apply(torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(0)).to(torch.uint8))
    with torch.no_grad():
        wanted = model.network.eval()(pixels.to(device))
        given = network.to(device).eval()(pixels.to(device))
    largest = float(wanted.abs().max())
    return given.shape == wanted.shape and float((given - wanted).abs().max()) <= AGREES * max(1.0, largest)


def _configuration(
    model: TrainedModel, found: Pretrained, arguments: Mapping[str, Any], classifier: str
) -> dict[str, Any]:
    preprocess = model.preprocess
    scale, shift = (
        np.broadcast_to(each.ravel(), 3).astype(np.float64) for each in (preprocess.scale, preprocess.shift)
    )
    return {
        "architecture": found.name,
        "model_args": dict(arguments),
        "pretrained_cfg": {
            "input_size": [preprocess.channels, preprocess.height, preprocess.width],
            "mean": (-shift / scale / 255).tolist(),
            "std": (1 / (255 * scale)).tolist(),
            "interpolation": preprocess.interpolation,
            "crop_pct": 1.0,
            "crop_mode": CROPS[preprocess.fit],
            "num_classes": len(model.classes),
            "classifier": classifier,
        },
    }


def lines_with_timm(made: TimmModel, classes: int, temperature: float) -> list[str]:
    """Return the lines of a model card that use the model without Sadari, in the folder that it is in."""
    arguments = "".join(f", {key}={value!r}" for key, value in made.arguments.items())
    return [
        "timm opens it: `pip install timm pillow`, and in this folder:",
        "",
        "```python",
        "import json",
        source().rstrip(),
        "",
        "",
        "import timm",
        "import torch",
        "",
        'model = timm.create_model("local-dir:.", pretrained=True).eval()  # or',
        f'# timm.create_model("{made.name}", checkpoint_path="model.safetensors", num_classes={classes}{arguments})',
        "",
        'how = json.loads(Path("preprocess.json").read_text(encoding="utf-8"))',
        'form = [how[key] for key in ("height", "width", "channels", "fit", "interpolation")]',
        'pixels = torch.from_numpy(read_image("photo.jpg", *form, how.get("white_level", 0))).permute(0, 3, 1, 2)',
        "with torch.no_grad():",
        '    logits = model(pixels * torch.tensor(how["scale"]) + torch.tensor(how["shift"]))',
        'classes = json.loads(Path("config.json").read_text(encoding="utf-8"))["label_names"]',
        f"probabilities = (logits / {temperature:g}).softmax(1)[0]  # the temperature, of calibration.json"
        if temperature != 1
        else "probabilities = logits.softmax(1)[0]",
        "print(classes[int(probabilities.argmax())], float(probabilities.max()))",
        "```",
        "",
        "timm's own transforms resize otherwise, and give other pixels.",
    ]
