"""How do results reach the terminal? Text and tables through Rich, JSON as one document on standard output."""

import json
import re
import sys
from functools import cache
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.segment import Segment
    from rich.table import Table

PIPE_WIDTH = 120  # columns of a table where the output is no terminal; Rich would take 80 and fold the rows (assumed)


# What names may hold that commands a terminal or turns its direction of writing; line breaks and tabs are harmless.
_COMMANDS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def harmless(text: str) -> str:
    """Return `text`, of several lines perhaps, with a sign in the place of every letter that commands a terminal."""
    return _COMMANDS.sub("\N{REPLACEMENT CHARACTER}", text)


def echo(text: str = "", err: bool = False) -> None:
    """Print `text`, made harmless, and a line break on standard output, or on standard error."""
    typer.echo(harmless(text), err=err)


@cache
def _harmless_console() -> "type[Console]":
    """Return Rich's console with all text made harmless; what Rich itself commands is no text."""
    from rich.console import Console
    from rich.segment import Segment

    class HarmlessConsole(Console):
        def render(self, renderable: "RenderableType", options: "ConsoleOptions | None" = None) -> "Iterable[Segment]":
            for text, style, control in super().render(renderable, options):
                yield Segment(text if control else harmless(text), style, control)

    return HarmlessConsole


def stdout_console() -> "Console":
    """Return the console for results; Rich honours NO_COLOR by itself."""
    console = _harmless_console()(highlight=False)
    if not console.is_terminal:
        console.width = PIPE_WIDTH
    return console


def stderr_console() -> "Console":
    """Return the console for everything that is not the result."""
    return _harmless_console()(stderr=True, highlight=False)


def show(*lines: "str | Table") -> None:
    """Print lines and tables on standard output. Lines are never folded."""
    from rich.text import Text

    console = stdout_console()
    for line in lines:
        console.print(Text(line) if isinstance(line, str) else line, soft_wrap=isinstance(line, str))


def new_table(*columns: str, right: tuple[str, ...] = ()) -> "Table":
    """Return an empty table with these headings. right: the columns of figures, aligned to the right and never cut.

    What does not fit into another column goes on in the next line, also within a word.
    """
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        figures = column in right
        table.add_column(column, justify="right" if figures else "left", no_wrap=figures, overflow="fold")
    return table


def print_json(document: Any) -> None:
    """Print one indented JSON document on standard output."""
    typer.echo(json_text(document, indent=2))


def json_text(document: Any, indent: int | None = None) -> str:
    """Return `document` as JSON, on one line without `indent`.

    Letters of all scripts stay readable. Where standard output cannot encode one of them, such as in the name of a
    file that is not UTF-8, all letters outside of ASCII are escaped instead.
    """
    text = json.dumps(document, indent=indent, ensure_ascii=False)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return json.dumps(document, indent=indent)
    return text


def duration(seconds: float) -> str:
    """Return a time as people say it: "0.8s", "21s", "2m 41s", "1h 05m"."""
    if seconds < 10:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02}s"
    return f"{whole // 3600}h {whole % 3600 // 60:02}m"


def printable(text: str) -> str:
    """Return `text` without what moves the cursor or commands the terminal, such as a line break or an escape."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
