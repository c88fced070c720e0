"""`sadari data`: which sets are there, what is in one, can it be trusted, and how is it converted?"""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sadari.cli.data.cache import cache
from sadari.cli.data.check import check_data
from sadari.cli.data.map import map_data
from sadari.cli.data.review import review_data
from sadari.cli.options import AsJson, Data, DataSettings, out_option, overrides_of, seed_option
from sadari.cli.output.console import new_table, print_json, show
from sadari.cli.output.progress import TerminalProgress
from sadari.errors import UsageError
from sadari.settings import Settings, with_overrides

if TYPE_CHECKING:
    from sadari.data.pixel_figures import ChannelFigures
    from sadari.values import ImageSet, Split

app = typer.Typer(no_args_is_help=True, help="List, look at, check and convert sets of images.")
app.command("cache")(cache)
app.command("check")(check_data)
app.command("map")(map_data)
app.command("review")(review_data)


@app.command("list")
def list_sets(as_json: AsJson = False) -> None:
    """Show the sets that are known by name, and whether they are here."""
    from rich.text import Text

    from sadari.data.load import named_sets
    from sadari.data.sources.catalog import download_folder, where

    sets = list(named_sets())
    target = download_folder()
    if as_json:
        documents = [
            {"name": each.name, "summary": each.summary, "where": where(each.name), "options": dict(each.options)}
            for each in sets
        ]
        print_json({"sets": documents, "download_folder": str(target)})
        return
    table = new_table("name", "what it is", "where")
    for each in sets:
        table.add_row(each.name, each.summary, Text(where(each.name)))
    show(table)
    for each in sets:
        if each.options:
            show(f"options of {each.name}, written {each.name}:key=value,key=value")
            show(*(f"  {name:10} {meaning}" for name, meaning in each.options.items()))
    if any(where(each.name) == "missing" for each in sets):
        show(f"a missing set is downloaded to {target} when it is first used")


@app.command()
def info(data: Data, set_: DataSettings = None, as_json: AsJson = False) -> None:
    """Show how many images of which size are in each class and split, and where the splits come from."""
    from sadari.data.load import load
    from sadari.data.split import draw_split

    settings = _settings(set_)
    images = load(data, settings, TerminalProgress())
    document = _info(data, images, draw_split(images, settings, TerminalProgress()))
    if as_json:
        print_json(document)
    else:
        _show_info(document)


def _info(data: str, images: "ImageSet", split: "Split") -> dict[str, Any]:
    import numpy as np

    from sadari.data.groups.shared import shared_groups
    from sadari.values import SPLITS

    height, width, channels = images.shape
    counts: dict[str, dict[str, int]] = {}
    for split_name in SPLITS:
        per_class = np.bincount(images.labels[split.positions(split_name)], minlength=len(images.classes))
        counts[split_name] = dict(zip(images.classes, per_class.tolist(), strict=True))
    return {
        "data": data,
        "name": images.name,
        "images": len(images),
        "sizes": {split_name: len(split.positions(split_name)) for split_name in SPLITS},
        "height": height,
        "width": width,
        "channels": channels,
        "classes": list(images.classes),
        "counts": counts,
        "split": split.origin,
        "groups": shared_groups(images, split).document(),
        "evidence": images.evidence is not None,
        "fingerprint": images.fingerprint,
        "notes": list(images.notes),
    }


def _show_info(document: dict[str, Any]) -> None:
    from rich.text import Text

    from sadari.values import SPLITS

    colour = "grey" if document["channels"] == 1 else "colour"
    shape = f"{document['height']}x{document['width']} {colour}"
    show(f"{document['name']}: {document['images']:,} images, {shape}, {len(document['classes'])} classes")
    splits = [split_name for split_name in SPLITS if document["sizes"][split_name]]
    table = new_table("class", *splits, right=SPLITS)
    for name in document["classes"]:
        table.add_row(Text(name), *(f"{document['counts'][split_name][name]:,}" for split_name in splits))
    table.add_row("all", *(f"{document['sizes'][split_name]:,}" for split_name in splits), style="bold")
    if document["groups"]:
        in_splits = document["groups"]["splits"]
        table.add_row("groups", *(f"{in_splits[split_name]:,}" for split_name in splits))
    show(table, f"split        {document['split']}", f"fingerprint  {document['fingerprint']}")
    show(*(f"note         {note}" for note in document["notes"]))


