"""`sadari data map`: which pictures of a set look alike, and where are a run's mistakes among them? As one page."""

from pathlib import Path
from typing import Annotated

import typer

from sadari.cli.options import AsJson, Data, Overrides, out_option, overrides_of, seed_option
from sadari.cli.output.console import print_json, show
from sadari.cli.output.progress import TerminalProgress
from sadari.errors import UsageError


def map_data(
    data: Data,
    set_: Overrides = None,
    run: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN",
            help="Show what a run, or all folds of a comparison, got right and wrong.",
            show_default=False,
        ),
    ] = None,
    features: Annotated[
        str,
        typer.Option(metavar="WORD", help="backbone, pixels, or auto: pixels of small grey images, else a backbone."),
    ] = "auto",
    most: Annotated[int, typer.Option(metavar="N", help="Pictures; of more, a random sample of each class.")] = 5_000,
    seed: Annotated[int, seed_option("Decides the layout, and which pictures are drawn for it.")] = 0,
    out: Annotated[Path, out_option("The page.", metavar="FILE.html")] = Path("map.html"),
    as_json: AsJson = False,
) -> None:
    """Write a page with all pictures in two dimensions, alike ones near each other: one file, with thumbnails.

    Pictures among those of another class are worth a look: their labels may be wrong. --set takes settings, such as
    image_size=64, and backbone=NAME.
    """
    if out.suffix.lower() != ".html":
        raise UsageError(f"--out is the name of an .html file, not '{out}'")

    from sadari.report.maps.answered import map_of
    from sadari.report.maps.page import write_map

    found = map_of(data, overrides_of(set_), TerminalProgress(), run, features, most, seed)
    write_map(found, out)
    if as_json:
        print_json(found.document(out))
        return
    size = f"{out.stat().st_size / 1e6:.1f} MB"
    show(*found.sentences, *(f"note  {note}" for note in found.notes), f"page  {out} ({size})")
