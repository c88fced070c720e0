"""`sadari run`: what a project file describes is made where it is missing or out of date, and it says which that is."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sadari.cli.completion import entry_names
from sadari.cli.options import AsJson, ModelCode, Workers, workers_of
from sadari.cli.output.console import echo, print_json, printable, stderr_console, stdout_console
from sadari.cli.output.progress import TerminalProgress
from sadari.errors import UsageError
from sadari.training.interrupt import interrupted_status

if TYPE_CHECKING:
    from rich.console import Console

    from sadari.project.entries import Entry
    from sadari.project.file import Project
    from sadari.project.run import Made
    from sadari.project.standing import ProjectStatus


def run(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FILE] [NAME...]",
            help="The project file or its folder, sadari.toml here without it, and entries of it.",
            show_default=False,
            autocompletion=entry_names,
        ),
    ] = None,
    status: Annotated[
        bool, typer.Option("--status", help="Only say what is out of date and why: status 1 where something is.")
    ] = False,
    init: Annotated[bool, typer.Option("--init", help="Write a project file to begin with.")] = False,
    anew: Annotated[bool, typer.Option("--anew", help="Train again what is up to date, too.")] = False,
    workers: Workers = "auto",
    model_code: ModelCode = None,
    as_json: AsJson = False,
) -> None:
    """Work through the comparisons, searches and exports of a project file: what is out of date is made, and why."""
    where, names = _said(words or [], init)
    if init:
        from sadari.project.file import FILE

        if status or anew or names or (where.endswith(".toml") and Path(where).name != FILE):
            raise UsageError(f"--init writes a new {FILE}; give it alone, or with a folder that is there")
        _write_template(Path(where), as_json)
        return
    if status and anew:
        raise UsageError("--status makes nothing, and --anew trains again; leave one of them out")
    from sadari.models.own.named import let_run
    from sadari.project.file import read_project

    let_run(model_code)
    project = read_project(where)
    if status:
        from sadari.project.standing import project_standing

        found = project_standing(project, names)
    else:
        found = _run(project, names, anew, workers_of(workers, None), as_json)
    if as_json:
        print_json(found.document())
    else:
        for line in lines_of(found):
            echo(line)
    if not found.up_to_date:
        raise typer.Exit(1)


def _said(words: list[str], init: bool) -> tuple[str, tuple[str, ...]]:
    """Return the project, and the names of entries: the first word is the project where it is a path or ends so.

    A folder that has the name of an entry, such as that of its images, is none where the project file is here alone.
    """
    from sadari.project.file import FILE

    if not words:
        return ".", ()
    first = words[0]
    a_name = "/" not in first and first.strip(".") and not init and Path(FILE).is_file()
    a_name = a_name and not Path(first, FILE).exists()
    if first.endswith(".toml") or (Path(first).is_dir() and not a_name):
        return first, tuple(words[1:])
    return ".", tuple(words)


def _write_template(where: Path, as_json: bool) -> None:
    from sadari.project.template import write_template

    written = write_template(where.parent if where.name.endswith(".toml") else where)
    if as_json:
        print_json({"written": [str(each) for each in written]})
        return
    for each in written:
        echo(f"wrote   {each}")
    echo(f"next    sadari run{'' if where == Path() else f' {shlex.quote(str(where))}'}")


def _run(project: "Project", names: tuple[str, ...], anew: bool, workers: int | None, as_json: bool) -> "ProjectStatus":
    from sadari.project.run import run_entries

    console = stderr_console() if as_json else stdout_console()

    def seen(entry: "Entry", made: "Made") -> None:
        _show(entry, made, console)

    try:
        return run_entries(project, names, anew=anew, workers=workers, progress=TerminalProgress(), seen=seen)
    except KeyboardInterrupt:
        command = shlex.join(["sadari", *(each for each in sys.argv[1:] if each != "--anew")])
        echo(f"interrupted; what is finished is kept, go on with: {command}", err=True)
        raise typer.Exit(interrupted_status()) from None


def _show(entry: "Entry", made: "Made", console: "Console") -> None:
    """Print what the command of an entry would print: its table, or the exported file."""
    from rich.text import Text

    from sadari.cli.output.comparison import show_claims, show_comparison
    from sadari.cli.output.tune import show_tuning
    from sadari.comparison.result import ComparisonResult
    from sadari.report.plots.fonts import boxes_notice
    from sadari.tuning.result import TuneResult

    console.print(Text(f"\n{entry.kind}.{entry.name}", style="bold"))
    if isinstance(made, ComparisonResult):
        plots = tuple(sorted((made.out / "plots").glob("*.png")))
        show_comparison(made, console, made.data.name, plots, boxes_notice(), made.out / "report.html")
        show_claims(made.claims, console)
    elif isinstance(made, TuneResult):
        show_tuning(made, console, made.request.data, made.out / "report.html")
    else:
        console.print(Text(f"{made.path}   {made.bytes / 1e6:.1f} MB"), soft_wrap=True)
    console.print()


def lines_of(found: "ProjectStatus") -> list[str]:
    """Return how the entries stand, as lines: its state and figures, then each reason, then what would be done."""
    width = max((len(each.name) for each in found.entries.values()), default=0)
    states = max((len(each.state) for each in found.entries.values()), default=0)
    lines = []
    for each in found.entries.values():
        details = [reason.sentence for reason in each.reasons]
        details += [f"to do: {each.to_do}"] if each.to_do else []
        if each.figures:
            details.insert(0, each.figures if each.good else f"as it was: {each.figures}")
        first, *others = details or [""]
        lines.append(printable(f"{each.name:{width}}  {each.state:{states}}  {first}").rstrip())
        lines += [printable(f"{'':{width + states + 4}}{other}") for other in others]
    return lines