@app.command("convert")
def convert_data(
    data: Data,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="A new .npz file, or a new folder for PNGs.")],
    set_: DataSettings = None,
) -> None:
    """Write a set as one .npz file or as a folder of class folders of PNGs, with the splits that it gives."""
    from sadari.data.convert import convert
    from sadari.data.load import load

    progress = TerminalProgress()
    images = load(data, _settings(set_), progress)
    for note in (*images.notes, *convert(images, out, progress)):
        progress.say(f"note: {note}")
    progress.say(f"wrote {len(images):,} images to {out}")


@app.command("show")
def show_data(
    data: Data,
    set_: DataSettings = None,
    seed: Annotated[int, seed_option("Decides which images are drawn.")] = 0,
    out: Annotated[Path, out_option("The picture.", metavar="FILE.png")] = Path("samples.png"),
    as_json: AsJson = False,
) -> None:
    """Draw up to 25 training images, each under its class, and say which mean and deviation the pixels have.

    These are per channel, before and after --set scaling=... (unit, channel, pixel or none), fitted on the training
    images alone.
    """
    from sadari.data.load import load
    from sadari.data.split import draw_split
    from sadari.report.data.views import write_samples
    from sadari.report.plots.fonts import boxes_notice

    settings, progress = _settings(set_), TerminalProgress()
    _require_png(out)
    images = load(data, settings, progress)
    split = draw_split(images, settings)
    figures = _pixel_figures(images, split, settings)
    drawn = write_samples(images, split, out, seed)
    if as_json:
        described = [asdict(each) for each in figures]
        document = {"picture": str(out.resolve()), "images": drawn, "scaling": settings.scaling, "pixels": described}
        print_json({**document, "notes": list(images.notes)})
        return
    if figures:
        _show_pixels(figures, settings.scaling)
    else:
        show("mean and deviation are not computed: the images are streamed, so that all of them had to be decoded")
    show(*(f"note  {note}" for note in (*images.notes, *boxes_notice())))
    show(f"wrote {out}: {drawn} training images, each under its class")


def _pixel_figures(images: "ImageSet", split: "Split", settings: Settings) -> "list[ChannelFigures]":
    """Return mean and deviation of each split and channel; none for images that are decoded at every access."""
    from sadari.data.pixel_figures import channel_figures
    from sadari.data.prepare import Preprocess
    from sadari.values import SPLITS, Prefetching

    if isinstance(images.images, Prefetching):
        return []
    preprocess = Preprocess.fitted(images, split.train, settings.scaling, settings.fit)
    return [each for name in SPLITS for each in channel_figures(images, name, split.positions(name), preprocess)]


def _show_pixels(figures: "list[ChannelFigures]", scaling: str) -> None:
    right = ("mean", "deviation", f"mean, scaling={scaling}", "deviation then")
    table = new_table("pixels", "channel", *right, right=right)
    for each in figures:
        before = (f"{each.mean:.2f}", f"{each.deviation:.2f}")
        then = (f"{round(each.scaled_mean, 4) + 0.0:.4f}", f"{each.scaled_deviation:.4f}")  # no -0.0000
        table.add_row(each.split, each.channel, *before, *then)
    show(table)


def _require_png(out: Path) -> None:
    if out.suffix.lower() != ".png":
        raise UsageError(f"--out is the name of a .png file, not '{out}'")


@app.command("augment")
def augment_data(
    data: Data,
    set_: DataSettings = None,
    seed: Annotated[int, seed_option("Decides which images are drawn, and which views of them.")] = 0,
    out: Annotated[Path, out_option("The picture.", metavar="FILE.png")] = Path("augmentation.png"),
) -> None:
    """Draw training images beside what --set augment=... makes of them, such as 'rotate 30, shift 0.2, flip'."""
    from sadari.data.augment.pipeline import parse_augmentation
    from sadari.data.load import load
    from sadari.data.split import draw_split
    from sadari.report.data.views import view_grid, write_views
    from sadari.report.plots.fonts import boxes_notice

    settings, progress = _settings(set_), TerminalProgress()
    _require_png(out)
    images = load(data, settings, progress)
    augmentation = parse_augmentation(settings.augment, *images.shape[:2])
    if augmentation is None:
        received = f"augment is '{settings.augment}', which changes nothing"
        raise UsageError(f"{received}; say what to draw, such as --set augment='rotate 30, shift 0.2, zoom 0.2, flip'")
    write_views(view_grid(images, draw_split(images, settings), augmentation, settings.augment, seed), out)
    for notice in (*images.notes, *boxes_notice()):
        progress.say(f"note: {notice}")
    progress.say(f"wrote {out}: each training image in the first column, and four views of it")


def _settings(pairs: list[str] | None) -> Settings:
    return with_overrides(Settings(), overrides_of(pairs))
