"""Which files are images of which class and split? Reads a tree of class folders, on disk or in an archive."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile

from sadari.data.heic import HEIC_SUFFIXES
from sadari.data.heic import INSTALLED as HEIC
from sadari.data.image_file import SUFFIXES
from sadari.data.phone import companions, phone_notes
from sadari.data.sources.base import FileEntry
from sadari.data.sources.split_folders import AUTO, SHAPE, SPLIT_NAMES, Levels, find_levels
from sadari.errors import SadariError
from sadari.files import why_no_text

# Folders that systems leave behind: macOS, Windows, Synology and QNAP disks, Linux file systems, Python.
SYSTEM_FOLDERS = frozenset((
    "__macosx", "$recycle.bin", "system volume information", "recycler", "@eadir", "#recycle", "#snapshot", "@recycle",
    "@recently-snapshot", "@sharebin", "lost+found", "__pycache__", "network trash folder", "temporary items",
))  # fmt: skip
# Formats of cameras and phones that are not read: such a file is a photograph that is missing from the set.
PHOTOGRAPHS = frozenset((
    ".heic", ".heif", ".hif", ".jxl", ".dng", ".cr2", ".cr3", ".crw", ".nef", ".arw", ".orf", ".rw2", ".raf", ".pef",
    ".srw", ".raw", ".psd", ".avif", ".jp2", ".svg",
)) - SUFFIXES  # fmt: skip
NAMED = 5
JPEG = {".jpeg": ".jpg", ".jpe": ".jpg", ".jfif": ".jpg"}
ODD_AMONG = 20  # assumed: among fewer images a single one of another format is nothing odd
CONTROL = {code: 0x2400 + code for code in range(32)} | {127: 0x2421} | dict.fromkeys(range(128, 160), 65533)
CONTROL |= {0x2028: 0xFFFD, 0x2029: 0xFFFD}  # both break lines


@dataclass(frozen=True)
class Layout:
    """The images of a tree; `positions` are those of its `entries` in the listing of all files.

    photographs: how many files were left out that are photographs in a format that is not read, without a copy that is.
    """

    entries: tuple[FileEntry, ...]
    positions: tuple[int, ...]
    classes: tuple[str, ...]
    notes: tuple[str, ...]
    photographs: int = 0


def lay_out(paths: Sequence[str], where: str, folders: Sequence[str] = (), split_folders: str = AUTO) -> Layout:
    """Read classes and splits from `paths`. Entries are sorted by path, classes by name.

    paths: relative POSIX paths of all files; folders: of all folders, where these are known. where: what the user
    called the tree, for messages. split_folders: see `find_levels`. A class folder may hold folders of any depth. Class
    names are one list for all splits, so that a class has the same position in each; they are in Unicode's form NFC,
    with a sign in the place of each control character. Raises SadariError where the tree is empty, has no class
    folders, or mixes split folders with others.
    """
    segments = [path.split("/") for path in paths]
    images = sorted((paths[at], at) for at, each in enumerate(segments) if is_image(each))
    if not images:
        raise SadariError(_no_images(segments, where))
    inside = [(path, at) for path, at in images if len(segments[at]) > 1]
    if not inside:
        seen = _some(sorted({each.split("/")[0] for each in folders if not is_hidden([each])}))
        but = f"no class folders (it holds the folders {seen}, without images)" if seen else "no class folders"
        raise SadariError(f"{where} holds {len(images):,} images but {but}; {SHAPE}")
    levels = find_levels((segments[at] for _, at in inside), where, split_folders)
    inside = [(path, at) for path, at in inside if segments[at][0] not in levels.left_out]
    names = [plain_text(levels.class_of(segments[at])) for _, at in inside]
    classes = tuple(sorted(set(names)))
    index = {name: label for label, name in enumerate(classes)}
    entries = tuple(
        FileEntry(text_id(path, where), index[name], levels.split_of(segments[at]))
        for (path, at), name in zip(inside, names, strict=True)
    )
    read = {at for _, at in inside}
    unread = [each for at, each in enumerate(segments) if at not in read]
    images_read = [segments[at] for _, at in inside]
    notes = (
        *_left_out(unread, levels.left_out),
        *map(plain_text, phone_notes(images_read, [each for each in unread if not is_hidden(each)], PHOTOGRAPHS)),
        *_lost_classes(unread, [each.split("/") for each in folders], levels, set(names)),
        *_skipped(images_read, levels),
        *_deeper(images_read, levels),
        *_odd_one(images_read),
        *_merged(levels.class_of(segments[at]) for _, at in inside),
        *replaced_note("classes", (levels.class_of(segments[at]) for _, at in inside)),
        *replaced_note("files", (segments[at][-1] for _, at in inside)),
    )
    missing = [each for each in unread if _ending(each) in PHOTOGRAPHS and not is_hidden(each)]
    photographs = len(missing) - len(companions(images_read, missing, PHOTOGRAPHS))
    return Layout(entries, tuple(at for _, at in inside), classes, notes, photographs)


def wrapper_of(paths: Sequence[str]) -> str:
    """Return the folders that wrap all images of `paths`, such as "data/animals/", or "" where none does.

    A folder wraps where every image that is in a folder is in it, it is no split folder, and class folders remain
    inside. An image beside it, such as README.png, is in no class folder in any case.
    """
    shared: list[str] | None = None  # the folders that all images so far have in common
    for path in paths:
        folders = path.split("/")[:-1]
        if not folders or not is_image(path.split("/")):
            continue
        if shared is None:
            shared = list(takewhile(lambda each: each.lower() not in SPLIT_NAMES, folders[:-1]))
        while shared != folders[:-1][: len(shared)]:
            shared.pop()
        if not shared:
            break
    return "".join(f"{each}/" for each in shared or ())


def is_hidden(segments: Sequence[str]) -> bool:
    """Return whether a path of these `segments` is hidden or in a folder that a system left behind."""
    return any(each.startswith((".", "~$")) or each.lower() in SYSTEM_FOLDERS for each in segments)


def is_image(segments: Sequence[str]) -> bool:
    """Return whether a path of these `segments` names an image, by its suffix, and is not hidden."""
    return _ending(segments) in SUFFIXES and not is_hidden(segments)


def plain_text(name: str) -> str:
    """Return the name in Unicode's form NFC, with a visible sign in the place of each control character."""
    return name if name.isascii() and name.isprintable() else unicodedata.normalize("NFC", name).translate(CONTROL)


