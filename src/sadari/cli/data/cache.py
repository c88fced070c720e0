"""`sadari data cache`: what was decoded and computed once, how large is it, and how is it removed?"""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from sadari.cli.options import AsJson
from sadari.cli.output.console import new_table, print_json, show

if TYPE_CHECKING:
    from rich.table import Table

    from sadari.data.cache.entries import Entry


def cache(
    clear: Annotated[bool, typer.Option("--clear", help="Remove everything; it is made again when needed.")] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Compare every byte with its checksum; remove what was altered.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show what is kept between runs (decoded images, computed features, weights), verify it, or clear it."""
    from sadari.data.cache.digests import cache_dir
    from sadari.data.cache.entries import (
        LIMIT,
        cache_limit,
        entries,
        leftovers,
        remove,
        remove_altered,
        remove_leftovers,
        temporary_leftovers,
    )

    altered: list[Entry] = []
    if clear:
        for entry in entries():
            remove(entry)
        remove_leftovers()
    elif verify:
        altered = remove_altered()
    held, unfinished, temporary = entries(), leftovers(), temporary_leftovers()
    total = sum(entry.size for entry in held)
    if as_json:
        documents = [{"folder": str(e.folder), "kind": e.kind, "bytes": e.size, "used": e.used} for e in held]
        print_json(
            {
                "folder": str(cache_dir()),
                "bytes": total,
                "limit": cache_limit(),
                "entries": documents,
                "unfinished": {"count": unfinished.count, "bytes": unfinished.size},
                "temporary": {"count": temporary.count, "bytes": temporary.size},
                **({"altered": [str(each.folder) for each in altered]} if verify else {}),
            }
        )
    else:
        if held:
            show(_table(held))
        show(f"{_size(total)} of {_size(cache_limit())} in {cache_dir()}; {LIMIT} sets the limit in GiB")
        if unfinished.count:
            show(f"besides {_size(unfinished.size)} unfinished, of processes at work or ended ones; see --clear")
        if temporary.count:
            folders = "folder" if temporary.count == 1 else "folders"
            show(f"besides {_size(temporary.size)} in {temporary.count} temporary {folders}, likewise")
        if verify:
            show(f"{len(held):,} verified: as they were written; {len(altered):,} altered and removed")
    if altered:
        raise typer.Exit(1)


def _table(held: "list[Entry]") -> "Table":
    from sadari.data.cache.entries import describe

    table = new_table("kind", "of what", "size", "last used", right=("size",))
    for entry in reversed(held):
        used = time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.used))
        table.add_row(entry.kind, describe(entry), _size(entry.size), used)
    return table


def _size(count: float) -> str:
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.1f} MiB"
