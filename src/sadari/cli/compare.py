"""`sadari compare` and `sadari study`: many runs, one table, and what may be said of it."""

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sadari.cli.table import show
from sadari.cli.terminal import TerminalProgress, console
from sadari.cli.train import AsJson
from sadari.errors import UsageError
from sadari.settings import Value, parse_overrides

if TYPE_CHECKING:
    from sadari.comparison.request import Comparison

MODELS = "majority,logistic,mlp,cnn"

Epochs = Annotated[int | None, typer.Option(min=1, help="Passes over the training images.")]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Any setting, or variable of a rung; again for more."),
]
Out = Annotated[Path | None, typer.Option(help="Folder of the comparison; runs/NAME-N by default.")]


def compare(
    data: Annotated[
        str, typer.Argument(help="A named set, a folder, an archive, a .npz or a .csv.", show_default=False)
    ],
    models: Annotated[
        str, typer.Option(metavar="A,B,C", help="Rungs of the ladder, or TOML files with networks.")
    ] = MODELS,
    vary: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=V1,V2|LO:HI:STEP", help="An arm for each value; again for more keys."),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="How many times each arm is trained.")] = 3,
    epochs: Epochs = None,
    set_: Overrides = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Train several models on the same images and say which is better, and by how much."""
    from sadari.comparison.request import Comparison
    from sadari.comparison.variants import expand, parse_vary
    from sadari.data.load import absolute_data
    from sadari.models.ladder import absolute_model

    names = [absolute_model(name.strip()) for name in models.split(",") if name.strip()]
    if not names:
        raise UsageError("--models names no model; write for example --models logistic,cnn")
    arms, sentences = expand(names, parse_vary(vary or []), _overrides(set_, epochs))
    for sentence in sentences:
        TerminalProgress().say(sentence)
    _run(Comparison(absolute_data(data), arms, tuple(range(seeds))), data, out, as_json)


def study(
    file: Annotated[Path, typer.Argument(help="A TOML file that lists the arms.", show_default=False)],
    data: Annotated[str | None, typer.Option(help="Images instead of those that the file names.")] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="How many seeds, instead of the file's.")] = None,
    epochs: Epochs = None,
    set_: Overrides = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Compare what a file describes, with published figures beside ours."""
    from sadari.comparison.study import read_study
    from sadari.data.load import absolute_data

    asked = read_study(
        file,
        data=absolute_data(data) if data is not None else None,
        seeds=tuple(range(seeds)) if seeds is not None else None,
        overrides=_overrides(set_, epochs),
    )
    _run(asked.request, data or asked.request.data, out, as_json, asked.notes)


def _overrides(set_: list[str] | None, epochs: int | None) -> dict[str, Value]:
    overrides = parse_overrides(set_ or [])
    if epochs is not None:
        if "epochs" in overrides:
            raise UsageError("--epochs and --set epochs=... say the same thing twice; keep one of them")
        overrides["epochs"] = epochs
    return overrides


def _run(request: "Comparison", data: str, out: Path | None, as_json: bool, notes: tuple[str, ...] = ()) -> None:
    from rich.console import Console

    from sadari.comparison.compare import compare as run_comparison
    from sadari.report.plots import write_plots

    progress = TerminalProgress()
    try:
        result = run_comparison(request, out=out, progress=progress)
    except KeyboardInterrupt:
        command = shlex.join(["sadari", *sys.argv[1:]])
        typer.echo(f"interrupted; what is finished is kept, go on with: {command}", err=True)
        raise typer.Exit(130) from None
    plots: tuple[Path, ...] = ()
    try:
        plots = write_plots(result)
    finally:  # what was measured is shown, even where no plot can be drawn
        show(result, console() if as_json else Console(highlight=False), data, plots, notes)
        if as_json:
            typer.echo(json.dumps(result.document(), indent=2, ensure_ascii=False))
    if any(arm.reason for arm in result.arms):
        raise typer.Exit(1)
