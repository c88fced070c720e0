"""`sadari data cache`: what was decoded and computed once, how large is it, and how does it leave?"""

import json
import time
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from sadari.data.cache.entries import Entry


def cache(
    clear: Annotated[bool, typer.Option("--clear", help="Take everything out; it is made again when needed.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")] = False,
) -> None:
    """Show decoded images and computed features that are kept between runs, or clear them."""
    from rich.console import Console

    from sadari.data.cache.digests import cache_dir
    from sadari.data.cache.entries import LIMIT, cache_limit, entries, remove

    held = entries()
    if clear:
        for entry in held:
            remove(entry)
        held = entries()
    total = sum(entry.size for entry in held)
    if as_json:
        documents = [{"folder": str(e.folder), "kind": e.kind, "bytes": e.size, "used": e.used} for e in held]
        typer.echo(
            json.dumps({"folder": str(cache_dir()), "bytes": total, "limit": cache_limit(), "entries": documents})
        )
        return
    console = Console(highlight=False)
    if held:
        console.print(_table(held))
    console.print(
        f"{_size(total)} of {_size(cache_limit())} in {cache_dir()}; {LIMIT} sets the limit in GiB", soft_wrap=True
    )


def _table(held: "list[Entry]") -> "Table":
    from rich import box
    from rich.table import Table

    from sadari.data.cache.entries import describe

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("kind", "of what", "size", "last used"):
        table.add_column(column, justify="right" if column == "size" else "left")
    for entry in reversed(held):
        table.add_row(
            entry.kind, describe(entry), _size(entry.size), time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.used))
        )
    return table


def _size(count: float) -> str:
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.1f} MiB"
