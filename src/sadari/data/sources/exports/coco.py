"""Which labels does an annotation file in the form of COCO give? The one category of the objects in an image."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from sadari.data.sources.exports.base import Export, Labelled, one_label, split_of_file, unlabelled_note
from sadari.errors import SadariError

KIND = "COCO"
KEYS = frozenset({"images", "annotations", "categories"})


def is_coco(document: Any) -> bool:
    """Return whether a JSON document has the lists that COCO has."""
    return isinstance(document, dict) and document.keys() >= KEYS


def read_coco(document: Mapping[str, Any], path: str, where: str) -> Export:
    """Read the classes of images; an image's objects are all of one category.

    Raises SadariError for an image with objects of several categories, and where a list lacks what it should have.
    """
    try:
        categories = {each["id"]: str(each["name"]) for each in document["categories"]}
        labels: dict[Any, set[str]] = defaultdict(set)
        for each in document["annotations"]:
            labels[each["image_id"]].add(categories[each["category_id"]])
        named = [(str(each["file_name"]), labels[each["id"]]) for each in document["images"]]
    except (KeyError, TypeError) as error:
        raise SadariError(
            f"{where}/{path} looks like COCO, but {error} is not in one of its entries; export it again"
        ) from None
    split = split_of_file(path)
    images = [
        Labelled(name, label, split, path)
        for name, found in named
        if (label := one_label(found, name, f"{where}/{path}", "categories"))
    ]
    return Export(KIND, (path,), tuple(images), unlabelled_note(len(named) - len(images), path))
