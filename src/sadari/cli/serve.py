"""`sadari serve`: a run's model on the network, with a page to play with."""

import re
import shlex
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sadari.cli.options import KEPT, Keep, ModelCode, RunOrExport
from sadari.cli.output.console import echo, printable
from sadari.cli.output.progress import TerminalProgress
from sadari.errors import UsageError, missing_package
from sadari.training.interrupt import interrupted_status

if TYPE_CHECKING:
    from sadari.inference.classifier import Classifier

NEEDED = ("fastapi", "httptools", "prometheus_client", "python_multipart", "uvicorn")
TOKEN = "SADARI_TOKEN"
TOKEN_LETTERS = re.compile(r"[A-Za-z0-9._~-]{8,256}")
EVERYWHERE = ("0.0.0.0", "::")
STOPPED = "stopped; everything under way was answered"
LOCAL = ("127.0.0.1", "localhost", "::1")


def serve(
    run: RunOrExport,
    host: Annotated[str, typer.Option(help="The address to listen at; 0.0.0.0 for everybody on the network.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8000,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="A name under which browsers reach it, such as a proxy's; NAME:PORT for another port. Repeatable.",
        ),
    ] = None,
    token: Annotated[
        str,
        typer.Option(envvar=TOKEN, show_envvar=True, show_default=False, help="What everybody must know who uses it."),
    ] = "",
    max_megapixels: Annotated[
        float | None,
        typer.Option(min=1, help="Larger images are refused.", show_default="50, or what the run sets"),
    ] = None,
    abstain: Annotated[
        bool,
        typer.Option(help="Say `none of these` of images that show none of the classes, where the run says which."),
    ] = True,
    keep: Keep = KEPT,
    model_code: ModelCode = None,
) -> None:
    """Let a run's model answer over HTTP, and show a page to play with."""
    _require_packages()
    import socket

    from sadari.data.image_file import MAX_PIXELS
    from sadari.deploy.serve.access import Access, host_and_port, host_name
    from sadari.deploy.serve.limits import Limits
    from sadari.deploy.serve.routes import make_app
    from sadari.deploy.serve.server import listen, opened_to_serve
    from sadari.deploy.serve.server import run as run_server
    from sadari.models.own.named import let_run

    let_run(model_code)
    _check_token(token)
    own = [] if host in LOCAL else [host, socket.gethostname()]
    names = {*map(host_and_port, allow_host or ()), *map(host_name, own)}
    listening = listen(host, port)
    with listening, opened_to_serve(run, max_megapixels, TerminalProgress()) as opened:
        classifier = opened.abstaining_as_stored(keep) if abstain else opened
        usual = max_megapixels is None and classifier.max_pixels == MAX_PIXELS
        limits = Limits() if usual else Limits.for_pixels(classifier.max_pixels)
        app = make_app(classifier, limits, Access(frozenset(names), token))
        address, bound = listening.getsockname()[:2]
        for line in _lines(classifier, address, bound, bool(token)):
            echo(line)
        try:
            run_server(app, listening, limits)
        except KeyboardInterrupt:
            echo(STOPPED, err=True)  # a closed terminal takes nothing, and that is no failure
            raise typer.Exit(interrupted_status()) from None
    echo(STOPPED)


def _require_packages() -> None:
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise missing_package("serving", missing[0], "serve")


def _check_token(token: str) -> None:
    if token and not TOKEN_LETTERS.fullmatch(token):
        raise UsageError(
            f"a token has 8 to 256 letters, digits or . _ ~ -; make one with: export {TOKEN}=$(openssl rand -hex 16)"
        )


def _lines(classifier: "Classifier", host: str, port: int, token: bool) -> list[str]:
    """Return what is served, at which address, and how to send it an image."""
    height, width, channels = classifier.shape
    colour = "grey" if channels == 1 else "colour"
    reached = _own_address(host) if host in EVERYWHERE else host
    root = f"http://{f'[{reached}]' if ':' in reached else reached}:{port}"
    key = f' -H "Authorization: Bearer ${TOKEN}"' if token else ""
    lines = [
        f"{_title(classifier)}   {height}x{width} {colour}   {len(classifier.classes)} classes",
        f"page  {root}" + "/?token=TOKEN, with your token" * token,
        f"ask   curl{key} -F images=@photo.jpg {shlex.quote(f'{root}/predict')}",
        "stop  Ctrl-C",
    ]
    if host not in LOCAL:
        who = "everybody who knows the token and" if token else "everybody who"
        advice = "" if token else f"; give it a --token, or set {TOKEN}"
        where = "this machine" if host in EVERYWHERE else host
        lines.insert(1, f"{who} reaches {where} can use it{advice}; without --host it answers this machine only")
    return [printable(line) for line in lines]


def _own_address(host: str) -> str:
    """Return an address of this machine that others can reach; a name where it has none. Nothing is sent."""
    import socket

    family, outside = (socket.AF_INET6, "2001:db8::1") if ":" in host else (socket.AF_INET, "192.0.2.1")
    with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as asking:
        asking.connect((outside, 9))  # addresses for documentation (RFC 5737, RFC 3849): only the route is looked up
        return str(asking.getsockname()[0])
    return socket.gethostname()


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
