"""`sadari explain`: what is inside a run's model, and what it sees in an image."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sadari.cli.options import AsJson, ModelCode, Run, out_option
from sadari.cli.output.console import print_json, show
from sadari.cli.output.layers import count_params, layer_table, row_document, total_sentence
from sadari.cli.output.progress import TerminalProgress
from sadari.errors import UsageError
from sadari.models.own.reference import naming_option
from sadari.registry import unknown_name

if TYPE_CHECKING:
    from sadari.explain.inputs import NamedImage
    from sadari.explain.layers import Layers
    from sadari.explain.look import ChannelView, Look
    from sadari.inference.model import TrainedModel
    from sadari.run import RunRecord

LONGEST_NAME = 100  # bytes of an image's folder: file systems take 255, Windows 260 for the whole path (assumed)


def explain(
    run: Run,
    images: Annotated[
        list[str] | None,
        typer.Argument(metavar="[IMAGE...]", help="Files, or images of the run's set by their ids."),
    ] = None,
    layer: Annotated[str | None, typer.Option(help="Only this layer's maps; the summary names the layers.")] = None,
    channel: Annotated[
        int | None, typer.Option(min=0, help="With --layer: this channel large, and the images it answers to most.")
    ] = None,
    class_: Annotated[
        str | None, typer.Option("--class", help="The class to explain; the most probable one by default.")
    ] = None,
    method: Annotated[
        str | None, typer.Option(help="grad-cam, integrated-gradients, occlusion, weights; several with commas.")
    ] = None,
    out: Annotated[Path | None, out_option("Folder of the pictures; RUN/explain by default.")] = None,
    model_code: ModelCode = None,
    as_json: AsJson = False,
) -> None:
    """Show the layers of a run's model; for an image, what each of them sees and which pixels speak for its class."""
    if channel is not None and layer is None:
        raise UsageError("--channel needs its layer: add --layer, such as --layer conv1")

    from sadari.explain.inputs import find_images
    from sadari.explain.look import look, view_channel
    from sadari.inference.classifier import Classifier
    from sadari.inference.evaluate import own_images
    from sadari.inference.members import heaviest
    from sadari.models.own.named import let_run
    from sadari.report.plots.fonts import boxes_notice
    from sadari.run import RunRecord
    from sadari.run_lookup import find_run

    let_run(model_code)
    progress = TerminalProgress()
    run = find_run(run, progress)
    record = RunRecord.open(run)
    if record.is_ensemble:
        member = heaviest(record)
        progress.say(
            f"{run} is an ensemble; its member that counts most is explained: {member.arm} ({member.weight:.2f}), "
            f"{member.run.path}"
        )
        run, record = member.run.path, member.run
    if not images and channel is None and (layer or class_ or method):
        raise UsageError(f"--layer, --class and --method are about an image: name one, such as {_an_id(record)}")
    classifier = Classifier.open(run, progress=progress)
    model = classifier.model
    summary = _summary(record, model)
    wanted = _Wanted(layer or "", None if class_ is None else _place(class_, summary.classes), _listed(method))
    inputs = find_images(images or [], classifier.decode, lambda: own_images(record, progress))
    view = None
    if channel is not None:
        own = own_images(record, progress)
        judging = record.split_of(own).positions(record.summary["judged_on"])
        view = view_channel(model, own, judging, wanted.layer, channel)
    folder = out or run / "explain"
    # Everything that may be refused is computed before anything is written.
    looks = [look(model, each, wanted.layer, wanted.label, wanted.methods) for each in inputs]
    pictures = _draw_model(model, view if not inputs else None, folder) if out or view or inputs else []
    places = [folder / name for name in _folder_names(inputs)]
    seen = [_draw(model, *each, view) for each in zip(inputs, looks, places, strict=True)]
    for notice in boxes_notice():
        progress.say(f"note: {notice}")
    if as_json:
        print_json(_document(record.path, summary, pictures, seen))
    elif seen or pictures:
        _show_pictures(seen, pictures, folder)
    else:
        _show_summary(summary, run, _an_id(record))


@dataclass(frozen=True)
class _Summary:
    """What is inside a trained model.

    attributions: the name of each method, and why this model cannot be explained by it, or "".
    """

    model: str
    data: str
    seed: int
    classes: tuple[str, ...]
    layers: "Layers"
    attributions: tuple[tuple[str, str], ...]


def _summary(run: "RunRecord", model: "TrainedModel") -> _Summary:
    """Return the summary of `model`, which is that of `run`; no images are read."""
    from sadari.explain.attribution import ATTRIBUTIONS
    from sadari.explain.layers import Layers

    job, lacking = run.job, tuple((each.name, each.lacks(model)) for each in ATTRIBUTIONS)
    return _Summary(job.model, job.data, job.seed, model.classes, Layers.of(model.architecture), lacking)


@dataclass(frozen=True)
class _Wanted:
    """What the user wants to see of every image."""

    layer: str
    label: int | None
    methods: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Seen:
    """What was found in one image, and the pictures of it."""

    look: "Look"
    pictures: list[Path]


