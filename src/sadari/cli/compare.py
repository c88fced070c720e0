"""`sadari compare` and `sadari study`: many runs, one table, and what may be said of it."""

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sadari.cli.claims import show_claims
from sadari.cli.table import show
from sadari.cli.terminal import TerminalProgress, console
from sadari.cli.train import AsJson
from sadari.errors import UsageError
from sadari.settings import Value, parse_overrides

if TYPE_CHECKING:
    from sadari.comparison.claims import Claim
    from sadari.comparison.request import Comparison

MODELS = "majority,logistic,mlp,cnn"

Epochs = Annotated[int | None, typer.Option(min=1, help="Passes over the training images.")]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Any setting, or variable of a rung; again for more."),
]
Out = Annotated[Path | None, typer.Option(help="Folder of the comparison; runs/NAME-N by default.")]
Disturb = Annotated[
    bool, typer.Option("--robustness", help="Judge the models on shifted, turned, noisy, blurred and other images too.")
]


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
    robustness: Disturb = False,
    margin: Annotated[
        float | None, typer.Option(help="Which arms are equal within this difference of accuracy, such as 0.005?")
    ] = None,
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
    _run(Comparison(absolute_data(data), arms, tuple(range(seeds))), data, out, as_json, robustness, margin=margin)


def study(
    file: Annotated[Path, typer.Argument(help="A TOML file that lists arms and claims.", show_default=False)],
    data: Annotated[str | None, typer.Option(help="Images instead of those that the file names.")] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="How many seeds, instead of the file's.")] = None,
    epochs: Epochs = None,
    set_: Overrides = None,
    out: Out = None,
    robustness: Disturb = False,
    as_json: AsJson = False,
) -> None:
    """Compare what a file describes, with published figures beside ours, and put its claims to the test."""
    from sadari.comparison.study import read_study
    from sadari.data.load import absolute_data

    asked = read_study(
        file,
        data=absolute_data(data) if data is not None else None,
        seeds=tuple(range(seeds)) if seeds is not None else None,
        overrides=_overrides(set_, epochs),
    )
    _run(asked.request, data or asked.request.data, out, as_json, robustness, asked.notes, asked.claims)


def _overrides(set_: list[str] | None, epochs: int | None) -> dict[str, Value]:
    overrides = parse_overrides(set_ or [])
    if epochs is not None:
        if "epochs" in overrides:
            raise UsageError("--epochs and --set epochs=... say the same thing twice; keep one of them")
        overrides["epochs"] = epochs
    return overrides


def _run(
    request: "Comparison",
    data: str,
    out: Path | None,
    as_json: bool,
    robustness: bool,
    notes: tuple[str, ...] = (),
    claims: "tuple[Claim, ...]" = (),
    margin: float | None = None,
) -> None:
    from rich.console import Console

    from sadari.comparison.claims import claimed_to_fail
    from sadari.comparison.compare import compare as run_comparison
    from sadari.report.plots import write_plots
    from sadari.report.write import write_report

    progress = TerminalProgress()
    try:
        result = run_comparison(
            request, out=out, claims=claims, robustness=robustness, margin=margin, progress=progress
        )
    except KeyboardInterrupt:
        command = shlex.join(["sadari", *sys.argv[1:]])
        typer.echo(f"interrupted; what is finished is kept, go on with: {command}", err=True)
        raise typer.Exit(130) from None
    plots: tuple[Path, ...] = ()
    report: Path | None = None
    try:
        plots = write_plots(result)
        report = write_report(result)
    finally:  # what was measured is shown, even where nothing can be drawn
        screen = console() if as_json else Console(highlight=False)
        show(result, screen, data, plots, notes, report)
        show_claims(result.claims, screen)
        if as_json:
            typer.echo(json.dumps(result.document(report), indent=2, ensure_ascii=False))
    if any(arm.reason and arm.name not in claimed_to_fail(claims) for arm in result.arms):
        raise typer.Exit(1)
