"""`sadari compare` and `sadari study`: many runs, one table, and what may be said of it."""

import json
import shlex
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sadari.cli.completion import data_names, model_lists, setting_pairs
from sadari.cli.terminal import TerminalProgress, console
from sadari.cli.train import AsJson
from sadari.errors import UsageError
from sadari.settings import Value, parse_overrides

if TYPE_CHECKING:
    from sadari.comparison.claims.claim import Claim
    from sadari.comparison.result import ComparisonResult

MODELS = "majority,logistic,mlp,cnn"

Epochs = Annotated[int | None, typer.Option(min=1, help="Passes over the training images.")]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Any setting, or variable of a model; again for more.",
        autocompletion=setting_pairs,
    ),
]
Out = Annotated[Path | None, typer.Option(help="Folder of the comparison; runs/NAME-N by default.")]
Jobs = Annotated[
    str,
    typer.Option(
        metavar="N|auto", help="How many runs train at once, at most; auto: as many as cores, where that is faster."
    ),
]
Corrupt = Annotated[
    bool, typer.Option("--robustness", help="Judge the models on shifted, turned, noisy, blurred and other images too.")
]


def compare(
    data: Annotated[
        str,
        typer.Argument(
            help="A named set, a folder, an archive, a .npz or a .csv.", show_default=False, autocompletion=data_names
        ),
    ],
    models: Annotated[
        str,
        typer.Option(
            metavar="A,B,C", help="Models of the ladder, TOML files with networks, or best.", autocompletion=model_lists
        ),
    ] = MODELS,
    vary: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=V1,V2|LO:HI:STEP",
            help="An arm for each value; again for more keys.",
            autocompletion=setting_pairs,
        ),
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="How long --models best may train: 90s, 10m, 1.5h.", show_default=False),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="How many times each arm is trained; with best, at most.")] = 3,
    epochs: Epochs = None,
    set_: Overrides = None,
    out: Out = None,
    robustness: Corrupt = False,
    margin: Annotated[
        float | None, typer.Option(help="Which arms are equal within this difference of accuracy, such as 0.005?")
    ] = None,
    jobs: Jobs = "auto",
    as_json: AsJson = False,
) -> None:
    """Train several models on the same images and say which is better, and by how much."""
    from sadari.comparison import compare as comparing
    from sadari.comparison.best.budget import budget_of_best
    from sadari.comparison.request import Comparison
    from sadari.comparison.variants import expand, parse_vary
    from sadari.data.load import absolute_data
    from sadari.models.catalog import find_model

    names = [name.strip() for name in models.split(",") if name.strip()]
    if not names:
        raise UsageError("--models names no model; write for example --models logistic,cnn")
    varied, overrides, progress, most = (
        parse_vary(vary or []),
        _overrides(set_, epochs),
        TerminalProgress(),
        _most(jobs),
    )
    seconds = budget_of_best(names, budget, varied, overrides, most)
    if seconds is not None:
        _run_best(data, seconds, overrides, seeds, out, as_json, robustness, margin)
        return
    arms, sentences = expand([find_model(name) for name in names], varied, overrides)
    for sentence in sentences:
        progress.say(sentence)
    request = Comparison(absolute_data(data), arms, tuple(range(seeds)))
    result = _result(
        lambda: comparing.compare(request, out=out, robustness=robustness, margin=margin, jobs=most, progress=progress)
    )
    _tell(result, data, as_json)