def _listed(text: str | None) -> tuple[str, ...]:
    return tuple(filter(None, (each.strip() for each in (text or "").split(","))))


def _place(name: str, classes: Sequence[str]) -> int:
    if name not in classes:
        raise unknown_name("class", name, list(classes))
    return list(classes).index(name)


def _draw_model(model: "TrainedModel", view: "ChannelView | None", folder: Path) -> list[Path]:
    """Draw what needs no image: the first filters or the weights, and the images that a channel answers to."""
    from sadari.explain.weights import class_weights, first_filters
    from sadari.report.looking import write_channel, write_learnt

    learnt = class_weights(model) or first_filters(model)
    pictures = [write_learnt(learnt, folder)] if learnt else []
    return [*pictures, write_channel(view, folder)] if view else pictures


def _draw(model: "TrainedModel", image: "NamedImage", look: "Look", folder: Path, view: "ChannelView | None") -> _Seen:
    from sadari.explain.look import beside_image
    from sadari.report.looking import write_channel, write_look

    pictures = [*write_look(look, folder)]
    if view is not None:
        pictures.append(write_channel(beside_image(view, model, image), folder))
    return _Seen(look, pictures)


def _folder_names(inputs: "Sequence[NamedImage]") -> list[str]:
    """A name for each image's folder: its own without the suffix, so that none is called like a picture of the model.

    A long name keeps its end, which differs more often than its start; names that are still equal are numbered.
    """
    from sadari.data.image_file import SUFFIXES

    ending = re.compile(rf"(?:[-.]|{'|'.join(map(re.escape, SUFFIXES))})+$", re.IGNORECASE)
    names: list[str] = []
    for each in inputs:
        name = Path(each.name).name if Path(each.name).is_absolute() else each.name
        name = ending.sub("", re.sub(r"[^\w.-]+", "-", name))
        name = name.encode()[-LONGEST_NAME:].decode(errors="ignore").lstrip("-.") or "image"
        number = 1 + sum(other == name or other.startswith(f"{name}~") for other in names)
        names.append(name if number == 1 else f"{name}~{number}")
    return names


def _an_id(record: "RunRecord") -> str:
    """Return the id of an image of the run, quoted for a shell, or "IMAGE" where nothing is predicted yet."""
    if not (record.path / "predictions.csv").is_file():
        return "IMAGE"
    return shlex.quote(str(record.predictions.ids[0]))


def _show_summary(summary: "_Summary", run: Path, an_id: str) -> None:
    layers = summary.layers
    name = Path(summary.model).stem if summary.model.endswith(".toml") else summary.model
    show(
        f"{name} on {summary.data}   seed {summary.seed}   {len(summary.classes)} classes",
        layer_table(layers.shape, layers.rows, layers.names),
        total_sentence(count_params(layers.rows), frozen=layers.names[0].startswith("backbone")),
    )
    show("explained by  " + (" · ".join(name for name, lacking in summary.attributions if not lacking) or "nothing"))
    for name, lacking in summary.attributions:
        if lacking:
            show(f"  not by {name}: {lacking}")
    show(f"next  sadari explain {shlex.quote(str(run))} {an_id}{naming_option(summary.model)}   (or a file)")


def _show_pictures(seen: Sequence[_Seen], pictures: Sequence[Path], folder: Path) -> None:
    for each in seen:
        view = each.look
        answers = ", ".join(f"{name} {share:.3f}" for name, share in view.likeliest())
        truth = f"   (it is: {view.truth})" if view.truth else ""
        show(f"{view.name}   {answers}{truth}")
        methods = ", ".join(view.attributed.maps)
        show(f"  what speaks for {view.attributed.label}: {methods or 'no method fits this model'}")
        show(f"  {len(each.pictures)} pictures in {each.pictures[0].parent}")
    if pictures:
        show(f"of the model  {' · '.join(picture.name for picture in pictures)} in {folder}")


def _document(run: Path, summary: "_Summary", pictures: Sequence[Path], seen: Sequence[_Seen]) -> dict[str, Any]:
    layers = summary.layers
    return {
        "run": str(run),
        "model": summary.model,
        "data": summary.data,
        "seed": summary.seed,
        "input": list(layers.shape),
        "classes": list(summary.classes),
        "layers": [{"name": name, **row_document(row)} for name, row in zip(layers.names, layers.rows, strict=True)],
        "params": count_params(layers.rows),
        "attributions": {name: lacking or None for name, lacking in summary.attributions},
        "pictures": [str(each) for each in pictures],
        "images": [_image_document(each) for each in seen],
    }


def _image_document(seen: _Seen) -> dict[str, Any]:
    view = seen.look
    return {
        "image": view.name,
        "label": view.truth or None,
        "probabilities": {name: float(each) for name, each in zip(view.classes, view.probabilities, strict=True)},
        "explained": view.attributed.label,
        "maps": [{"layer": each.layer, "shape": list(each.maps.shape)} for each in view.maps],
        "pictures": [str(each) for each in seen.pictures],
    }
