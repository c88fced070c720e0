"""`sadari compare` and `sadari study`: many runs, one table, and what it shows."""

import shlex
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from sadari.cli.completion import data_names, model_lists, setting_pairs
from sadari.cli.options import (
    AsJson,
    AsLatex,
    Epochs,
    LogTo,
    ModelCode,
    OldJobs,
    Overrides,
    Ray,
    Robustness,
    Workers,
    out_option,
    overrides_of,
    require_one_form,
    seeds_option,
    workers_of,
)
from sadari.cli.output.console import echo, print_json, stderr_console, stdout_console
from sadari.cli.output.progress import TerminalProgress
from sadari.errors import UsageError
from sadari.training.interrupt import interrupted_status

if TYPE_CHECKING:
    from sadari.comparison.across.result import AcrossResult
    from sadari.comparison.claims.claim import Claim
    from sadari.comparison.result import ComparisonResult
    from sadari.progress import Progress

Result = TypeVar("Result")
Out = Annotated[Path | None, out_option("Folder of the comparison; runs/NAME-N by default.")]


def compare(
    data: Annotated[
        list[str],
        typer.Argument(
            metavar="DATA...",
            help="A named set, a folder, an archive, a .npz, .csv or .parquet, hf://NAME; several are compared across.",
            show_default=False,
            autocompletion=data_names,
        ),
    ],
    models: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,C",
            help="Models of the ladder, TOML files, code (MODULE:NAME), or best; without it those that fit the images.",
            autocompletion=model_lists,
            show_default=False,
        ),
    ] = None,
    vary: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=V1,V2|LO:HI:STEP",
            help='An arm for each value ("..." around one with a comma); again for more keys.',
            autocompletion=setting_pairs,
        ),
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="How long --models best may train: 90s, 10m, 1.5h.", show_default=False),
    ] = None,
    seeds: Annotated[
        str | None,
        seeds_option(
            "How many times each arm is trained (best: at most; 1 a split or fold); auto: until all is decided.",
            show_default="3",
        ),
    ] = None,
    splits: Annotated[
        int | None, typer.Option(metavar="N", help="Draw train, val and test anew N times.", show_default=False)
    ] = None,
    folds: Annotated[
        int | None,
        typer.Option(metavar="K", help="Cross-validate: K parts, each judged in turn.", show_default=False),
    ] = None,
    repeats: Annotated[
        int | None, typer.Option(metavar="R", help="Draw the folds R times.", show_default=False)
    ] = None,
    epochs: Epochs = None,
    set_: Overrides = None,
    out: Out = None,
    ensemble: Annotated[
        bool, typer.Option("--ensemble", help="Add an arm that averages the others, chosen on validation images.")
    ] = False,
    soup: Annotated[
        bool, typer.Option("--soup", help="Add the mean weights of the seeds of each fine-tuned model, likewise.")
    ] = False,
    robustness: Robustness = False,
    margin: Annotated[
        float | None, typer.Option(help="Arms count as equal within this difference of accuracy, such as 0.005.")
    ] = None,
    workers: Workers = "auto",
    ray: Ray = None,
    jobs: OldJobs = None,
    model_code: ModelCode = None,
    log_to: LogTo = None,
    as_json: AsJson = False,
    as_latex: AsLatex = False,
) -> None:
    """Train several models on the same images and say which is better, and by how much; also across several sets."""
    from sadari.comparison.plan import plan_comparison
    from sadari.comparison.seeds.chosen import Seeds
    from sadari.comparison.splits.redraw import redraw_of
    from sadari.comparison.variants import parse_vary
    from sadari.models.own.named import let_run

    require_one_form(as_json, as_latex)
    let_run(model_code)
    names = [name.strip() for name in (models or "").split(",") if name.strip()]
    if models is not None and not names:
        raise UsageError("--models names no model; write for example --models logistic,cnn")
    progress = TerminalProgress()
    chosen = Seeds.of("3" if seeds is None else seeds)
    plan_for = partial(
        plan_comparison,
        models=names,
        seeds=chosen,
        redraw=redraw_of(splits, folds, repeats, len(chosen.those) if seeds is not None else None),
        varied=parse_vary(vary or []),
        overrides=overrides_of(set_, epochs=epochs),
        budget=budget,
        workers=workers_of(workers, jobs),
        ray=ray,
        ensemble=ensemble,
        soup=soup,
        log_to=log_to or "",
        progress=progress,
    )
    if len(data) > 1:
        from sadari.comparison.across.request import plan_sets
        from sadari.comparison.across.run import compare_sets

        request = plan_sets(data, plan_for)
        _show_across(_resumable(partial(compare_sets, request), out, robustness, margin, progress), as_json, as_latex)
        return
    plan = plan_for(data[0])
    result = _resumable(plan.run, out, robustness, margin, progress)
    _show(result, data[0], as_json, as_latex, searched=plan.searches)


