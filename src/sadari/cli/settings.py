"""`sadari settings`: what --set takes, for every run or for one model, with defaults, choices and what each is for."""

from dataclasses import fields
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sadari.cli.completion import model_names
from sadari.cli.options import AsJson
from sadari.cli.output.console import new_table, print_json, show
from sadari.models.backbone.choice import AUTO
from sadari.plugins.offers import KINDS, offered
from sadari.settings import OFFERED, Settings, Value, choices_of

if TYPE_CHECKING:
    from sadari.models.spec import ModelSpec


def settings(
    name: Annotated[
        str,
        typer.Argument(
            help="A model, a TOML file, or code, MODULE:NAME; without it, the settings of every run.",
            autocompletion=model_names,
        ),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Print what --set takes: settings, their defaults and choices, and the variables of one model."""
    spec = _spec(name)
    rows = setting_rows(spec)
    if as_json:
        print_json({"model": name or None, "settings": rows, "variables": dict(spec.variables) if spec else {}})
        return
    table = new_table("setting", "default", "what it is for")
    for row in rows:
        table.add_row(row["name"], printed(row["default"]), described(row))
    show(table)
    if spec:
        listed = ", ".join(f"{key} = {printed(value)}" for key, value in spec.variables.items())
        show(f"variables of {spec.name}: {listed}" if listed else f"{spec.name} has no variables")
        if spec.variables.get("backbone") == AUTO:
            show("backbone = auto takes pre-trained weights that are on this disk; `sadari doctor` says which")
    else:
        show("`sadari settings MODEL` shows the defaults and variables of a model; --set key=value sets them")
    for sentence in _of_plugins():
        show(sentence)


def _of_plugins() -> list[str]:
    """Return which plug-ins offer values of settings, and words of `augment`, a sentence for each kind."""
    found = {kind: offered(kind) for kind in KINDS if kind in (*OFFERED, "augmentation")}
    return [
        f"{kind} of plug-ins: {', '.join(f'{name} ({offers[0].package})' for name, offers in each.items())}"
        for kind, each in found.items()
        if each
    ]


def setting_rows(spec: "ModelSpec | None" = None) -> list[dict[str, Any]]:
    """Return name, default, choices, least value and meaning of each setting, those of `spec` where it has its own."""
    own: dict[str, Value] = dict(spec.settings) if spec else {}
    return [
        {
            "name": each.name,
            "default": own.get(each.name, each.default),
            "choices": list(choices_of(each.name)),
            "least": each.metadata["low"],
            "meaning": each.metadata["doc"],
        }
        for each in fields(Settings)
        if spec is None or spec.uses(each.name)
    ]


def described(row: dict[str, Any]) -> str:
    """Return the meaning of a setting with its choices."""
    return f"{row['meaning']} ({' | '.join(row['choices'])})" if row["choices"] else str(row["meaning"])


def printed(value: Value) -> str:
    """Return a value as --set takes it."""
    return str(value).lower() if isinstance(value, bool) else str(value) or '""'


def _spec(name: str) -> "ModelSpec | None":
    from sadari.models.catalog import find_model

    return find_model(name) if name else None