def printable(text: str) -> str:
    """Return the text with a visible sign in place of each control character, and bytes that are no text escaped."""
    if text.isprintable():
        return text
    return text.translate(CONTROL).encode("utf-8", "backslashreplace").decode("utf-8")


def has_control(name: str) -> bool:
    """Return whether the name has a control character, such as a line break."""
    return not name.isprintable() and name.translate(CONTROL) != name


def _ending(segments: Sequence[str]) -> str:
    stem, dot, ending = segments[-1].rpartition(".")
    return f".{ending.lower()}" if dot and stem else ""


def _no_images(files: Sequence[Sequence[str]], where: str) -> str:
    if files:
        return f"{where} holds {len(files):,} files but no images ({_by_ending(files)}); {SHAPE}"
    return f"{where} is empty; {SHAPE}"


def _by_ending(files: Iterable[Sequence[str]]) -> str:
    """Describe the files by ending, such as "30 .heic, 2 .txt, 1 hidden", the most frequent first."""
    kinds = Counter("hidden" if is_hidden(each) else _ending(each) or "without an ending" for each in files)
    return _some([f"{count:,} {kind}" for kind, count in sorted(kinds.items(), key=lambda each: (-each[1], each[0]))])


def _left_out(unread: Sequence[Sequence[str]], folders: frozenset[str]) -> list[str]:
    """Say which files were left out; folders: top folders without class folders, whose images were."""
    other = [each for each in unread if not is_image(each)]
    of_folder = Counter(each[0] for each in unread if each[0] in folders and is_image(each))
    stray = len(unread) - len(other) - of_folder.total()
    notes = [
        f"left out the folder '{plain_text(folder)}' beside the splits: its {_count(count, 'image')} "
        f"{_verb(count)} in no class folder"
        for folder, count in sorted(of_folder.items())
    ]
    notes += file_notes(other)
    if stray:
        notes.append(f"left out {_count(stray, 'image')} that {_verb(stray)} in no class folder")
    return notes


def file_notes(other: Sequence[Sequence[str]]) -> list[str]:
    """Say how many files are no images, and of which endings. other: their paths, in segments."""
    notes = []
    if other:
        notes.append(f"left out {_count(len(other), 'file')} that {_verb(len(other))} no image: {_by_ending(other)}")
    if not HEIC and any(_ending(each) in HEIC_SUFFIXES for each in other):
        notes.append("HEIC photographs are read where pillow-heif is installed")
    return notes


