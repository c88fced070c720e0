"""What must a user know who gets a model without its run? The model card, README.md in the hub's layout."""

import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sadari.deploy.alone import table
from sadari.deploy.onnx_graph import preprocess_sentence
from sadari.deploy.timm_model import TimmModel, lines_with_timm
from sadari.evaluation.probabilities.temperature import as_sentence
from sadari.evaluation.statistics import interval
from sadari.evaluation.unknown.threshold import KEPT, least_images
from sadari.inference.model import TrainedModel
from sadari.inference.unknown.find import stored_known
from sadari.models.backbone.spec import backbone_of
from sadari.models.own.reference import naming_option
from sadari.models.own.spec import own_of
from sadari.run import RunRecord

UNKNOWN = "unknown"
NEEDS_SADARI = (
    "These weights need Sadari: timm, transformers and others have no network of these layers. `sadari export` of the "
    "run to ONNX makes a file that does not need it."
)
NEEDS_CODE = (
    "The network is made by code that is not in this folder, {} (digest of its source: {}): these weights need Sadari "
    "and that code. `sadari export` of the run to ONNX makes a file that needs neither."
)
DIGITS = 12  # of a digest (assumed: enough to distinguish the models of one place)
JUDGED = {  # what the scores are worth, by the images that gave them
    "test": "On {count:,} test images, none of which it was trained on or chosen by",
    "val": "On {count:,} validation images, none of which it was trained on{chosen}. It has not been tested on others",
    "train": "On the {count:,} images that it was trained on: it has not been tested",
}
FEW = 100  # images of a class below which the card warns (assumed: a 95 % interval of 20 points at 50 %)


def model_card(run: RunRecord, model: TrainedModel, timm: TimmModel | None = None) -> str:
    """Return README.md in Markdown, with front matter in the hub's terms. Every figure is read from the run.

    timm: how timm makes the model; None where it cannot.
    """
    summary, environment = run.summary, run.environment
    licence, own = licence_of(environment), own_of(model.architecture.layer_list())
    needs = NEEDS_CODE.format(_text(own.reference), own.digest) if own else NEEDS_SADARI
    lines = [
        *_front_matter(licence, timm is not None),
        f"# {_text(model_name(summary))} on {_text(environment['data']['name'])}",
        "",
        f"An image classifier of {len(model.classes):,} classes, trained with Sadari {version('sadari')}. "
        f"{summary['params']['total']:,} parameters.",
        "",
        "## Data",
        "",
        *_data(summary, environment),
        "",
        "## Scores",
        "",
        *_scores(run, summary),
        "",
        "## Classes",
        "",
        ", ".join(_text(name) for name in model.classes),
        "",
        "## What it reads",
        "",
        f"Images made {preprocess_sentence(model.preprocess)}; then `pixels * scale + shift` of preprocess.json.",
        "",
        *table(alone=timm is not None),
        "",
        "## Limits",
        "",
        *_limits(run, model, environment),
        "",
        "## Licence",
        "",
        *_licence(licence, model, environment.get("teacher") or {}),
        "",
        "## Use",
        "",
        f"    sadari predict FOLDER photo.jpg{naming_option(own.reference) if own else ''}",
        "",
        *(lines_with_timm(timm, len(model.classes), model.temperature) if timm else [needs]),
        "",
    ]
    return "\n".join(lines)


def model_name(summary: dict[str, Any]) -> str:
    """Return the name of the model; of one in a file, without its folders."""
    name = str(summary["model"])
    return Path(name).stem if name.endswith(".toml") else name


def licence_of(environment: dict[str, Any]) -> str:
    """Return the licence of the weights that the run started from; "unknown" where none is stated."""
    pretrained = environment.get("pretrained") or {}
    return str(pretrained.get("license") or UNKNOWN)


def _front_matter(licence: str, of_timm: bool) -> list[str]:
    return [
        "---",
        f"license: {json.dumps(licence)}",
        f"library_name: {'timm' if of_timm else 'sadari'}",
        "pipeline_tag: image-classification",
        "tags:",
        *(["- timm"] if of_timm else []),
        "- image-classification",
        "---",
        "",
    ]


