"""`sadari data review`: which labels are probably wrong, and a page on which a person decides about them."""

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sadari.cli.options import AsJson, Data, Overrides, overrides_of
from sadari.cli.output.console import echo, new_table, print_json, show
from sadari.cli.output.progress import TerminalProgress
from sadari.errors import SadariError, UsageError, missing_package

if TYPE_CHECKING:
    from sadari.review.suspects import Review

NEEDED = ("fastapi", "uvicorn", "httptools", "python_multipart")
PAIRS = 8  # of classes in the table of a terminal


def review_data(
    data: Data,
    set_: Overrides = None,
    top: Annotated[int, typer.Option("--top", metavar="N", min=0, help="Suspects that are listed.")] = 20,
    decisions: Annotated[
        Path | None,
        typer.Option(
            "--decisions",
            metavar="FILE.csv",
            help="Where decisions are read and written.",
            show_default="sadari-review.csv beside the set",
        ),
    ] = None,
    page: Annotated[
        bool | None,
        typer.Option("--page/--no-page", help="Serve the page on which to decide.", show_default="on a terminal"),
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Of the page; 0 takes a free one.")] = 0,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE.html", help="Also write the suspects as a page to look at.", show_default=False),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the labels that are probably wrong, and serve a page on which to keep, relabel or drop each picture.

    Models that have not seen a picture judge its label (confident learning on features of a pre-trained network).
    Decisions go to a small CSV beside the set, which every later command honours; no picture is touched. --set takes
    settings, such as group=folder, and backbone=NAME.
    """
    if html is not None and html.suffix.lower() != ".html":
        raise UsageError(f"--html is the name of an .html file, not '{html}'")
    serving = page if page is not None else not as_json and html is None and sys.stdout.isatty()
    if serving and as_json:
        raise UsageError("--json prints one document and --page serves until it is stopped; leave one of them out")
    if page:
        _require_packages()

    from sadari.review.suspects import make_review

    progress = TerminalProgress()
    found = make_review(data, overrides_of(set_), decisions, progress)
    if html is not None:
        from sadari.report.data.reviewed import write_reviewed

        write_reviewed(found, html)
    if as_json:
        print_json({**found.document(top), "page": str(html.resolve()) if html else None})
        return
    _show(found, top)
    if html is not None:
        show(f"page  {html}")
    if serving and _can_serve(found):
        _serve(found, port)


def _show(found: "Review", top: int) -> None:
    from rich.text import Text

    show(*found.sentences)
    pairs = list(found.pairs())[:PAIRS]
    if pairs:
        table = new_table("label", "probably", "share of all images", right=("share of all images",))
        for given, true, share in pairs:
            table.add_row(Text(given), Text(true), f"{100 * share:.2f} %")
        show(table)
    listed = found.listed
    if listed[:top]:
        table = new_table("file", "label", "suggested", "probability", "", right=("probability",))
        for each in listed[:top]:
            sure = "" if each.sure else "less sure"
            table.add_row(Text(each.file), Text(each.label), Text(each.suggested), f"{each.probability:.2f}", sure)
        show(table)
    if len(listed) > top:
        show(f"and {len(listed) - top:,} more; --top {len(listed)} lists all, also those that are less sure")
    show(*(f"  unreadable: {each}" for each in found.unreadable))
    show(*(f"note  {note}" for note in found.images.notes))


def _require_packages() -> None:
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise missing_package("the page", missing[0], "serve")


def _can_serve(found: "Review") -> bool:
    """Say why there is no page, where there is none. Raises SadariError where decisions could not be written."""
    from sadari.review.desk import elsewhere

    if found.path is None:
        show(
            f"to decide on a page, name a file for the decisions: sadari data review {found.data} --decisions FILE.csv"
        )
        return False
    if hint := elsewhere(found.path):
        raise SadariError(f"cannot write {found.path}{hint}")
    _require_packages()
    return True


def _serve(found: "Review", port: int) -> None:
    """Serve the page at this machine alone until Ctrl-C; its address has a token that no other program knows."""
    import secrets

    from sadari.deploy.serve.access import Access, Guarded
    from sadari.deploy.serve.limits import Limits
    from sadari.deploy.serve.server import listen
    from sadari.deploy.serve.server import run as run_server
    from sadari.review.page.app import make_app
    from sadari.training.interrupt import interrupted_status

    token = secrets.token_urlsafe(16)
    app = make_app(found)
    app.add_middleware(Guarded, access=Access(frozenset(), token))
    listening = listen("127.0.0.1", port, "--port")
    with listening:
        echo(f"page  http://127.0.0.1:{listening.getsockname()[1]}/?token={token}")
        echo(f"      decisions are written to {found.path}")
        echo("stop  Ctrl-C")
        try:
            run_server(app, listening, Limits())
        except KeyboardInterrupt:
            echo("stopped; every decision is written", err=True)
            raise typer.Exit(interrupted_status()) from None
    echo("stopped; every decision is written")
