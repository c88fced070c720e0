"""`sadari serve`: a run's model on the network, with a page to play with."""

import shlex
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sadari.cli.options import RunOrExport
from sadari.errors import SadariError

if TYPE_CHECKING:
    from sadari.inference.classifier import Classifier

NEEDED = ("fastapi", "httptools", "prometheus_client", "python_multipart", "uvicorn")
LOCAL = ("127.0.0.1", "localhost", "::1")


def serve(
    run: RunOrExport,
    host: Annotated[str, typer.Option(help="The address to listen at; 0.0.0.0 for everybody on the network.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8000,
) -> None:
    """Let a run's model answer over HTTP, and show a page to play with."""
    _require_packages()
    from sadari.deploy.serve.limits import Limits
    from sadari.deploy.serve.routes import make_app
    from sadari.deploy.serve.server import listen, opened_to_serve
    from sadari.deploy.serve.server import run as run_server

    listening = listen(host, port)
    with listening, opened_to_serve(run) as classifier:
        limits = Limits()
        app = make_app(classifier, limits)
        address, bound = listening.getsockname()[:2]
        for line in _lines(classifier, address, bound):
            typer.echo(line)
        run_server(app, listening, limits)
    typer.echo("stopped; everything under way was answered")


def _require_packages() -> None:
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise SadariError(f"serving needs the package {missing[0]}; install it with: pip install 'sadari[serve]'")


def _lines(classifier: "Classifier", host: str, port: int) -> list[str]:
    """Return what is served, at which address, and how to send it an image."""
    height, width, channels = classifier.shape
    colour = "grey" if channels == 1 else "colour"
    where = f"[{host}]" if ":" in host else host
    root = f"http://{where}:{port}"
    lines = [
        f"{_title(classifier)}   {height}x{width} {colour}   {len(classifier.classes)} classes",
        f"page  {root}",
        f"ask   curl -F images=@photo.jpg {shlex.quote(f'{root}/predict')}",
        "stop  Ctrl-C",
    ]
    if host not in LOCAL:
        lines.insert(1, f"everybody who reaches {host} can use it; without --host it answers this machine only")
    return lines


def _title(classifier: "Classifier") -> str:
    from sadari.run import RunRecord

    run = RunRecord(classifier.path)
    if not RunRecord.is_run(run.path):
        return classifier.path.name
    name = Path(run.job.model).stem if run.job.model.endswith(".toml") else run.job.model
    summary = run.summary if run.finished else {}
    judged = summary.get("judged_on", "")
    accuracy = f"   {judged} accuracy {summary['scores'][judged]['accuracy']:.3f}" if judged else ""
    return f"{name} on {run.job.data}{accuracy}"