def study(
    file: Annotated[Path, typer.Argument(help="A TOML file that lists arms and claims.", show_default=False)],
    data: Annotated[
        str | None, typer.Option(help="Images instead of those that the file names.", autocompletion=data_names)
    ] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="How many seeds, instead of the file's.")] = None,
    epochs: Epochs = None,
    set_: Overrides = None,
    out: Out = None,
    robustness: Corrupt = False,
    jobs: Jobs = "auto",
    as_json: AsJson = False,
) -> None:
    """Compare what a file describes, with published figures beside ours, and put its claims to the test."""
    from sadari.comparison import compare as comparing
    from sadari.comparison.study import read_study
    from sadari.data.load import absolute_data

    asked = read_study(
        file,
        data=absolute_data(data) if data is not None else None,
        seeds=tuple(range(seeds)) if seeds is not None else None,
        overrides=_overrides(set_, epochs),
    )
    progress, most = TerminalProgress(), _most(jobs)
    result = _result(
        lambda: comparing.compare(
            asked.request, out=out, claims=asked.claims, robustness=robustness, jobs=most, progress=progress
        )
    )
    _tell(result, data or asked.request.data, as_json, asked.notes, asked.claims)


def _overrides(set_: list[str] | None, epochs: int | None) -> dict[str, Value]:
    overrides = parse_overrides(set_ or [])
    if epochs is not None:
        if "epochs" in overrides:
            raise UsageError("--epochs and --set epochs=... say the same thing twice; keep one of them")
        overrides["epochs"] = epochs
    return overrides


def _most(jobs: str) -> int | None:
    """How many runs may train at once? None for auto. Raises UsageError."""
    if jobs == "auto":
        return None
    if not jobs.isdecimal():
        raise UsageError(f"--jobs is a number from 1 up, or auto, not '{jobs}'")
    return int(jobs)


def _run_best(
    data: str,
    seconds: float,
    overrides: Mapping[str, Value],
    seeds: int,
    out: Path | None,
    as_json: bool,
    robustness: bool,
    margin: float | None,
) -> None:
    """Search for the best model, and say which run to use."""
    from sadari.comparison.best import run as find
    from sadari.data.load import absolute_data

    request = find.BestRequest(absolute_data(data), seconds, overrides, tuple(range(seeds)))
    progress = TerminalProgress()
    result = _result(lambda: find.find_best(request, out=out, robustness=robustness, margin=margin, progress=progress))
    _tell(result, data, as_json, searched=True)


def _result(make: "Callable[[], ComparisonResult]") -> "ComparisonResult":
    """What `make` gives; Ctrl-C ends with status 130 and the command that goes on."""
    try:
        return make()
    except KeyboardInterrupt:
        command = shlex.join(["sadari", *sys.argv[1:]])
        typer.echo(f"interrupted; what is finished is kept, go on with: {command}", err=True)
        raise typer.Exit(130) from None


def _tell(
    result: "ComparisonResult",
    data: str,
    as_json: bool,
    notes: tuple[str, ...] = (),
    claims: "tuple[Claim, ...]" = (),
    searched: bool = False,
) -> None:
    """Draw the plots and the report, and show the result; status 1 where an arm failed unexpectedly.

    searched: whether the best one was looked for, so that one of the runs is the one to use.
    """
    from rich.console import Console

    from sadari.cli.claims import show_claims
    from sadari.cli.table import show, show_winner
    from sadari.comparison.claims.claim import claimed_to_fail
    from sadari.report.page import write_report
    from sadari.report.plots.write import write_plots

    plots: tuple[Path, ...] = ()
    report: Path | None = None
    try:
        plots = write_plots(result)
        report = write_report(result)
    finally:  # what was measured is shown, even where nothing can be drawn
        screen = console() if as_json else Console(highlight=False)
        show(result, screen, data, plots, notes, report)
        show_claims(result.claims, screen)
        document = result.document(report)
        if searched:
            from sadari.comparison.best.run import chosen_run

            chosen = chosen_run(result)
            document["winner"] = str(chosen.path) if chosen else None
            if chosen:
                show_winner(chosen.path, screen)
        if as_json:
            typer.echo(json.dumps(document, indent=2, ensure_ascii=False))
    if any(arm.reason and arm.name not in claimed_to_fail(claims) for arm in result.arms):
        raise typer.Exit(1)
