"""Where are the pixels of a source? Decoded once, in a pack, or in its own files, decoded whenever needed."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from math import prod
from pathlib import Path

from sadari.data.cache.digests import cache_dir, digest_texts
from sadari.data.cache.entries import LIMIT, EntryBuild, make_room, mark_used, most_bytes
from sadari.data.packs.build import Destination, MakeSink, fill_pack, gibibytes
from sadari.data.packs.pack import (
    PACK_FORMAT,
    PixelWriter,
    TooLarge,
    pack_folder,
    read_metadata,
    read_pack,
    write_metadata,
)
from sadari.data.packs.stream import Stream, Survey, read_stream
from sadari.data.sources.base import ArrayContent, FileContent, Source
from sadari.errors import SadariError, UsageError
from sadari.progress import Progress
from sadari.settings import Settings
from sadari.values import ImageSet

# The settings that decide the pixels, in the order in which a pack's name has them.
PIXEL_SETTINGS = (
    "image_size", "fit", "channels", "unreadable", "interpolation", "white_level", "max_megapixels", "split_folders",
    "archive_encoding", "labels",
)  # fmt: skip
# And those that decide where the pixels are, which images belong together, and what was decided about them by hand: all
# that `load` depends on.
LOAD_SETTINGS = (*PIXEL_SETTINGS, "stream", "group", "review")
ATTEMPTS = 4  # assumed: other processes that need room do not remove a new pack more often before it is mapped


@dataclass(frozen=True)
class Wanted:
    """A request for images. where: what the user called the data; reopen: opens its source once more."""

    where: str
    source: Source
    fingerprint: str
    settings: Settings
    progress: Progress
    reopen: Callable[[], Source]

    def folder(self, *more: str) -> Path:
        """Return the folder of the cache for these pixels, or for what `more` names of them."""
        choices = (str(getattr(self.settings, name)) for name in PIXEL_SETTINGS)
        return pack_folder(digest_texts(PACK_FORMAT, self.fingerprint, *choices, *more))


def provide(wanted: Wanted) -> ImageSet:
    """Pack or stream the images, as `stream` of the settings says; a note says so where "auto" led to streaming.

    Raises UsageError or SadariError for what cannot be streamed, and SadariError for a set that `fill_pack` refuses.
    """
    if wanted.settings.stream == "always":
        return _streamed(wanted, wanted.source.content())
    images = read_pack(wanted.folder(), wanted.source.name, wanted.fingerprint)
    if images is not None:
        mark_used(wanted.folder())
        return images
    content = wanted.source.content()
    most = most_bytes() if wanted.settings.stream == "auto" and isinstance(content, FileContent) else None
    try:
        if most is not None:
            _require_room(wanted, most)
        return _packed(wanted, content, most)
    except TooLarge as found:
        return _streamed(wanted, content, found.size)


def _require_room(wanted: Wanted, most: int) -> None:
    """Raise TooLarge where an earlier survey found that the pixels take more than `most` bytes."""
    try:
        metadata = read_metadata(_surveyed(wanted))
    except Exception:  # as in a pack
        return
    size = len(metadata.ids) * prod(metadata.shape)
    if size > most:
        raise TooLarge(size)


def _packed(wanted: Wanted, content: ArrayContent | FileContent, most: int | None) -> ImageSet:
    """Decode everything into the cache. Raises TooLarge where that takes more than `most` bytes."""
    folder = wanted.folder()
    read = partial(read_pack, folder, wanted.source.name, wanted.fingerprint)
    images = None
    for _ in range(ATTEMPTS):
        _keep(wanted, content, folder, read, partial(PixelWriter, most_bytes=most))
        images = read()
        if images is not None:
            break
        content = wanted.reopen().content()
    make_room(0, but=folder)
    return _read_back(images, folder)


def _streamed(wanted: Wanted, content: ArrayContent | FileContent, size: int = 0) -> ImageSet:
    """Leave the pixels in the files. size: bytes that a pack would take, where that is the reason."""
    if isinstance(content, ArrayContent):
        raise UsageError(
            f"stream=always is for images in files, and {wanted.where} holds arrays, which are decoded already; leave "
            "it out"
        )
    if content.fetch is None:
        raise SadariError(_only_in_order(wanted.where, size))
    folder = _surveyed(wanted)
    stream = Stream(content.fetch, wanted.settings, wanted.where)
    read = partial(read_stream, folder, stream, wanted.source.name, wanted.fingerprint)
    images = read()
    if images is None:
        _keep(wanted, content, folder, read, Survey)
        images = _read_back(read(), folder)
    else:
        mark_used(folder)
    return replace(images, notes=(*images.notes, _too_large(size))) if size else images


def _surveyed(wanted: Wanted) -> Path:
    return wanted.folder("streamed")


def _keep(
    wanted: Wanted,
    content: ArrayContent | FileContent,
    folder: Path,
    read: Callable[[], ImageSet | None],
    make_sink: MakeSink,
) -> None:
    """Write the entry `folder` of the cache with `make_sink`. Raises SadariError where the images changed meanwhile."""
    with EntryBuild(folder, lambda: read() is not None) as build:
        to = Destination(build.folder, wanted.where, wanted.progress, make_sink)
        write_metadata(build.folder, fill_pack(content, wanted.settings, to))
        if wanted.reopen().fingerprint() != wanted.fingerprint:
            raise SadariError(f"{wanted.where} changed while it was being read; run the command again when it rests")
        build.publish()


def _read_back(images: ImageSet | None, folder: Path) -> ImageSet:
    if images is None:
        raise SadariError(f"the decoded images in {folder} cannot be read back; remove that folder and try again")
    return images


def _too_large(size: int) -> str:
    return (
        f"the images would take {gibibytes(size)} decoded, more than the cache in {cache_dir()} may hold, so each is "
        f"decoded whenever it is needed; to decode them once, raise {LIMIT}, make room on the disk, or set stream=never"
    )


def _only_in_order(where: str, size: int) -> str:
    why = f", and its images would take {gibibytes(size)} decoded, more than the cache may hold" if size else ""
    return (
        f"{where} is a compressed .tar, which can be read from its beginning only{why}; unpack it and name the folder, "
        "or set stream=never"
    )
