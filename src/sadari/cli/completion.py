"""What does a shell offer when Tab is pressed? Names that are known without torch; typer drops those that don't fit.

Every command imports this module, so each function imports what it needs by itself.

Where nothing is offered, the shell names files and folders.
"""

from collections.abc import Mapping

import typer

from sadari.settings import Value, choices_of, setting_names


def data_names() -> list[str]:
    """Return the named sets; where none of them fits what is typed, the shell offers paths."""
    from sadari.data.load import named_sets

    return named_sets().names()


def model_names() -> list[str]:
    """Return the models of the ladder, lowest first."""
    from sadari.models.catalog import MODELS

    return MODELS.names()


def model_lists(incomplete: str) -> list[str]:
    """Return what is typed of `a,b,c`, followed by each model that is not in it; `best` stands alone."""
    from sadari.comparison.best.budget import BEST
    from sadari.models.catalog import MODELS

    typed = incomplete.split(",")[:-1]
    names = MODELS.names() if typed else [*MODELS.names(), BEST]
    return [",".join([*typed, name]) for name in names if name not in typed]


def setting_pairs(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return `key=` for every setting and every variable of the models named so far; behind `key=` its choices."""
    names = setting_names()
    key, equals, _ = incomplete.partition("=")
    if equals:
        return [f"{key}={choice}" for choice in choices_of(key)] if key in names else []
    return [f"{name}=" for name in {**_variables(ctx.params), **dict.fromkeys(names)}]


def split_names() -> list[str]:
    """Return train, val, test."""
    from sadari.values import SPLITS

    return list(SPLITS)


def entry_names() -> list[str]:
    """Return the entries of the project file in this folder; none where there is none."""
    import tomllib
    from pathlib import Path

    try:
        document = tomllib.loads(Path("sadari.toml").read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        return []
    kinds = (document.get(kind) for kind in ("compare", "tune", "export"))
    return [name for table in kinds if isinstance(table, dict) for name in table]


def _variables(typed: Mapping[str, object]) -> dict[str, Value]:
    """Return the variables of the models that --model, --models or the argument of `sadari models` has named."""
    from sadari.models.catalog import MODELS

    names = str(typed.get("model") or typed.get("models") or typed.get("name") or "").split(",")
    return {key: value for name in names if name in MODELS for key, value in MODELS.get(name).variables.items()}
