"""What does the page of `data check --html` show? What was found in a set of images, and the copies side by side."""

from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from sadari.data.findings import Findings
from sadari.files import write_text
from sadari.report.page import render_plain
from sadari.review.deep_copies import look_alike_sentences
from sadari.values import SPLITS, ImageSet

if TYPE_CHECKING:
    from sadari.data.copies.near import NearCopies
    from sadari.review.deep_copies import LookAlike

MOST_GROUPS = 300  # a page of at most some 10 MB; --json has all groups (assumed)
MOST_SHOWN = 8  # pictures of a group of identical copies
SIDE = 160  # pixels of a thumbnail's longer side


@dataclass(frozen=True)
class Shown:
    """One picture of a group of copies: its thumbnail as a data URI, its id, split and class."""

    uri: str
    id: str
    split: str
    label: str


@dataclass(frozen=True)
class Group:
    """Copies that are shown side by side. kind: which copies they are. more: how many of them are not shown."""

    kind: str
    shown: tuple[Shown, ...]
    more: int


def write_checked(found: Findings, images: ImageSet, path: Path, look_alikes: "Sequence[LookAlike]" = ()) -> None:
    """Write the page about `found` to `path`: its sentences, then copies across splits, under two labels, and others.

    images: those that were checked. look_alikes: pairs that may show one scene, shown last. Raises SadariError where
    the page cannot be written.
    """
    everything = list(_groups(found))
    everything.sort(key=lambda each: (not _crosses(each[1]), not _contradicts(each[2])))
    everything += [(_likeness(each), each.splits, each.classes, each.ids) for each in look_alikes]
    place = {str(id_): at for at, id_ in enumerate(images.ids)}
    groups = []
    for kind, splits, labels, ids in everything[:MOST_GROUPS]:
        few = list(zip(ids, splits, labels, strict=True))[:MOST_SHOWN]
        shown = tuple(shown_picture(images, place[id_], id_, split, label) for id_, split, label in few)
        groups.append(Group(kind, shown, len(ids) - len(few)))
    sizes = " · ".join(f"{found.size(split):,} {split}" for split in SPLITS if found.size(split))
    facts = f"{sizes} · {len(found.classes)} classes"
    sentences = (*found.sentences, *(look_alike_sentences(look_alikes) if look_alikes else ()))
    left_out = max(0, len(everything) - MOST_GROUPS)
    title = f"{found.data}: {_headline(found)}"
    content = {"title": title, "facts": facts, "sentences": sentences, "groups": groups, "left_out": left_out}
    write_text(path, render_plain("checked.html.j2", **content))


def _headline(found: Findings) -> str:
    if found.leaks:
        return f"{found.leaks:,} image{' leaks' if found.leaks == 1 else 's leak'}"
    return "no leaks found"


Row = tuple[str, Sequence[str], Sequence[str], Sequence[str]]


def _groups(found: Findings) -> Iterator[Row]:
    """Yield the kind, the splits, the classes and the ids of each group of copies."""
    for group in found.copies:
        yield "identical", group.splits, group.classes, group.ids
    for pair in found.near or ():
        yield _kind(pair), pair.splits, pair.classes, pair.ids


def _kind(pair: "NearCopies") -> str:
    return f"near-copies{', mirrored' if pair.mirrored else ''}, cosine {pair.cosine:.2f}"


def _likeness(pair: "LookAlike") -> str:
    return f"to look at, not a fact: features alike, {pair.likeness:.2f}"


def _crosses(splits: Sequence[str]) -> bool:
    return len(set(splits)) > 1


def _contradicts(labels: Sequence[str]) -> bool:
    return len(set(labels)) > 1


def shown_picture(images: ImageSet, position: int, id_: str, split: str, label: str) -> Shown:
    """Return the image at `position` as a thumbnail with what stands below it."""
    pixels = np.asarray(images.images[position])
    picture = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    picture.thumbnail((SIDE, SIDE))
    held = BytesIO()
    picture.save(held, "WEBP", quality=80)
    return Shown(f"data:image/webp;base64,{b64encode(held.getvalue()).decode('ascii')}", id_, split, label)
