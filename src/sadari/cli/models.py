"""`sadari models`: the ladder, or one rung's layers, shapes and parameters."""

import json
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sadari.errors import UsageError
from sadari.models.kinds import Shape, shape_text
from sadari.models.ladder import LADDER, find_rung
from sadari.models.layers import Row, parse
from sadari.models.rung import Rung
from sadari.models.transfer import backbone_of
from sadari.settings import Value, parse_overrides, resolve

IMAGE_SIZE, CHANNELS, CLASSES = 28, 1, 10  # Fashion-MNIST's, on which the articles compare their networks
ANIMALS = 3  # classes in A1, which has the only network of the articles that begins with a backbone


def models(
    name: Annotated[
        str | None, typer.Argument(help="A rung, or a TOML file with a network; without it, all rungs.")
    ] = None,
    image_size: Annotated[
        int | None, typer.Option(min=1, help="Side of the images in pixels; 28, or what a backbone's weights ask for.")
    ] = None,
    channels: Annotated[int | None, typer.Option(help="1 for grey, 3 for colour; 1, or 3 for a backbone.")] = None,
    classes: Annotated[int | None, typer.Option(min=2, help="Number of classes; 10, or 3 for a backbone.")] = None,
    train: Annotated[
        str | None,
        typer.Option(help="What of a backbone learns: all, head, from:LAYER or LAYER;LAYER. The same as --set train=."),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Set a variable of the rung, such as dropout=0.3."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")] = False,
) -> None:
    """Show the ladder, or the layers, output shapes and parameters of one rung."""
    if channels not in (1, 3, None):
        raise UsageError(f"--channels is 1 (grey) or 3 (colour), not {channels}")
    pairs = [*(set_ or []), *([] if train is None else [f"train={train}"])]
    if name is None:
        if pairs:
            option = "--set" if set_ else "--train"
            raise UsageError(f"{option} needs one rung: name it, such as `sadari models lstm --set dropout=0.3`")
        size = image_size or IMAGE_SIZE
        _show_ladder((size, size, channels or CHANNELS), classes or CLASSES, as_json)
        return
    rung = find_rung(name)
    _, variables = resolve(rung.settings, rung.variables, parse_overrides(pairs))
    backbone = backbone_of(parse(rung.layers, variables))
    size = image_size or (backbone.pretrained().size if backbone else IMAGE_SIZE)
    shape = (size, size, channels or (3 if backbone else CHANNELS))
    _show_rung(rung, shape, classes or (ANIMALS if backbone else CLASSES), variables, as_json)


def _show_ladder(shape: Shape, classes: int, as_json: bool) -> None:
    documents = [_ladder_entry(rung, shape, classes) for rung in LADDER]
    if as_json:
        _print_json({"input": list(shape), "classes": classes, "models": documents})
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("rung", no_wrap=True)
    table.add_column("what it is")
    table.add_column("params", justify="right", no_wrap=True)
    table.add_column("article")
    for each in documents:
        params = f"{each['params']['total']:,}" if each["params"] else _without_params(each["reason"])
        table.add_row(each["name"], each["summary"], params, each["article"])
    _print(
        table, f"params on images of {shape_text(shape)} with {classes} classes; `sadari models NAME` shows the layers"
    )


def _without_params(reason: str) -> str:
    return "by its backbone" if reason.startswith("its backbone") else "does not fit"


def _ladder_entry(rung: Rung, shape: Shape, classes: int) -> dict[str, Any]:
    about: dict[str, Any] = {"name": rung.name, "summary": rung.summary, "article": rung.article}
    if rung.begins_with_backbone():  # its shapes would cost seconds: timm has to be loaded
        return {**about, "params": None, "reason": f"its backbone decides: see `sadari models {rung.name}`"}
    try:
        return {**about, "params": _params(rung.rows(shape, classes)), "reason": ""}
    except UsageError as error:
        return {**about, "params": None, "reason": str(error)}


def _show_rung(rung: Rung, shape: Shape, classes: int, variables: dict[str, Value], as_json: bool) -> None:
    rows = rung.rows(shape, classes, variables)
    params = _params(rows)
    if as_json:
        about = {"name": rung.name, "summary": rung.summary, "article": rung.article, "fitted_by": rung.fitted_by}
        sizes = {"input": list(shape), "classes": classes, "variables": variables, "settings": dict(rung.settings)}
        _print_json({**about, **sizes, "layers": [_row_document(row) for row in rows], "params": params})
        return
    title = f"{rung.name}: {rung.summary}" if rung.summary else rung.name
    if rows:
        _print(title, _layer_table(shape, rows), _total_sentence(params, frozen=rung.begins_with_backbone()))
    else:
        _print(title, "no layers and no params: it learns nothing but the most frequent class")


def _layer_table(shape: Shape, rows: Sequence[Row]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("", justify="right")
    table.add_column("layer")
    table.add_column("output", justify="right", no_wrap=True)
    table.add_column("params", justify="right", no_wrap=True)
    table.add_column("how the shape came about")
    table.add_row("", "input", shape_text(shape), "", "")
    for row in rows:
        params_text = f"{row.total:,}" if row.total else ""
        table.add_row(str(row.number), row.text, shape_text(row.shape), params_text, row.how)
    return table


def _row_document(row: Row) -> dict[str, Any]:
    return {
        "number": row.number,
        "layer": row.text,
        "output": list(row.shape),
        "params": {"total": row.total, "trainable": row.trainable},
        "how": row.how,
    }


def _params(rows: Sequence[Row]) -> dict[str, int]:
    return {"total": sum(row.total for row in rows), "trainable": sum(row.trainable for row in rows)}


def _total_sentence(params: dict[str, int], frozen: bool) -> str:
    total, trainable = params["total"], params["trainable"]
    if total == trainable:
        return f"{total:,} params, all trainable"
    why = "frozen, or moving statistics of batchnorm" if frozen else "moving statistics of batchnorm"
    return f"{total:,} params: {trainable:,} trainable, {total - trainable:,} not ({why})"


def _print(*parts: str | Table) -> None:
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 120  # a pipe has no width of its own; rich would take 80 and fold the rows
    for part in parts:
        console.print(Text(part) if isinstance(part, str) else part)


def _print_json(document: Any) -> None:
    typer.echo(json.dumps(document, indent=2))
