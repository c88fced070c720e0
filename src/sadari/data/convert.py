"""How are images handed to another program? As one .npz, or as a folder of PNGs in class folders."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from sadari.data.sources.layout import lay_out, wrapper_of
from sadari.errors import SadariError, UsageError
from sadari.files import write_whole
from sadari.progress import Progress, Silent
from sadari.unfinished import UnfinishedFolder
from sadari.values import SPLITS, ImageSet

# Endings of formats that are not written here.
OTHER_FILES = (".zip", ".tar", ".gz", ".tgz", ".csv", ".npy", ".png", ".jpg", ".h5", ".parquet")


def convert(images: ImageSet, out: Path, progress: Progress | None = None) -> tuple[str, ...]:
    """Write `images` to `out`, whole or not at all; Sadari can load the result as data.

    out: a name ending in .npz gets `X_train, y_train, ...` for the splits that the source gives, or `X, y`, with
    `classes` (unicode names), integer labels and, where there are groups, `groups_train, ...`; any other name becomes a
    folder of `[<split>/]<class>/<number>.png`.
    Returns sentences on what is lost. Raises UsageError where `out` exists or its ending is that of another format,
    SadariError where the disk refuses.
    """
    if str(out).startswith("~"):
        raise UsageError(f"{out} begins with '~', and nobody here has that home folder; write ./{out} if that is meant")
    if out.exists() or out.is_symlink():
        raise UsageError(f"{out} exists already; remove it or choose another name")
    if out.suffix.lower() in OTHER_FILES:
        raise UsageError(f"{out} is to be a {out.suffix} file, but the output is a .npz file or a folder")
    lost = ("the evidence is not written",) if images.evidence is not None else ()
    if out.suffix.lower() == ".npz":
        _write_npz(images, out)
        return lost
    ungrouped = ("the groups are not written; an .npz would have them",) if images.groups is not None else ()
    return (*_write_folder(images, out, progress or Silent()), *ungrouped, *lost)


def _write_npz(images: ImageSet, out: Path) -> None:
    arrays: dict[str, np.ndarray[tuple[int, ...], np.dtype[np.generic]]] = {}
    for split_name in [name for name in SPLITS if (images.source_split == name).any()] or [""]:
        positions = np.flatnonzero(images.source_split == split_name)
        suffix = f"_{split_name}" if split_name else ""
        arrays[f"X{suffix}"] = images.images[positions]
        arrays[f"y{suffix}"] = images.labels[positions]
        if images.groups is not None:
            arrays[f"groups{suffix}"] = np.array(images.group_names, dtype=np.str_)[images.groups[positions]]
    arrays["classes"] = np.array(images.classes, dtype=np.str_)

    def save(temporary: Path) -> None:
        with temporary.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **arrays)

    write_whole(out, save)


def _write_folder(images: ImageSet, out: Path, progress: Progress) -> tuple[str, ...]:
    folders = _class_folders(images.classes)
    _require_readable(images, folders)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with UnfinishedFolder(out.parent, out.name) as unfinished:
            _write_images(images, unfinished.path, folders, progress)
            unfinished.release()
            unfinished.path.rename(out)
    except OSError as error:
        raise SadariError(f"cannot write {out}: {error.strerror or error}; nothing was left there") from error
    return tuple(
        f"the class '{name}' became the folder '{folder}', since a folder cannot have its name"
        for name, folder in zip(images.classes, folders, strict=True)
        if name != folder
    )


def _write_images(images: ImageSet, to: Path, folders: list[str], progress: Progress) -> None:
    for split_name in set(images.source_split.tolist()):
        for label in np.unique(images.labels[images.source_split == split_name]):
            (to / split_name / folders[label]).mkdir(parents=True)
    with progress.task("writing", len(images), "images") as task:
        for number, (pixels, label, split_name) in enumerate(
            zip(images.images, images.labels, images.source_split, strict=True)
        ):
            path = to / str(split_name) / folders[label] / f"{number:05d}.png"
            Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(path)
            task.advance(1)


def _require_readable(images: ImageSet, folders: Sequence[str]) -> None:
    """Raise SadariError where the folders would be read back as other classes or splits, such as a class "test"."""
    pairs = sorted({(str(split), int(label)) for split, label in zip(images.source_split, images.labels, strict=True)})
    paths = [f"{split}/{folders[label]}/0.png".removeprefix("/") for split, label in pairs]
    try:
        layout = lay_out([path.removeprefix(wrapper_of(paths)) for path in paths], "the folder")
        same = sorted((each.source_split, layout.classes[each.label]) for each in layout.entries) == sorted(
            (split, folders[label]) for split, label in pairs
        )
    except SadariError:
        same = False
    if not same:
        raise SadariError(
            f"the classes {', '.join(images.classes[:3])} would be read back from a folder as other classes or splits; "
            "write a .npz instead"
        )


def _class_folders(classes: tuple[str, ...]) -> list[str]:
    """Return a folder name for each class, as near to it as file systems (and hidden-file rules) allow."""
    folders = [re.sub(r"^\.|[/\\:*?\"<>|\x00-\x1f]|[. ]$", "-", name) or "-" for name in classes]
    lowered = [folder.lower() for folder in folders]
    for at, folder in enumerate(lowered):
        if folder in lowered[:at]:
            other = classes[lowered.index(folder)]
            raise SadariError(
                f"the classes '{other}' and '{classes[at]}' would share the folder '{folders[at]}'; "
                "write a .npz instead"
            )
    return folders
