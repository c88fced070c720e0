"""Which images does `hf://NAME` mean? A set of the Hugging Face hub, streamed once into the cache by `datasets`."""

import logging
from collections.abc import Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sadari.data.cache.digests import digest_texts, remembered_digest
from sadari.data.sources.folder import walk_tree
from sadari.data.sources.layout import is_hidden
from sadari.data.sources.objects import hugging_face
from sadari.data.sources.objects.store import About, BroughtSource, Handed
from sadari.data.sources.split_folders import split_of
from sadari.errors import SadariError, UsageError, missing_package
from sadari.files import expanded

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEME = "hf://"
OPTIONS = ("config", "image", "label")
NAME = "hf://OWNER/NAME[@REVISION][:config=...,image=COLUMN,label=COLUMN], or hf:///FOLDER"
LOCAL = ("/", "~", ".")  # how the place of a folder of this machine begins
# Version 4 does not run the Python files of a data set any more, whatever is asked of it.
LEAST_VERSION = 4


@dataclass(frozen=True)
class HubSet:
    """A set as the user names it. place: on the hub, or an absolute folder. revision: "" for the newest one."""

    place: str
    revision: str
    options: Mapping[str, str]

    @property
    def is_local(self) -> bool:
        """Return whether it is a folder of this machine, in the layout of the hub."""
        return self.place.startswith("/")

    @property
    def text(self) -> str:
        """Return the address without options."""
        return f"{SCHEME}{self.place}{'@' if self.revision else ''}{self.revision}"


def is_hub(data: str) -> bool:
    """Return whether `data` is an address of the hub."""
    return data.lower().startswith(SCHEME)


def parse(data: str) -> HubSet:
    """Read an address. Raises UsageError for another form, and for unknown options."""
    text, _, options = data[len(SCHEME) :].partition(":")
    pairs = dict(pair.partition("=")[::2] for pair in filter(None, options.split(",")))
    unknown = [key for key in pairs if key not in OPTIONS]
    if unknown or not all(pairs.values()):
        raise UsageError(f"the options of {SCHEME} are {', '.join(OPTIONS)} with values, not '{options}'")
    if text.startswith(LOCAL):
        return HubSet(expanded(text).resolve().as_posix(), "", pairs)
    place, _, revision = text.removeprefix("datasets/").strip("/").partition("@")
    if not place or place.count("/") > 1:
        raise UsageError(f"{data} is no address of a set; it is {NAME}")
    if Path(place).exists():
        raise UsageError(
            f"there is a file or folder {place} here, which would be taken for {data}; name it ./{place} if it is "
            "meant, or go to another folder"
        )
    return HubSet(place, revision, pairs)


def absolute_address(data: str) -> str:
    """Return an address that means the same from any folder of this machine."""
    text, colon, options = data[len(SCHEME) :].partition(":")
    place = expanded(text).resolve().as_posix() if text.startswith(LOCAL) else text
    return f"{SCHEME}{place}{colon}{options}"


def open_hub(data: str) -> BroughtSource:
    """Open the set at an address; of the hub nothing is read yet, and of a folder what its files are.

    Raises UsageError as `parse` does, and SadariError for a folder that cannot be read.
    """
    wanted = parse(data)
    pairs = [f"{key}={value}" for key, value in sorted(wanted.options.items())]
    name = wanted.place.rpartition("/")[2]
    content = [_digest(Path(wanted.place))] if wanted.is_local else []
    return BroughtSource(name, digest_texts("hub", wanted.text, *pairs, *content), partial(_streamed, wanted, name))


def _digest(folder: Path) -> str:
    """Return a digest of all files that may be of the set in `folder`, since they may change, as a revision cannot."""
    files = sorted(each for each in walk_tree(folder).files if not is_hidden(each.split("/")))
    return remembered_digest([folder / each for each in files], "hub folder", *files)


def _streamed(wanted: HubSet, name: str) -> "tuple[About, Iterator[Handed]]":
    try:
        import datasets
    except ModuleNotFoundError as error:
        raise missing_package("reading hf://", error.name, "datasets") from None
    if int(datasets.__version__.partition(".")[0]) < LEAST_VERSION:
        raise SadariError(
            f"datasets {datasets.__version__} could run code of a data set; install {LEAST_VERSION} or newer"
        )
    with _one_sentence(wanted):
        sha = "" if wanted.is_local else _revision(wanted)
        loaded = datasets.load_dataset(wanted.place, wanted.options.get("config"), revision=sha or None, streaming=True)
        parts, left_out = _splits(loaded)
        only = f"{wanted.place}/" if wanted.is_local else "hf://"
        origin = wanted.text if wanted.is_local or wanted.revision else f"{wanted.text}@{sha}"
        about, images = hugging_face.read(
            parts, wanted.options.get("image", ""), wanted.options.get("label", ""), only, origin, name
        )
    if sha and not wanted.revision:
        about.notes.append(f"{wanted.text} is as it was when it was first read, at revision {sha}")
    about.notes.extend(f"left out the split '{each}', whose name is that of no split" for each in left_out)
    return about, _guarded(images, wanted)


def _guarded(images: Iterable[Handed], wanted: HubSet) -> "Iterator[Handed]":
    with _one_sentence(wanted):
        yield from images


def _revision(wanted: HubSet) -> str:
    from huggingface_hub import HfApi

    return str(HfApi().dataset_info(wanted.place, revision=wanted.revision or None).sha)


def _splits(loaded: Mapping[Any, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the parts that are splits, and the names of those that are not; one part alone is no split."""
    known: dict[str, Any] = {}
    for name, part in loaded.items():
        split = split_of(str(name))
        if split in known:
            raise UsageError(f"several of the splits {', '.join(map(str, loaded))} mean {split}")
        if split:
            known[split] = part
    if len(loaded) == 1:
        return {"": next(iter(loaded.values()))}, []
    if not known:
        raise UsageError(f"none of the splits {', '.join(map(str, loaded))} is train, val or test")
    return known, [str(name) for name in loaded if not split_of(str(name))]


@contextmanager
def _one_sentence(wanted: HubSet) -> "Iterator[None]":
    """Turn what the library raises into one sentence, and keep its warnings to itself."""
    logger = logging.getLogger("datasets")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    except (SadariError, GeneratorExit, KeyboardInterrupt, MemoryError):
        raise
    except Exception as error:  # the library, the hub's client and the network raise many kinds
        lines = str(error).strip().splitlines()
        reason = lines[0] if lines else type(error).__name__
        raise SadariError(f"cannot read {wanted.text}: {reason:.300}") from None
    finally:
        logger.setLevel(before)
