"""Which labels does CVAT give? The tags of "CVAT for images", read without entities, or its folders for ImageNet."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from xml.parsers import expat

from sadari.data.sources.exports.base import Export, Labelled, one_label, unlabelled_note
from sadari.data.sources.layout import is_image
from sadari.data.sources.split_folders import split_of
from sadari.errors import SadariError

KIND = "CVAT"
SHAPES = frozenset({"box", "polygon", "polyline", "points", "cuboid", "ellipse", "mask", "skeleton"})
SYNSETS, NO_LABEL = "synsets.txt", "no_label"


@dataclass
class _Image:
    name: str
    subset: str
    tags: list[str] = field(default_factory=list)
    shapes: int = 0


def is_cvat(head: bytes) -> bool:
    """Return whether an XML file that begins with `head` is CVAT's."""
    return b"<annotations>" in head and (b"<version>" in head or b"<image " in head)


def read_cvat(content: bytes, path: str, where: str) -> Export:
    """Read the tags of the images in an `annotations.xml`; shapes are not read.

    Raises SadariError for an image of several tags, for a file without any tag, for XML that is damaged, and for one
    with a document type, since its entities may read other files or grow without bound.
    """
    images = _images(content, f"{where}/{path}")
    labelled = [
        Labelled(each.name, label, split_of(each.subset), path)
        for each in images
        if (label := one_label(each.tags, each.name, f"{where}/{path}", "tags"))
    ]
    shapes = sum(each.shapes for each in images)
    if not labelled and shapes:
        raise SadariError(
            f"{where}/{path} (CVAT) has {shapes:,} shapes and no tag: shapes say where objects are, and a tag which "
            "class an image is of; add tags in CVAT, or export its ImageNet form"
        )
    ignored = (f"{path}: {shapes:,} shapes are not read, tags are the classes",) if shapes else ()
    return Export(KIND, (path,), tuple(labelled), (*unlabelled_note(len(images) - len(labelled), path), *ignored))


def _images(content: bytes, where: str) -> list[_Image]:
    found: list[_Image] = []
    parser = expat.ParserCreate()

    def refuse(*_: object) -> None:
        raise SadariError(f"refused {where}: it has a document type, whose entities could read other files; remove it")

    def start(name: str, attributes: dict[str, str]) -> None:
        if name == "image":
            found.append(_Image(attributes.get("name", ""), attributes.get("subset", "")))
        elif found and name == "tag":
            found[-1].tags.append(attributes.get("label", ""))
        elif found and name in SHAPES:
            found[-1].shapes += 1

    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuse
    parser.StartElementHandler = start
    try:
        parser.Parse(content, True)
    except (expat.ExpatError, LookupError, ValueError) as error:  # the last two: an encoding that is not known
        raise SadariError(f"cannot read {where} as XML: {error}") from None
    return found


def find_imagenet(paths: Sequence[str]) -> Export | None:
    """Return the class folders of CVAT's ImageNet form without that of unlabelled images; None where there is none."""
    if SYNSETS not in paths or not any(path.startswith(f"{NO_LABEL}/") for path in paths):
        return None
    inside = [path for path in paths if "/" in path and is_image(path.split("/"))]
    images = [Labelled(path, path.split("/")[0], "", SYNSETS) for path in inside if not path.startswith(f"{NO_LABEL}/")]
    return Export(f"{KIND}, ImageNet", (SYNSETS,), tuple(images))
