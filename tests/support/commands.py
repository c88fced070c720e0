"""Can a command of the pages be typed? Its words are parsed, and nothing runs."""

import shlex
from typing import Any

from typer.main import get_command

from sadari.cli.main import app
from sadari.cli.output.plugins import apart


def parse(command: str) -> None:
    """Parse `command`, from `sadari` on; raises what the program raises for words that it does not know."""
    (name, *words), _ = apart(shlex.split(command))
    chosen: Any = get_command(app)
    while hasattr(chosen, "commands"):
        name, *words = words
        chosen = chosen.commands[name]
    chosen.make_context(name, words)
