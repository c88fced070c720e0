"""`sadari data check`: can a set be trusted? What is found, in words, as JSON, and as a page that shows the copies."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sadari.cli.options import AsJson, Data, DataSettings, overrides_of
from sadari.cli.output.console import print_json, show
from sadari.cli.output.progress import TerminalProgress
from sadari.errors import SadariError, UsageError
from sadari.progress import Progress
from sadari.settings import Settings, Value, with_overrides

if TYPE_CHECKING:
    from sadari.data.findings import Findings
    from sadari.review.deep_copies import LookAlike
    from sadari.values import ImageSet, Split

NAMED = 3  # files in a sentence
SHOWN = 10  # groups of equal images; assumed enough to see what kind of copies they are


def check_data(
    data: Data,
    set_: DataSettings = None,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE.html", help="Also write a page that shows the copies.", show_default=False),
    ] = None,
    deep: Annotated[
        bool,
        typer.Option(
            "--deep", help="Also list pictures whose features are suspiciously alike: bursts, frames of a video, crops."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Look for unreadable files, copies inside and across splits, one picture under two labels, one-sided classes.

    Each finding says what it means for a result. Exit status: 1 where files cannot be read or photographs of an unread
    format are left out, else 0, since the rest is for you to weigh.
    """
    if html is not None and html.suffix.lower() != ".html":
        raise UsageError(f"--html is the name of an .html file, not '{html}'")
    overrides, progress = overrides_of(set_), TerminalProgress()
    found, images, split = _check(data, with_overrides(Settings(), overrides), progress)
    look_alikes = _look_deeper(data, overrides, found, images, split, progress) if deep else None
    if html is not None:
        from sadari.report.data.checked import write_checked

        write_checked(found, images, html, look_alikes or ())
    if as_json:
        documents = None if look_alikes is None else [each.document() for each in look_alikes]
        print_json({**found.document(), "look_alikes": documents, "page": str(html.resolve()) if html else None})
    else:
        _show_findings(found)
        if look_alikes is not None:
            _show_look_alikes(look_alikes)
        show(*([f"page  {html}"] if html else []))
    if found.unreadable or found.photographs:
        raise typer.Exit(1)


def _look_deeper(
    data: str, overrides: Mapping[str, Value], found: "Findings", images: "ImageSet", split: "Split", progress: Progress
) -> "tuple[LookAlike, ...]":
    from sadari.review.deep_copies import find_look_alikes
    from sadari.values import SPLITS

    split_of = {str(images.ids[at]): name for name in SPLITS for at in split.positions(name)}
    skipped: dict[str, Value] = {"unreadable": "skip"} if found.unreadable else {}
    return find_look_alikes(found, split_of, data, {**overrides, **skipped}, progress)


def _show_look_alikes(look_alikes: "Sequence[LookAlike]") -> None:
    from sadari.review.deep_copies import look_alike_sentences

    show(*(f"- {sentence}" for sentence in look_alike_sentences(look_alikes)))
    for pair in look_alikes[:SHOWN]:
        described = (f"{i} ({c}, {p})" for i, c, p in zip(pair.ids, pair.classes, pair.splits, strict=True))
        show(f"  alike, {pair.likeness:.2f}: {', '.join(described)}")
    if len(look_alikes) > SHOWN:
        show(f"  and {len(look_alikes) - SHOWN:,} more pairs; --json lists all, --html shows them")


def _check(data: str, settings: Settings, progress: Progress) -> "tuple[Findings, ImageSet, Split]":
    from sadari.data.check import check, find_unreadable
    from sadari.data.copies.apart import REPORT
    from sadari.data.decode import Frame
    from sadari.data.findings import Unreadable
    from sadari.data.load import load, open_source
    from sadari.data.sources.base import FileContent
    from sadari.data.split import draw_split

    unreadable: tuple[Unreadable, ...] = ()
    try:
        images = load(data, with_overrides(settings, {"unreadable": "refuse"}), progress)
    except SadariError:
        # Loading stops at the first reason; where that was files that are no images, look at every one of them.
        content = open_source(data, settings).content()
        most = Frame.of(settings).max_pixels
        unreadable = find_unreadable(content, progress, most) if isinstance(content, FileContent) else ()
        if not unreadable:
            raise
        try:
            images = load(data, with_overrides(settings, {"unreadable": "skip"}), progress)
            draw_split(images, settings)
        except SadariError as error:
            first = ", ".join(f"{each.id} ({each.reason})" for each in unreadable[:NAMED])
            more = f" and {len(unreadable) - NAMED:,} more" if len(unreadable) > NAMED else ""
            raise SadariError(
                f"{len(unreadable):,} files cannot be read: {first}{more}; without them, {error}"
            ) from None
    split = draw_split(images, settings, progress)
    found = check(images, split, unreadable, progress, _photographs_left_out(data, settings))
    if settings.copies != REPORT:
        found = replace(found, notes=(*found.notes, f"copies={settings.copies}: {split.origin}"))
    return found, images, split


def _photographs_left_out(data: str, settings: Settings) -> int:
    from sadari.data.load import named_sets, open_source
    from sadari.data.sources.base import FileContent

    if data.partition(":")[0] in named_sets() or data.lower().endswith(".npz"):
        return 0
    content = open_source(data, settings).content()
    return content.photographs if isinstance(content, FileContent) else 0


def _show_findings(found: "Findings") -> None:
    from sadari.values import SPLITS

    sizes = " · ".join(f"{found.size(split_name):,} {split_name}" for split_name in SPLITS if found.size(split_name))
    leaks = f"{found.leaks:,} leak{'' if found.leaks == 1 else 's'}" if found.leaks else "no leaks found"
    show(f"{found.data}: {sizes}, {len(found.classes)} classes, {leaks}")
    show(*(f"- {sentence}" for sentence in found.sentences or (_nothing(found),)))
    for group in found.copies[:SHOWN]:
        described = (f"{i} ({c}, {p})" for i, c, p in zip(group.ids, group.classes, group.splits, strict=True))
        show(f"  equal: {', '.join(described)}")
    if len(found.copies) > SHOWN:
        show(f"  and {len(found.copies) - SHOWN:,} more groups of equal images; --json lists all")
    for pair in (found.near or ())[:SHOWN]:
        described = (f"{i} ({c}, {p})" for i, c, p in zip(pair.ids, pair.classes, pair.splits, strict=True))
        show(f"  near-copies{', mirrored' if pair.mirrored else ''}: {', '.join(described)}")
    if len(found.near or ()) > SHOWN:
        show(f"  and {len(found.near or ()) - SHOWN:,} more pairs of near-copies; --json lists all")
    show(*(f"  unreadable: {each.id}: {each.reason}" for each in found.unreadable))
    show(*(f"note  {note}" for note in found.notes if note not in found.sentences))


def _nothing(found: "Findings") -> str:
    copies = "identical copies" if found.near is None else "identical copies and near-copies"
    besides = ", besides the notes" if found.notes else ""
    return f"nothing else was found{besides}; {copies} were looked for"
