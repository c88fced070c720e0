"""How is a model exported as a folder? In the layout of the Hugging Face hub, without anything that is executed."""

import json
from pathlib import Path
from typing import Any

from safetensors.torch import load, save

from sadari.deploy.card import licence_of, model_card, model_name
from sadari.deploy.folder import write_folder
from sadari.deploy.timm_model import TimmModel, timm_model
from sadari.files import write_bytes, write_json, write_text
from sadari.inference.model import CLASSIFIER, TrainedModel
from sadari.run import CALIBRATION, KNOWN, MODEL, PREPROCESS, VALIDATED, RunRecord

CONFIG, CARD = "config.json", "README.md"  # as the hub calls them


def write_hub_folder(run: RunRecord, model: TrainedModel, out: Path) -> None:
    """Write model.safetensors, preprocess.json, config.json and README.md as the folder `out`, whole or not at all.

    Also calibration.json, validated.npz and known.safetensors, where the run has them. `Classifier.open` reads neither
    config.json nor README.md, which are for people and for the hub. Where timm has the network, it opens the folder
    too, and README.md has the lines that do so. Raises UsageError where `out` exists and is not an empty folder,
    SadariError where it cannot be written.
    """
    write_folder(out, lambda folder: _fill(run, model, folder))


def _fill(run: RunRecord, model: TrainedModel, folder: Path) -> None:
    timm = timm_model(model)
    content = (run.path / MODEL).read_bytes()
    content = _for_timm(content, model, timm) if timm else _portable(content, model)
    write_bytes(folder / MODEL, content)
    write_json(folder / PREPROCESS, model.preprocess.to_json())
    if run.calibration:
        write_json(folder / CALIBRATION, run.calibration)
    for name in (VALIDATED, KNOWN):
        if (run.path / name).is_file():
            write_bytes(folder / name, (run.path / name).read_bytes())
    write_json(
        folder / CONFIG, {**_config(run, model), **({"library_name": "timm", **timm.configuration} if timm else {})}
    )
    write_text(folder / CARD, model_card(run, model, timm))


def _for_timm(content: bytes, model: TrainedModel, timm: TimmModel) -> bytes:
    """Return the safetensors file `content` with timm's names of the tensors, which `TrainedModel.load` knows too."""
    tensors = {timm.names[name]: tensor for name, tensor in load(content).items()}
    return save(tensors, {**_metadata(model), CLASSIFIER: timm.classifier})


def _metadata(model: TrainedModel) -> dict[str, str]:
    """Return what the file says besides its tensors: its temperature is there for people, beside calibration.json."""
    scaled = {} if model.temperature == 1.0 else {"temperature": f"{model.temperature:g}"}
    return {"architecture": model.architecture.without_paths().to_json(), **scaled}


def _portable(content: bytes, model: TrainedModel) -> bytes:
    """Return the safetensors file `content` with the metadata of an export: without paths, with the temperature.

    It is the same file where that changes nothing.
    """
    if model.architecture.without_paths() == model.architecture and model.temperature == 1.0:
        return content
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    header["__metadata__"].update(_metadata(model))
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the tensors behind it stay aligned
    return len(text).to_bytes(8, "little") + text + content[8 + length :]


def _config(run: RunRecord, model: TrainedModel) -> dict[str, Any]:
    """Return what programs of the hub read: which model it is, and the names of its outputs."""
    summary, environment = run.summary, run.environment
    preprocess = model.preprocess
    architecture = json.loads(model.architecture.without_paths().to_json())
    return {
        "library_name": "sadari",
        "architecture": model_name(summary),
        "model": model_name(summary),
        "layers": architecture["layers"].strip(),
        "variables": architecture["variables"],
        "pretrained": architecture.get("pretrained"),
        "num_classes": len(model.classes),
        "label_names": list(model.classes),
        "id2label": {str(index): name for index, name in enumerate(model.classes)},
        "label2id": {name: index for index, name in enumerate(model.classes)},
        "input_size": [preprocess.channels, preprocess.height, preprocess.width],
        "temperature": model.temperature,
        "license": licence_of(environment),
    }
