"""How does a list of layers read on a terminal, and as JSON?"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

    from sadari.models.backbone.inside import InnerLayer
    from sadari.models.layers.specs import Shape
    from sadari.models.parse import Row


def layer_table(shape: "Shape", rows: "Sequence[Row]", names: Sequence[str] = ()) -> "Table":
    """Return a table with a line per layer. shape: of the input. names: of the layers, as options take them."""
    from rich import box
    from rich.table import Table

    from sadari.models.layers.specs import shape_text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("", justify="right")
    table.add_column("layer", overflow="fold")
    if names:
        table.add_column("name", no_wrap=True)
    table.add_column("output", justify="right", no_wrap=True)
    table.add_column("params", justify="right", no_wrap=True)
    table.add_column("how the shape came about", overflow="fold")
    table.add_column("how the params came about", overflow="fold")
    table.add_row("", "input", *[""] * bool(names), shape_text(shape), "", "", "")
    for place, row in enumerate(rows):
        params_text = f"{row.total:,}" if row.total else ""
        name = names[place : place + 1]
        table.add_row(str(row.number), row.text, *name, shape_text(row.shape), params_text, row.how, row.params_how)
    return table


def inner_table(layers: "Sequence[InnerLayer]") -> "Table":
    """Return a table with a line per layer inside a backbone."""
    from rich import box
    from rich.table import Table

    from sadari.models.layers.specs import shape_text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("layer inside", no_wrap=True)
    keras = [each.keras for each in layers]
    if any(keras):
        table.add_column("in Keras", no_wrap=True)
    table.add_column("kind")
    table.add_column("output", justify="right", no_wrap=True)
    table.add_column("params", justify="right", no_wrap=True)
    table.add_column("how the params came about", overflow="fold")
    for each in layers:
        params_text = f"{each.total:,}" if each.total else ""
        name = [each.keras] * any(keras)
        table.add_row(each.name, *name, each.kind, shape_text(each.shape), params_text, each.params_how)
    return table


def inner_document(layer: "InnerLayer") -> dict[str, Any]:
    """Return one layer inside a backbone as JSON values."""
    params = {"total": layer.total, "trainable": layer.trainable}
    about = {"layer": layer.name, "keras": layer.keras or None, "kind": layer.kind}
    return {**about, "output": list(layer.shape), "params": params, "params_how": layer.params_how}


def row_document(row: "Row") -> dict[str, Any]:
    """Return one layer as JSON values."""
    return {
        "number": row.number,
        "layer": row.text,
        "output": list(row.shape),
        "params": {"total": row.total, "trainable": row.trainable},
        "how": row.how,
        "params_how": row.params_how,
    }


def count_params(rows: "Sequence[Row]") -> dict[str, int]:
    """Return the number of parameters of all layers together: "total" and "trainable"."""
    return {"total": sum(row.total for row in rows), "trainable": sum(row.trainable for row in rows)}


def total_sentence(params: dict[str, int], frozen: bool) -> str:
    """Say how many parameters there are, and why some do not learn. frozen: whether a backbone may be a reason."""
    total, trainable = params["total"], params["trainable"]
    if total == trainable:
        return f"{total:,} params, all trainable"
    why = "frozen, or moving statistics of batchnorm" if frozen else "moving statistics of batchnorm"
    return f"{total:,} params: {trainable:,} trainable, {total - trainable:,} not ({why})"
