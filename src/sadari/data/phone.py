"""Which files of a phone's folder belong to one photograph? Known by their names, which the makers' cameras give.

Of one press of the button come a picture, the moving part of a live photograph, a raw copy, a file of edits, and second
pictures: edited, of a burst, in front of a blurred background or as it was taken.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from sadari.data.heic import HEIC_SUFFIXES

MOVING, EDITS = frozenset((".mov", ".mp4")), frozenset((".aae", ".xmp"))
# Apple: IMG_E0001 is IMG_0001 edited (IMG_O0001.AAE says how). Google: PXL_ and a moment, then PORTRAIT-01.COVER,
# RAW-02.ORIGINAL, BURST-03 and others; in older bursts a moment behind BURST; ~2 and -edited are edited copies.
# Samsung: a second, then _001 or (0) in a burst.
_VARIANTS = re.compile(
    r"(?P<apple>IMG_)[EO](?P<number>\d{4})"
    r"|(?P<pixel>PXL_\d{8}_\d{9})\S*"
    r"|\d*IMG_\d{5}_(?P<burst>BURST\d{17})\S*"
    r"|(?P<samsung>\d{8}_\d{6})(?:_\d{3}|\(\d\))"
    r"|(?P<edited>(?:IMG|MVIMG)_\d{4,8}(?:_\d{6,9})?)(?:~\d|-edited)",
    re.IGNORECASE,
)

Path = Sequence[str]  # the segments of a path


def companions(images: Iterable[Path], others: Iterable[Path], raw: frozenset[str]) -> list[Path]:
    """Return those of `others` that belong to one of `images`: moving parts, edits, and copies with a `raw` ending.

    They are in the same folder, and their names say so.
    """
    wanted = MOVING | EDITS | raw
    found = [each for each in others if _parted(each)[1] in wanted]
    if not found:
        return []
    shots = {_shot(each) for each in images}
    return [each for each in found if _shot(each) in shots]


def near_copies(images: Iterable[Path]) -> list[tuple[Path, Path]]:
    """Return (a second picture, the first one) for pictures that are of one press of the button, by their names.

    Those of one name count where one of them is HEIC, since a phone or a program made the other one from it.
    """
    images = list(images)
    several = {_shot(each) for each in images if _is_second(each)}
    if not several:
        return []
    shots: dict[tuple[Path, str], list[Path]] = defaultdict(list)
    for each in images:
        shots[_shot(each)].append(each)
    groups = (sorted(shots[shot], key=lambda each: (len(each[-1]), each)) for shot in several)
    return sorted((other, first) for first, *others in groups for other in others)


def phone_notes(images: Sequence[Path], others: Sequence[Path], raw: frozenset[str]) -> list[str]:
    """Return what to say of them: of `others`, which were left out, and of pictures that are nearly copies."""
    notes = []
    belonging = companions(images, others, raw)
    if belonging:
        kinds = Counter(_parted(each)[1] for each in belonging)
        named = ", ".join(f"{count:,} {kind}" for kind, count in sorted(kinds.items()))
        belong = "belongs to a photograph that is" if len(belonging) == 1 else "belong to photographs that are"
        notes.append(
            f"{named} {belong} read: moving parts of live photographs, raw copies and edits, which are not applied"
        )
    copies = near_copies(images)
    if copies:
        other, first = copies[0]
        are = "image is a second version" if len(copies) == 1 else "images are second versions"
        notes.append(
            f"{len(copies):,} {are} of another one in the same folder, by the names, such as {'/'.join(other)} of "
            f"{first[-1]}; keep one of each, else one may be trained on and the other judge"
        )
    return notes


def _is_second(path: Path) -> bool:
    """Return whether another picture of the same press of the button may be beside this one."""
    stem, ending = _parted(path)
    return ending in HEIC_SUFFIXES or _VARIANTS.fullmatch(stem) is not None


def _parted(path: Path) -> tuple[str, str]:
    """Return the name without its ending, and the ending in lower case."""
    stem, _, ending = path[-1].rpartition(".")
    return stem, f".{ending.lower()}"


def _shot(path: Path) -> tuple[Path, str]:
    """Return what the files of one press of the button share: the folder, and what the name says of it."""
    stem = _parted(path)[0]
    if found := _VARIANTS.fullmatch(stem):
        stem = "".join(filter(None, found.groups()))
    return tuple(path[:-1]), stem.lower()