def study(
    file: Annotated[Path, typer.Argument(help="A TOML file that lists arms and claims.", show_default=False)],
    data: Annotated[
        str | None, typer.Option(help="Images instead of those that the file names.", autocompletion=data_names)
    ] = None,
    seeds: Annotated[str | None, seeds_option("How many seeds, or auto, instead of the file's.")] = None,
    epochs: Epochs = None,
    set_: Overrides = None,
    out: Out = None,
    robustness: Robustness = False,
    workers: Workers = "auto",
    ray: Ray = None,
    jobs: OldJobs = None,
    model_code: ModelCode = None,
    log_to: LogTo = None,
    as_json: AsJson = False,
    as_latex: AsLatex = False,
) -> None:
    """Compare what a file describes, with published figures beside ours, and put its claims to the test."""
    from sadari.comparison.plan import Plan
    from sadari.comparison.seeds.chosen import Seeds
    from sadari.comparison.study import read_study
    from sadari.data.load import absolute_data
    from sadari.loggers.targets import parse_targets
    from sadari.models.own.named import let_run

    require_one_form(as_json, as_latex)
    let_run(model_code)
    described = read_study(
        file,
        data=absolute_data(data) if data is not None else None,
        seeds=Seeds.of(seeds) if seeds is not None else None,
        overrides=overrides_of(set_, epochs=epochs),
    )
    plan = Plan(
        described.request,
        described.claims,
        workers_of(workers, jobs),
        estimates=True,
        ray=ray,
        log_to=parse_targets(log_to or ""),
    )
    progress = TerminalProgress()
    for sentence in described.said:
        progress.say(sentence)
    result = _resumable(plan.run, out, robustness, None, progress)
    _show(result, data or described.request.data, as_json, as_latex, described.notes, described.claims)


def _resumable(
    run: Callable[..., Result], out: Path | None, robustness: bool, margin: float | None, progress: "Progress"
) -> Result:
    """Run a comparison; Ctrl-C, SIGTERM and SIGHUP end with their status and the command that goes on."""
    try:
        return run(out=out, robustness=robustness, margin=margin, progress=progress)
    except KeyboardInterrupt:
        command = shlex.join(["sadari", *sys.argv[1:]])
        echo(f"interrupted; what is finished is kept, go on with: {command}", err=True)
        raise typer.Exit(interrupted_status()) from None


def _show_across(result: "AcrossResult", as_json: bool, as_latex: bool) -> None:
    """Draw the plots and the reports of all sets and across them, and show it; status 1 where an arm failed."""
    from sadari.cli.output.across import show_across
    from sadari.report.across import write_across
    from sadari.report.page import write_report
    from sadari.report.plots.files import write_plots
    from sadari.tracking.live_result import log_result

    report: Path | None = None
    try:
        for each in result.results.values():
            plots = write_plots(each)
            write_report(each)
            log_result(each, partial(tuple, plots), TerminalProgress())
        report = write_across(result)
    finally:  # what was measured is shown, even where nothing can be drawn
        show_across(result, stderr_console() if as_json or as_latex else stdout_console(), report)
        if as_json:
            print_json(result.document(report))
        if as_latex:
            echo(result.to_latex().rstrip())
    if any(arm.reason for each in result.results.values() for arm in each.arms):
        raise typer.Exit(1)


def _show(
    result: "ComparisonResult",
    data: str,
    as_json: bool,
    as_latex: bool,
    notes: tuple[str, ...] = (),
    claims: "tuple[Claim, ...]" = (),
    searched: bool = False,
) -> None:
    """Draw the plots and the report, and show the result; status 1 where an arm failed unexpectedly.

    data: as the user typed it. searched: whether the best model was searched, so that one run is the one to use.
    """
    from sadari.cli.output.comparison import show_claims, show_comparison, show_winner
    from sadari.comparison.claims.claim import claimed_to_fail
    from sadari.report.page import write_report
    from sadari.report.plots.files import write_plots
    from sadari.report.plots.fonts import boxes_notice
    from sadari.tracking.live_result import log_result

    plots: tuple[Path, ...] = ()
    report: Path | None = None
    try:
        plots = write_plots(result)
        report = write_report(result)
        log_result(result, lambda: plots, TerminalProgress())
    finally:  # what was measured is shown, even where nothing can be drawn
        screen = stderr_console() if as_json or as_latex else stdout_console()
        show_comparison(result, screen, data, plots, (*notes, *boxes_notice()), report)
        show_claims(result.claims, screen)
        document = result.document(report)
        if searched:
            from sadari.comparison.best.run import chosen_run

            chosen = chosen_run(result)
            document["winner"] = str(chosen.path) if chosen else None
            if chosen:
                show_winner(chosen.path, screen)
        if as_json:
            print_json(document)
        if as_latex:
            echo(result.to_latex().rstrip())
    if any(arm.reason and arm.name not in claimed_to_fail(claims) for arm in result.arms):
        raise typer.Exit(1)
