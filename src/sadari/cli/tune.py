"""`sadari tune`: the settings of a model searched on validation images, then judged against its own on test images."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sadari.cli.completion import model_names, setting_pairs
from sadari.cli.options import (
    AsJson,
    Data,
    Epochs,
    LogTo,
    ModelCode,
    Overrides,
    Ray,
    out_option,
    overrides_of,
    seed_option,
    workers_of,
)
from sadari.cli.output.console import echo, print_json, stderr_console, stdout_console
from sadari.cli.output.progress import TerminalProgress
from sadari.training.interrupt import interrupted_status

if TYPE_CHECKING:
    from sadari.tuning.result import TuneResult


def tune(
    data: Data,
    model: Annotated[
        str,
        typer.Option(
            help="A model of the ladder, a TOML file with a network, or code that makes one, MODULE:NAME.",
            autocompletion=model_names,
        ),
    ],
    search: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=LO:HI[:log|:STEP]|V1,V2",
            help="What is searched; again for more. Without it the model's own space.",
            autocompletion=setting_pairs,
        ),
    ] = None,
    trials: Annotated[
        int | None, typer.Option(metavar="N", help="How many settings are tried.", show_default="20")
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="How long the search may take: 90s, 30m, 1.5h.", show_default=False),
    ] = None,
    seeds: Annotated[
        int, typer.Option(metavar="N", help="Fresh seeds with which the best settings and the default are judged.")
    ] = 3,
    objective: Annotated[
        str,
        typer.Option(metavar="A[,B]", help="accuracy, or accuracy,images_per_second for a front of both."),
    ] = "accuracy",
    pruner: Annotated[str, typer.Option(help="What stops poor trials early: median, hyperband or none.")] = "median",
    seed: Annotated[int, seed_option("Of the search and of every trial.")] = 0,
    epochs: Epochs = None,
    set_: Overrides = None,
    out: Annotated[Path | None, out_option("Folder of the search; runs/DATA-tune-N by default.")] = None,
    workers: Annotated[
        str, typer.Option(metavar="N|auto", help="How many trials train at once; with 1 the search can be repeated.")
    ] = "1",
    ray: Ray = None,
    model_code: ModelCode = None,
    log_to: LogTo = None,
    as_json: AsJson = False,
) -> None:
    """Search for the settings of a model, and say whether they are better than its own, and by how much."""
    from sadari.models.own.named import let_run
    from sadari.tuning.plan import plan_tuning
    from sadari.tuning.space import parse_search

    let_run(model_code)
    progress = TerminalProgress()
    plan = plan_tuning(
        data,
        model,
        search=parse_search(search or []),
        overrides=overrides_of(set_, epochs=epochs),
        trials=trials,
        budget=budget,
        seeds=seeds,
        seed=seed,
        objective=objective,
        pruner=pruner,
        workers=workers_of(workers, None),
        ray=ray,
        log_to=log_to or "",
    )
    try:
        result = plan.run(out, progress)
    except KeyboardInterrupt:
        command = shlex.join(["sadari", *sys.argv[1:]])
        echo(f"interrupted; what is finished is kept, go on with: {command}", err=True)
        raise typer.Exit(interrupted_status()) from None
    show(result, data, as_json)


def show(result: "TuneResult", data: str, as_json: bool) -> None:
    """Draw the plots and the reports, and show the result. data: as the user typed it."""
    from sadari.cli.output.tune import show_tuning
    from sadari.report.plots.files import write_plots
    from sadari.report.tuned.page import write_tuned, write_tuned_plots
    from sadari.tuning.logged import log_found

    plots: tuple[Path, ...] = ()
    report: Path | None = None
    try:
        if result.final is not None:
            plots = write_plots(result.final)
        report = write_tuned(result)
        log_found(result, lambda: (*plots, *write_tuned_plots(result)), TerminalProgress())
    finally:  # what was measured is shown, even where nothing can be drawn
        show_tuning(result, stderr_console() if as_json else stdout_console(), data, report)
        if as_json:
            print_json(result.document(report))
    if result.final is not None and any(arm.reason for arm in result.final.arms):
        raise typer.Exit(1)
