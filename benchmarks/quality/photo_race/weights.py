"""Which weights do all entrants begin with? Those that come with Sadari, in the forms that the peers read."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from sadari.files import write_json, write_whole
from sadari.models.backbone.embedded import NAME, configuration, read_embedded

FEATURES = 1280  # of a photograph
AUTOGLUON = "weights-autogluon"  # a folder beside: it reads a file of torch's, without the class layer


def prepare_weights(folder: Path) -> Path:
    """Return the `folder` of weights, which is filled where it is not whole.

    It holds NAME/config.json and NAME/model.safetensors, the layout of timm's models on the hub; AUTOGLUON beside it
    has the same for AutoGluon. Raises SadariError where the package of the weights is not installed, or has
    another file.
    """
    ours, others = folder / NAME, folder.with_name(AUTOGLUON)
    if not (others / "config.json").is_file():
        tensors = {name: tensor.clone() for name, tensor in read_embedded().items()}
        body = {name: tensor for name, tensor in tensors.items() if not name.startswith("classifier.")}
        config = json.loads(configuration())
        write_whole(ours / "model.safetensors", lambda file: save_file(tensors, file))
        write_json(ours / "config.json", config)
        write_whole(others / "pytorch_model.bin", lambda file: torch.save(body, file))
        write_json(others / "config.json", {**config, "num_features": FEATURES})
    return folder