def _data(summary: dict[str, Any], environment: dict[str, Any]) -> list[str]:
    counts = ", ".join(f"{count:,} {split_name}" for split_name, count in summary["images"].items() if count)
    lines = [f"{_text(environment['data']['name'])}: {counts}. {_text(summary['split'])}."]
    about_teacher = (environment.get("teacher") or {}).get("note", "")
    notes = [*environment["data"]["notes"], *([about_teacher] if about_teacher else [])]
    return [*lines, *(f"- {_text(note)}" for note in notes)]


def _chosen_by_val(run: RunRecord, summary: dict[str, Any]) -> str:
    """Say what of the model the validation images chose; "" where that is nothing."""
    of_epochs = summary["best_epoch"] and summary["epochs"] > 1 and run.job.settings.restore_best
    chosen = "the weights that it averages" if run.is_average else "its best epoch" if of_epochs else ""
    return f", but they chose {chosen}, so that these figures flatter" if chosen else ""


def _scores(run: RunRecord, summary: dict[str, Any]) -> list[str]:
    judged = run.predictions
    found = interval((judged.predicted == judged.labels)[None, :], groups=run.groups_on(summary["judged_on"]))
    scores = summary["scores"][summary["judged_on"]]
    others = [(name, value) for name, value in scores.items() if name != "accuracy"]
    on_train = summary["judged_on"] == "train"
    judges = str(run.judged_by.get("sentence", ""))
    return [
        JUDGED[summary["judged_on"]].format(count=len(judged), chosen=_chosen_by_val(run, summary)),
        "",
        *([f"It is {_text(judges)}.", ""] if judges else []),
        *(["| score | value |", "|---|---|"] if on_train else ["| score | value | 95 % interval |", "|---|---|---|"]),
        f"| accuracy | {found.mean:.4f} |{'' if on_train else f' {found.low:.4f} to {found.high:.4f} |'}",
        *(f"| {name} | {value:.4f} |{'' if on_train else ' |'}" for name, value in others),
        "",
        "There is no interval: figures on training images say nothing about others."
        if on_train
        else "The interval is that of this one network on other images of the same kind; other seeds are not in it.",
    ]


def _limits(run: RunRecord, model: TrainedModel, environment: dict[str, Any]) -> list[str]:
    judged = run.predictions
    counts = [(name, int((judged.labels == index).sum())) for index, name in enumerate(judged.classes)]
    few = [f"{_text(name)} ({count})" for name, count in counts if count < FEW]
    lines = [
        _about_unknown(run),
        f"- It was judged on images of {_text(environment['data']['name'])} only; photographs made otherwise may be "
        "harder.",
        f"- {_text(as_sentence(run.calibration))} The calibration error above says how far a probability can be "
        "trusted.",
    ]
    if few:
        lines.append(f"- These classes were judged on fewer than {FEW} images each: {', '.join(few)}.")
    if any(name.endswith("vectors") for name, _ in model.network.named_buffers()):
        lines.append("- It contains a vector of features of every training image.")
    return lines


def _about_unknown(run: RunRecord) -> str:
    """Say what it answers for an image of none of its classes."""
    known = stored_known(run)
    if known is None or known.images < least_images(KEPT):
        return "- It names one of its classes for any image, also for one that shows none of them."
    return (
        "- It names the nearest class for any image; `sadari predict --abstain` and known.safetensors say which images "
        f"show none of them. {known.abstention().sentence}. How many other images pass is to be tried with such images."
    )


def _licence(licence: str, model: TrainedModel, teacher: Mapping[str, Any]) -> list[str]:
    backbone, pretrained = backbone_of(model.architecture.layer_list()), model.architecture.pretrained
    if backbone is None or pretrained is None or pretrained.random:
        alone = "" if teacher else " alone"
        found = f"The weights were learnt from the data above{alone}; their owner decides. Stated: unknown."
    else:
        how = "Uses, as they are," if backbone.train == "head" else "Trained further from"
        found = f"{how} weights of {_text(pretrained.name)}, whose licence is: {_text(licence)}."
    if not teacher:
        return [found]
    whose = f"{_text(teacher['name'])} (SHA-256 {teacher['sha256'][:DIGITS]})"
    return [found, f"It learned also from the answers of the model {whose}."]


def _text(value: Any) -> str:
    """Return the text of `value`, which comes from outside, as one line of Markdown with all its marks escaped."""
    line = " ".join(str(value).split())
    return "".join(f"\\{letter}" if letter in "\\`*_[]<>#|" else letter for letter in line)
