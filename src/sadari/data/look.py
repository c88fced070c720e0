"""Are the images of a set photographs? Seen in the headers of a few of its files, before anything is decoded."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import median

from sadari.data.image_file import open_image, quiet_pillow
from sadari.data.load import load, open_source
from sadari.data.sources.archive import ArchiveSource
from sadari.data.sources.base import FileContent
from sadari.data.sources.folder import FolderSource
from sadari.data.sources.objects.store import BroughtSource, StoredSource
from sadari.data.sources.tables.table import TableSource
from sadari.data.sources.webdataset import ShardsSource
from sadari.errors import SadariError
from sadari.progress import Progress
from sadari.settings import Settings

FILES = (FolderSource, ArchiveSource, TableSource, StoredSource, ShardsSource)
LOOKED_AT = 24  # files, evenly spread (assumed: a set that is mostly one kind shows it)
PHOTOGRAPHS_FROM = 64  # pixels on the shorter side (assumed: sets of small drawings and digits have 8 to 32)
GREY = frozenset({"1", "L", "LA", "La", "I", "F", "I;16", "I;16B", "I;16L"})  # Pillow's modes


@dataclass(frozen=True)
class Look:
    """What most images of a set are. side: the median of the shorter sides, in pixels. colour: of most of them."""

    side: int
    colour: bool

    @property
    def photographs(self) -> bool:
        """Return whether they count as photographs: colour, and not small."""
        return self.colour and self.side >= PHOTOGRAPHS_FROM


def look(data: str | Path, settings: Settings, progress: Progress) -> Look:
    """Look at some images of `data` as their source has them; files that are no images do not count.

    Arrays are loaded, which the comparison that follows does anyway. Raises as `load` does where there is no such data.
    """
    source = open_source(data, settings)
    if isinstance(source, BroughtSource):
        source.bring(progress)
    content = source.content() if isinstance(source, FILES) else None
    if not isinstance(content, FileContent):
        height, width, channels = load(data, settings, progress).shape
        return Look(min(height, width), channels == 3)
    quiet_pillow()
    seen: list[tuple[int, bool]] = []
    for file in _some_files(content):
        with suppress(Exception):  # Pillow raises many kinds; what is wrong with a file is for decoding to say
            image = open_image(file, round(settings.max_megapixels * 1e6))
            seen.append((min(image.size), image.mode not in GREY))
    if not seen:
        return Look(0, False)
    return Look(round(median(side for side, _ in seen)), sum(colour for _, colour in seen) * 2 > len(seen))


def _some_files(content: FileContent) -> Iterator[bytes]:
    """Return the bytes of LOOKED_AT files, evenly spread; the first ones where they are only read in order."""
    if content.fetch is None:
        yield from (file for _, file in islice(content.read(), LOOKED_AT))
        return
    count = len(content.entries)
    for position in sorted({number * count // LOOKED_AT for number in range(LOOKED_AT)} if count else ()):
        with suppress(SadariError):
            yield content.fetch(content.entries[position].id)
