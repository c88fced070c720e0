"""Which files are images of which class and split? Reads a tree of class folders, on disk or in an archive."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sadari.data.decode import SUFFIXES
from sadari.data.sources.base import FileEntry
from sadari.errors import SadariError

SPLIT_NAMES = {
    "train": "train", "training": "train",
    "val": "val", "valid": "val", "validation": "val", "dev": "val",
    "test": "test", "testing": "test", "eval": "test", "evaluation": "test",
}  # fmt: skip
SHAPE = "put the images of each class into a folder named after the class, at the top or inside train/ and test/"


@dataclass(frozen=True)
class Layout:
    """The images of a tree; `positions` are those of its `entries` in the listing of all files."""

    entries: tuple[FileEntry, ...]
    positions: tuple[int, ...]
    classes: tuple[str, ...]
    notes: tuple[str, ...]


def lay_out(paths: Sequence[str], where: str) -> Layout:
    """Read classes and splits from `paths`. Entries are sorted by path, classes by name.

    paths: relative POSIX paths of all files. where: what the user called the tree, for messages. A class folder may
    hold folders of any depth. Class names are one list for all splits, so that a class has the same position in each.
    Raises SadariError where the tree is empty, has no class folders, or mixes split folders with others.
    """
    segments = [path.split("/") for path in paths]
    images = sorted((paths[at], at) for at, each in enumerate(segments) if is_image(each))
    if not images:
        raise SadariError(_no_images(len(paths), where))
    inside = [(path, at) for path, at in images if len(segments[at]) > 1]
    if not inside:
        raise SadariError(f"{where} holds {len(images):,} images but no class folders; {SHAPE}")
    depth = 1 if _has_split_folders([segments[at] for _, at in inside], where) else 0
    names = [segments[at][depth] for _, at in inside]
    classes = tuple(sorted(set(names)))
    index = {name: label for label, name in enumerate(classes)}
    entries = tuple(
        FileEntry(_text(path, where), index[name], SPLIT_NAMES[segments[at][0].lower()] if depth else "")
        for (path, at), name in zip(inside, names, strict=True)
    )
    notes = _left_out(len(paths) - len(images), len(images) - len(inside))
    return Layout(entries, tuple(at for _, at in inside), classes, notes)


def without_wrapper(paths: Sequence[str]) -> list[str]:
    """Remove the one folder that wraps all paths of an archive, if there is one.

    A folder wraps where every image is in it, it is no split folder, and class folders remain inside.
    """
    images = [segments for segments in (path.split("/") for path in paths) if is_image(segments)]
    tops = {segments[0] for segments in images}
    if len(tops) != 1 or min(map(len, images)) < 2 or not any(len(segments) > 2 for segments in images):
        return list(paths)
    top = tops.pop()
    if top.lower() in SPLIT_NAMES:
        return list(paths)
    return [path.removeprefix(f"{top}/") for path in paths]


def is_image(segments: Sequence[str]) -> bool:
    """Return whether a path of these `segments` names an image, by its suffix, and is not hidden."""
    hidden = any(segment.startswith(".") or segment == "__MACOSX" for segment in segments)
    return not hidden and f".{segments[-1].rpartition('.')[2].lower()}" in SUFFIXES


def _has_split_folders(images: Iterable[Sequence[str]], where: str) -> bool:
    """Return whether the first level is train/, test/ ... and the second one the classes.

    A folder counts as a split folder where its name is one and all its images are in folders inside it, so that
    a class may be called "train" beside "bus".
    """
    shallowest: dict[str, int] = {}
    for segments in images:
        shallowest[segments[0]] = min(len(segments), shallowest.get(segments[0], len(segments)))
    named = [top for top in shallowest if top.lower() in SPLIT_NAMES]
    splits = [top for top in named if shallowest[top] > 2]
    others = [top for top in shallowest if top not in splits]
    if len(named) == len(shallowest) and others:
        raise SadariError(f"{where}/{sorted(others)[0]} holds images outside class folders; {SHAPE}")
    if splits and others:
        raise SadariError(
            f"{where} holds the split folder '{sorted(splits)[0]}' beside '{sorted(others)[0]}', which is none; "
            "move or rename one of them"
        )
    return bool(splits)


def _no_images(files: int, where: str) -> str:
    if files:
        return f"{where} holds {files:,} files but no images (JPEG, PNG, BMP, GIF, WebP or TIFF); {SHAPE}"
    return f"{where} is empty; {SHAPE}"


def _left_out(other_files: int, stray_images: int) -> tuple[str, ...]:
    notes = []
    if other_files:
        notes.append(f"left out {_count(other_files, 'file')} that {_verb(other_files)} hidden or no image")
    if stray_images:
        notes.append(f"left out {_count(stray_images, 'image')} that {_verb(stray_images)} in no class folder")
    return tuple(notes)


def _count(count: int, thing: str) -> str:
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def _verb(count: int) -> str:
    return "is" if count == 1 else "are"


def _text(path: str, where: str) -> str:
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        raise SadariError(f"{where} holds a file name that is not UTF-8 ({path!a}); rename it") from None
    return path


def refuse_twice(ids: Iterable[str], where: str) -> None:
    """Raise SadariError where two images have one id."""
    twice = [each for each, count in Counter(ids).items() if count > 1]
    if twice:
        raise SadariError(f"{where} holds '{twice[0]}' twice; leave one of them out")