def _lost_classes(
    unread: Sequence[Sequence[str]], folders: Sequence[Sequence[str]], levels: Levels, classes: set[str]
) -> list[str]:
    """Name the folders on the level of the classes from which no image was read."""
    files: dict[str, list[Sequence[str]]] = {}
    unread, folders = ([each for each in given if each[0] not in levels.left_out] for given in (unread, folders))
    for each in unread:
        if len(each) > levels.depth(each[0]) + 1 and not is_hidden(each[:-1]):
            files.setdefault(plain_text(levels.class_of(each)), []).append(each)
    for each in folders:
        if len(each) == levels.depth(each[0]) + 1 and not is_hidden(each):
            files.setdefault(plain_text(levels.class_of(each)), [])
    lost = sorted(files.keys() - classes)
    return [
        f"there is no class '{name}': "
        + (f"no file of its folder was read ({_by_ending(files[name])})" if files[name] else "its folder is empty")
        for name in lost[:NAMED]
    ] + ([f"{len(lost) - NAMED:,} more folders have no image that was read"] if len(lost) > NAMED else [])


def _skipped(images: Sequence[Sequence[str]], levels: Levels) -> list[str]:
    """Name the folder that wraps the classes of every split, and splits that are put together from several folders."""
    wrapping = sorted({each[1] for each in images if each[0] in levels.twice and each[1] != each[0]})
    notes = [f"the classes are the folders in the folder '{plain_text(name)}' of each split" for name in wrapping]
    tops: dict[str, list[str]] = {}
    for top in sorted({each[0] for each in images}) if levels.split_at == 0 else ():
        tops.setdefault(levels.splits[top], []).append(plain_text(top))
    return notes + [
        f"the folders {_some(names)} became one split, {split}" for split, names in tops.items() if names[1:]
    ]


def _deeper(images: Sequence[Sequence[str]], levels: Levels) -> list[str]:
    """Say which level became the classes where folders are below it."""
    inner = levels.split_at if levels.split_at is not None and levels.split_at > levels.class_at else levels.class_at
    below = sorted(
        {f"{each[at]}/{each[at + 1]}" for each in images if len(each) > (at := inner + (each[0] in levels.twice)) + 2}
    )
    if inner != levels.class_at:
        return [
            f"the classes are the top folders, and the folders in them the splits, as in {images[0][0]}/{images[0][1]}"
        ]
    if not below:
        return []
    return [
        f"folders inside a class folder do not count as classes, such as {_some([repr(each) for each in below])}; the "
        f"classes are the folders above them"
    ]


def _odd_one(images: Sequence[Sequence[str]]) -> list[str]:
    """Name the one image that has another ending than all the others, such as the GIF of a page that failed."""
    endings = Counter(JPEG.get(_ending(each), _ending(each)) for each in images)
    if len(endings) != 2 or min(endings.values()) != 1 or len(images) < ODD_AMONG:
        return []
    (usual, _), (odd, _) = endings.most_common()
    name = next("/".join(each) for each in images if JPEG.get(_ending(each), _ending(each)) == odd)
    return [f"one image is a {odd} among {len(images) - 1:,} {usual}, {plain_text(name)}; look whether it is meant"]


def _merged(names: Iterable[str]) -> list[str]:
    """Name a class whose folders are spelt in several forms of Unicode."""
    forms: dict[str, set[str]] = {}
    for name in set(names):
        forms.setdefault(plain_text(name), set()).add(name)
    merged = sorted(name for name, spellings in forms.items() if len(spellings) > 1)
    return [f"folders of one name in several forms of Unicode became one class: {_some(merged)}"] if merged else []


def replaced_note(kind: str, names: Iterable[str]) -> list[str]:
    """Return a note on control characters, where `names` (of `kind`: "classes" or "files") have them."""
    wrong = sorted({name for name in names if has_control(name)})
    return [f"control characters in names of {kind} were replaced, such as in {wrong[0]!a}"] if wrong else []


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def _count(count: int, thing: str) -> str:
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def _verb(count: int) -> str:
    return "is" if count == 1 else "are"


def text_id(path: str, where: str) -> str:
    """Return the path as an id: with a visible sign in the place of each control character."""
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        raise SadariError(f"{where} holds a file name ({path!a}) that {why_no_text(path)}") from None
    return path if path.isprintable() else path.translate(CONTROL)


def refuse_twice(ids: Iterable[str], where: str) -> None:
    """Raise SadariError where two images have one id."""
    twice = [each for each, count in Counter(ids).items() if count > 1]
    if twice:
        raise SadariError(f"{where} holds '{twice[0]}' twice; leave one of them out")
