"""Which images belong together, such as those of one patient? A source says it, or file names and folders do.

The setting `group` chooses: "auto" takes what the source says (a column of a table, arrays of an .npz), "none" nothing,
"column:NAME" another column, "folder" the folder between class and file; anything else is a regular expression.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sadari.data.cache.digests import digest_texts
from sadari.data.sources.base import Grouped, Source
from sadari.data.sources.layout import plain_text
from sadari.errors import SadariError, UsageError
from sadari.values import ImageSet

AUTO, NONE, FOLDER, COLUMN = "auto", "none", "folder", "column:"
NAMED = 3


@dataclass(frozen=True, eq=False)
class Named:
    """The name of each image's group, unicode (N,), and a phrase that says where it comes from, such as "folder"."""

    names: NDArray[np.str_]
    by: str


def with_groups(images: ImageSet, source: Source, rule: str) -> ImageSet:
    """Return `images` with the group of each, as the setting `group` says, and a note on the groups.

    Where each image is a group of its own, there are no groups, and the note says so; likewise where a column that
    nobody asked for has the same text everywhere. Raises UsageError for a `rule` that is wrong or that the source does
    not know, SadariError where an image has no group, and where all images are in one.
    """
    found = _named(images, source, rule)
    if found is None:
        return images
    images = replace(images, fingerprint=grouped_fingerprint(images.fingerprint, source, rule))
    kinds, numbers = np.unique(found.names, return_inverse=True)
    if len(kinds) == len(images):
        return replace(images, notes=(*images.notes, f"by {found.by}, each image is a group of its own"))
    if len(kinds) == 1:
        if rule == AUTO:
            return replace(images, notes=(*images.notes, f"{found.by} is the same for all images, so it says nothing"))
        raise SadariError(
            f"{found.by} puts all {len(images):,} images of {images.name} into one group, '{kinds[0]}', so that none "
            "can be held out; choose other groups, or group=none"
        )
    groups = numbers.reshape(-1).astype(np.int64)
    sizes = np.bincount(groups)
    least, most = sizes.min(), sizes.max()
    each = f"{least:,} to {most:,}" if least < most else f"{most:,}"
    note = f"{len(kinds):,} groups, {each} images each, by {found.by}"
    return replace(
        images,
        notes=(*images.notes, note, *_across_classes(images, groups, rule)),
        groups=groups,
        group_names=tuple(map(str, kinds)),
    )


def column_of(rule: str) -> str | None:
    """Return the column of a table that has the groups: "" for one of the usual names, None where none is read."""
    return rule.removeprefix(COLUMN) if rule.startswith(COLUMN) else "" if rule == AUTO else None


def grouped_fingerprint(fingerprint: str, source: Source, rule: str) -> str:
    """Return the fingerprint of images together with their groups; that of the images alone where there are none."""
    if rule == NONE:
        return fingerprint
    own = rule == AUTO or rule.startswith(COLUMN)
    key = (source.groups_key() if isinstance(source, Grouped) else "") if own else f"group={rule}"
    return digest_texts(fingerprint, key) if key else fingerprint


def _named(images: ImageSet, source: Source, rule: str) -> Named | None:
    """Return the group of each image; None where there are none."""
    if rule == NONE:
        return None
    if rule == AUTO or rule.startswith(COLUMN):
        return _from_source(images, source, rule)
    if rule == FOLDER:
        return _from_folders(images)
    return _from_names(images, rule)


def _from_source(images: ImageSet, source: Source, rule: str) -> Named | None:
    """Return what the source itself says."""
    if not isinstance(source, Grouped):
        if rule == AUTO:
            return None
        raise UsageError(f"group={rule} is for a .csv, and {images.name} is none; choose a pattern, or group=folder")
    if not source.groups_key():
        return None
    found, by = source.groups()
    return Named(np.array([found[name] for name in images.ids.tolist()], dtype=np.str_), by)


def _from_folders(images: ImageSet) -> Named:
    """Return the first folder below the class folder; where no folder is the class, that which the image is in."""
    names = [
        _folder(name.split("/")[:-1], images.classes[label], bool(split))
        for name, label, split in zip(
            images.ids.tolist(), images.labels.tolist(), images.source_split.tolist(), strict=True
        )
    ]
    _require_all(images, names, "group=folder", "are in no folder inside their class folder", "put them into one")
    return Named(np.array(names, dtype=np.str_), "folder")


def _folder(folders: Sequence[str], label: str, of_split: bool) -> str:
    """Return the group of an image in `folders`; of_split: whether one of them is its split."""
    at = next((at for at, each in enumerate(folders) if plain_text(each) == label), None)
    if at is None:
        return "/".join(folders)
    if at + 1 < len(folders) and folders[at + 1] == folders[at]:  # a class folder that only holds itself
        at += 1
    below = folders[at + 1 :]
    if of_split and at == 0:  # splits inside the class folders
        below = below[1:]
    return below[0] if below else ""


def _from_names(images: ImageSet, rule: str) -> Named:
    """Return what a regular expression finds in the name of each file; with a "/" in it, in the whole path."""
    try:
        pattern = re.compile(rule)
    except (re.error, OverflowError, RecursionError) as error:
        raise UsageError(
            f"group is none, folder, column:NAME or a regular expression over file names; '{rule}' is no such "
            f"expression ({error})"
        ) from None
    part: Callable[[str], str] = (lambda path: path) if "/" in rule else (lambda path: path.rpartition("/")[2])
    names = [_found(pattern, part(name)) for name in images.ids.tolist()]
    _require_all(images, names, f"group={rule}", "do not match", "end it with |.+ to give each of them its own group")
    return Named(np.array(names, dtype=np.str_), f"the pattern {rule}")


def _found(pattern: re.Pattern[str], text: str) -> str:
    """Return the first part in brackets, where it took part, or all that matched; "" where nothing did."""
    match = pattern.search(text)
    if match is None:
        return ""
    return (match.group(1) if pattern.groups else None) or match.group(0)


def _require_all(images: ImageSet, names: Sequence[str], rule: str, why: str, remedy: str) -> None:
    """Raise SadariError where an image has no group."""
    without = [str(name) for name, group in zip(images.ids, names, strict=True) if not group]
    if without:
        more = f" and {len(without) - NAMED:,} more" if len(without) > NAMED else ""
        raise SadariError(
            f"{rule}: {len(without):,} of {len(names):,} images of {images.name} {why}, such as "
            f"{', '.join(without[:NAMED])}{more}; {remedy}"
        )


def _across_classes(images: ImageSet, groups: NDArray[np.int64], rule: str) -> list[str]:
    """Say that folders of one name in several classes are one group."""
    if rule != FOLDER:
        return []
    pairs = np.unique(np.stack([groups, images.labels]), axis=1)
    shared = int((np.bincount(pairs[0]) > 1).sum())
    if not shared:
        return []
    are = "name is" if shared == 1 else "names are"
    return [f"{shared:,} folder {are} in several classes, and counted as one group each"]
