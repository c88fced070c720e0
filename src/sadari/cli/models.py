"""`sadari models`: the ladder, or one model's layers, shapes and parameters."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sadari.cli.completion import model_names
from sadari.cli.options import AsJson, Overrides, overrides_of
from sadari.cli.output.console import print_json, show
from sadari.cli.output.layers import (
    count_params,
    inner_document,
    inner_table,
    layer_table,
    row_document,
    total_sentence,
)
from sadari.errors import UsageError
from sadari.settings import Value, resolve

if TYPE_CHECKING:
    from sadari.models.backbone.inside import InnerLayer
    from sadari.models.backbone.spec import Backbone
    from sadari.models.layers.specs import Shape
    from sadari.models.own.spec import Own
    from sadari.models.spec import ModelSpec

IMAGE_SIZE, CHANNELS, CLASSES = 28, 1, 10  # Fashion-MNIST's, on which the articles compare their networks
ANIMALS = 3  # classes in A1, which has the only network of the articles that begins with a backbone


def models(
    name: Annotated[
        str | None,
        typer.Argument(
            help="A model, a TOML file with a network, or code, MODULE:NAME; without it, all models.",
            autocompletion=model_names,
        ),
    ] = None,
    image_size: Annotated[
        int | None, typer.Option(min=1, help="Side of the images in pixels; 28, or what a backbone's weights ask for.")
    ] = None,
    channels: Annotated[int | None, typer.Option(help="1 for grey, 3 for colour; 1, or 3 for a backbone.")] = None,
    classes: Annotated[int | None, typer.Option(min=2, help="Number of classes; 10, or 3 for a backbone.")] = None,
    train: Annotated[
        str | None,
        typer.Option(
            help="What of a backbone learns: all, head, last:SHARE, from:LAYER or LAYER;LAYER; the same as --set train."
        ),
    ] = None,
    set_: Overrides = None,
    as_json: AsJson = False,
    inside: Annotated[bool, typer.Option("--inside", help="List the layers inside a backbone or code too.")] = False,
) -> None:
    """Show the ladder, or the layers, output shapes and parameters of one model."""
    from sadari.models.backbone.choice import settled
    from sadari.models.backbone.spec import backbone_of
    from sadari.models.catalog import find_model
    from sadari.models.own.spec import own_of
    from sadari.models.parse import parse

    if channels not in (1, 3, None):
        raise UsageError(f"--channels is 1 (grey) or 3 (colour), not {channels}")
    overrides = overrides_of(set_, train=train)
    if name is None:
        if inside:
            raise UsageError("--inside needs one model with a backbone, such as `sadari models vgg16 --inside`")
        if overrides:
            option = "--set" if set_ else "--train"
            raise UsageError(f"{option} needs one model: name it, such as `sadari models lstm --set dropout=0.3`")
        size = image_size or IMAGE_SIZE
        _show_ladder((size, size, channels or CHANNELS), classes or CLASSES, as_json)
        return
    spec = find_model(name)
    _, variables = resolve(spec.settings, spec.variables, overrides)
    variables, choice = settled(variables, overrides)
    parsed = parse(spec.layers, variables)
    backbone, own = backbone_of(parsed), own_of(parsed)
    size = image_size or (backbone.pretrained().size if backbone else IMAGE_SIZE)
    shape = (size, size, channels or (3 if backbone else CHANNELS))
    if inside and backbone is None and own is None:
        raise UsageError(f"{spec.name} begins with no backbone, so that all of its layers are listed without --inside")
    count = classes or (ANIMALS if backbone else CLASSES)
    layers = _inner_layers(backbone, shape) if backbone else _layers_of_code(own, shape, count) if own else ()
    _show_model(spec, shape, count, variables, layers, inside, as_json)
    if choice and not as_json:
        show(choice.sentence)


def _inner_layers(backbone: "Backbone", shape: "Shape") -> "tuple[InnerLayer, ...]":
    from sadari.models.backbone.inside import inner_layers

    if shape[2] != 3:
        return ()  # the list of layers says what is wrong
    return inner_layers(backbone.pretrained(), backbone.cut, backbone.train, (shape[0], shape[1]))


def _layers_of_code(own: "Own", shape: "Shape", classes: int) -> "tuple[InnerLayer, ...]":
    from dataclasses import replace

    from sadari.models.own.inside import inner_layers_of

    return inner_layers_of(replace(own, classes=classes), (shape[0], shape[1], shape[2]))


def _show_ladder(shape: "Shape", classes: int, as_json: bool) -> None:
    from sadari.models.catalog import MODELS
    from sadari.models.layers.specs import shape_text

    packages = MODELS.plugins()
    documents = [_catalog_entry(spec, shape, classes, packages.get(spec.name, "")) for spec in MODELS]
    if as_json:
        print_json({"input": list(shape), "classes": classes, "models": documents})
        return
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("model", no_wrap=True)
    table.add_column("what it is")
    table.add_column("params", justify="right", no_wrap=True)
    table.add_column("article")
    for each in documents:
        params = f"{each['params']['total']:,}" if each["params"] else _without_params(each["reason"])
        table.add_row(each["name"], each["summary"], params, each["article"] or each["package"])
    show(
        table, f"params on images of {shape_text(shape)} with {classes} classes; `sadari models NAME` shows the layers"
    )


def _without_params(reason: str) -> str:
    return "by its backbone" if reason.startswith("its backbone") else "does not fit"


def _catalog_entry(spec: "ModelSpec", shape: "Shape", classes: int, package: str) -> dict[str, Any]:
    about: dict[str, Any] = {"name": spec.name, "summary": spec.summary, "article": spec.article, "package": package}
    if spec.begins_with_backbone():  # its shapes would cost seconds: timm has to be loaded
        return {**about, "params": None, "reason": f"its backbone decides: see `sadari models {spec.name}`"}
    try:
        return {**about, "params": count_params(spec.rows(shape, classes)), "reason": ""}
    except UsageError as error:
        return {**about, "params": None, "reason": str(error)}


def _show_model(
    spec: "ModelSpec",
    shape: "Shape",
    classes: int,
    variables: dict[str, Value],
    layers: "Sequence[InnerLayer]",
    inside: bool,
    as_json: bool,
) -> None:
    rows = spec.rows(shape, classes, variables)
    params = count_params(rows)
    if as_json:
        about = {"name": spec.name, "summary": spec.summary, "article": spec.article, "fitted_by": spec.fitted_by}
        sizes = {"input": list(shape), "classes": classes, "variables": variables, "settings": dict(spec.settings)}
        listed: dict[str, Any] = {"layers": [row_document(row) for row in rows], "params": params}
        if layers:
            listed["inside"] = [inner_document(each) for each in layers]
        print_json({**about, **sizes, **listed})
        return
    title = f"{spec.name}: {spec.summary}" if spec.summary else spec.name
    if rows:
        show(title, layer_table(shape, rows), total_sentence(params, frozen=spec.begins_with_backbone()))
        if inside:
            show("", inner_table(layers))
        elif layers:
            of = f"the {len(layers)} layers inside {'the backbone' if spec.begins_with_backbone() else 'it'}"
            show(f"next  sadari models {spec.reference} --inside   ({of})")
    else:
        show(title, "no layers and no params: it learns nothing but the most frequent class")
