"""What does a shell offer when Tab is pressed? Names that are known without torch; typer drops those that don't fit.

Every command imports this module, so each answer imports what it needs by itself.

Where nothing is offered, the shell names files and folders.
"""

from collections.abc import Mapping
from dataclasses import fields

import typer

from sadari.settings import Settings, Value


def data_names() -> list[str]:
    """The named sets; whoever begins with a letter of none of them is offered paths."""
    from sadari.data.load import named_sets

    return named_sets().names()


def model_names() -> list[str]:
    """The models of the ladder, lowest first."""
    from sadari.models.catalog import MODELS

    return MODELS.names()


def model_lists(incomplete: str) -> list[str]:
    """What is typed already of `a,b,c`, with each model behind it that is not there yet; `best` stands alone."""
    from sadari.comparison.best.budget import BEST
    from sadari.models.catalog import MODELS

    typed = incomplete.split(",")[:-1]
    names = MODELS.names() if typed else [*MODELS.names(), BEST]
    return [",".join([*typed, name]) for name in names if name not in typed]


def setting_pairs(ctx: typer.Context, incomplete: str) -> list[str]:
    """`key=` for every setting and every variable of the models named so far; behind `key=` its choices."""
    choices = {each.name: each.metadata["choices"] for each in fields(Settings)}
    key, equals, _ = incomplete.partition("=")
    if equals:
        return [f"{key}={choice}" for choice in choices.get(key, ())]
    return [f"{name}=" for name in {**_variables(ctx.params), **choices}]


def part_names() -> list[str]:
    """train, val, test."""
    from sadari.values import SPLITS

    return list(SPLITS)


def _variables(typed: Mapping[str, object]) -> dict[str, Value]:
    """The variables of the models that --model or --models has named."""
    from sadari.models.catalog import MODELS

    names = str(typed.get("model") or typed.get("models") or typed.get("name") or "").split(",")
    return {key: value for name in names if name in MODELS for key, value in MODELS.get(name).variables.items()}
