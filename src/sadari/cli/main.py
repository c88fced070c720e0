"""Which commands are there, and with which status do they end?

0 done; 1 it failed, with one sentence; 2 the command line is wrong. Interrupted, with the work stored: 130 by Ctrl-C,
143 by SIGTERM, 129 by SIGHUP (a closed terminal).
"""

import sys
import threading
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from sadari.cli.compare import compare, study
from sadari.cli.data.commands import app as data_app
from sadari.cli.doctor import doctor
from sadari.cli.evaluate import evaluate
from sadari.cli.explain import explain
from sadari.cli.export import export, log
from sadari.cli.models import models
from sadari.cli.output.console import echo, harmless
from sadari.cli.output.plugins import plugin_warnings_said, without_plugins
from sadari.cli.output.streams import usable_streams
from sadari.cli.predict import predict
from sadari.cli.report import report
from sadari.cli.run import run
from sadari.cli.serve import serve
from sadari.cli.settings import settings
from sadari.cli.train import resume, train
from sadari.cli.tune import tune
from sadari.errors import SadariError
from sadari.training.interrupt import end_by_signals, interrupt_by_signals, interrupted_status


class _InterruptedError(Exception):
    """Ctrl-C or SIGTERM in a command that does not end by itself then."""


class _Commands(TyperGroup):
    """The commands; Typer would end an interrupted one with status 130, whatever the signal, and without a word."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise _InterruptedError from None


app = typer.Typer(
    name="sadari",
    cls=_Commands,
    help="Climb a ladder of image classifiers and compare the rungs honestly.",
    rich_markup_mode=None,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        import sadari

        echo(f"sadari {sadari.__version__}")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the whole traceback of a failure.")] = False,
    plugins: Annotated[
        str | None,
        typer.Option(
            "--plugins", metavar="MODULE", help="Import this module for what its decorators add; anywhere, and again."
        ),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print it.")
    ] = False,
) -> None:
    """Climb a ladder of image classifiers and compare the rungs honestly."""
    del version
    del debug, plugins  # read from the command line by `main`, so that they may stand anywhere


app.command("compare")(compare)
app.command("train")(train)
app.command("resume")(resume)
app.command("evaluate")(evaluate)
app.command("predict")(predict)
app.command("export")(export)
app.command("explain")(explain)
app.command("serve")(serve)
app.command("study")(study)
app.command("tune")(tune)
app.command("run")(run)
app.command("report")(report)
app.command("log")(log)
app.command("models")(models)
app.command("settings")(settings)
app.add_typer(data_app, name="data")
app.command("doctor")(doctor)


def main() -> None:
    """Run the command line and leave with its status."""
    try:
        with usable_streams(), plugin_warnings_said():
            status = _run()
    finally:
        if threading.current_thread() is threading.main_thread():
            end_by_signals()  # what Python does at its end would answer a KeyboardInterrupt with a traceback
    sys.exit(status)


def _run() -> int:
    debug = "--debug" in sys.argv
    try:
        arguments = without_plugins([each for each in sys.argv[1:] if each != "--debug"])
        if threading.current_thread() is threading.main_thread():
            interrupt_by_signals()
        status = app(arguments, standalone_mode=False)
        sys.stdout.flush()
    except (BrokenPipeError, SystemExit) as error:
        if getattr(sys.stdout, "reader_gone", False):  # it has seen enough, such as `head`
            return 0
        if isinstance(error, SystemExit):
            raise
        status = _unexpected(error)
    except SadariError as error:
        if debug:
            raise
        status = _say(f"error: {error}", error.status)
    except (KeyboardInterrupt, _InterruptedError):
        status = _say("interrupted", interrupted_status())
    except Exception as error:
        if debug:
            raise
        status = _unexpected(error)
    return status if isinstance(status, int) else 0


def _unexpected(error: Exception) -> int:
    """Return the status for `error`, and print why: an error of Typer has both; any other is a mistake of ours."""
    if hasattr(error, "exit_code") and hasattr(error, "format_message"):
        return _say(f"error: {error.format_message().removesuffix('.')}; see `sadari --help`", int(error.exit_code))
    sentence = str(error) or "no reason given"
    return _say(f"error: sadari failed unexpectedly ({type(error).__name__}: {sentence}); see --debug", 1)


def _say(sentence: str, status: int) -> int:
    sys.stderr.write(harmless(sentence) + "\n")
    return status
