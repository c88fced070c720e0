"""Which class does a WebDataset give to an image? The member of the same name that ends in .cls, or in .json."""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from sadari.data.sources.exports.base import Export, Labelled, unlabelled_note
from sadari.data.sources.layout import is_image
from sadari.data.sources.tables.dialect import LABELS
from sadari.errors import SadariError

KIND = "WebDataset"
CLASS_FILES = (".cls", ".json")


ReadMany = Callable[[Sequence[str]], Iterator[tuple[int, bytes]]]  # the number of each file among these, and its bytes


def find(paths: Sequence[str], read: ReadMany, where: str) -> Export | None:
    """Return the classes of the images of a .tar, None where no image has a member beside it that says one.

    A .cls is one word or number; of a .json the first of the usual names of labels counts. Raises SadariError where a
    member says no class. read: reads files in any order.
    """
    if not any(path.endswith(CLASS_FILES) for path in paths):
        return None
    beside: dict[str, dict[str, str]] = {}
    for path in paths:
        key, ending = _key(path)
        beside.setdefault(key, {})[ending] = path
    # KEY.seg.png beside KEY.jpg is another column, such as a mask.
    images = [path for path in paths if is_image(path.split("/")) and _key(path)[1].count(".") == 1]
    for ending in CLASS_FILES:
        files = {path: beside[_key(path)[0]][ending] for path in images if ending in beside[_key(path)[0]]}
        if files:
            break
    else:
        return None
    sidecars = list(dict.fromkeys(files.values()))  # one may be that of several images, such as a .jpg and a .png
    contents = dict(zip(sidecars, (content for _, content in sorted(read(sidecars))), strict=True))
    labelled = [
        Labelled(path.rpartition("/")[2], _class(contents[beside_it], beside_it, where), "", beside_it)
        for path, beside_it in files.items()
    ]
    kept = tuple(each for each in labelled if each.label)
    missing = len(images) - len(kept)
    return Export(KIND, tuple(sidecars), kept, unlabelled_note(missing, where)) if kept else None


def _key(path: str) -> tuple[str, str]:
    """Return what the members of one image have in common, and the rest: up to the first dot of the name."""
    folder, slash, name = path.rpartition("/")
    stem, dot, ending = name.partition(".")
    return f"{folder}{slash}{stem}", f"{dot}{ending}".lower()


def _class(content: bytes, path: str, where: str) -> str:
    """Return the class that a member says, "" for a JSON document without one, or with null."""
    try:
        text = content.decode("utf-8").strip()
        if not path.lower().endswith(".json"):
            if not text or len(text) > 1000 or "\n" in text:
                raise ValueError("it is not one word or number")
            return text
        document: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SadariError(f"{where}: {path} says no class: {error}") from None
    if not isinstance(document, dict):
        return ""
    value = next((document[name] for name in LABELS if name in document), "")
    if value is None:
        return ""
    if isinstance(value, list | dict | float):
        raise SadariError(f"{where}: {path} says the class {str(value)[:60]}, and a class is one number or name")
    return str(value)
