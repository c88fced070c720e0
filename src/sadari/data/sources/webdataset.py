"""Which images do WebDataset's .tar files hold? Members of one name: an image, and its class in .cls or .json."""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial
from pathlib import Path

from sadari.data.cache.digests import remembered_digest
from sadari.data.sources.archive import ArchiveSource
from sadari.data.sources.base import Fetch, FileContent, FileEntry
from sadari.data.sources.exports.base import split_of_file
from sadari.data.sources.exports.web import KIND as WEB
from sadari.errors import SadariError

ENDINGS = (".tar", ".tar.gz", ".tgz")
NUMBERS = re.compile(r"\{(\d+)\.\.(\d+)\}")
MOST_SHARDS = 100_000  # assumed


def shards_in(folder: Path) -> list[Path]:
    """Return the .tar files directly in `folder`, sorted; none where there is anything else that may hold images."""
    try:
        names = [each for each in folder.iterdir() if not each.name.startswith(".")]
        if any(each.is_dir() for each in names):
            return []
        return sorted(each for each in names if each.name.lower().endswith(ENDINGS))
    except OSError:
        return []


def expand(path: Path) -> list[Path]:
    """Return the files that a name such as `train-{0000..0009}.tar` means; none where it has no such numbers."""
    found = NUMBERS.search(path.name)
    if found is None:
        return []
    first, last = found.groups()
    if not 0 <= int(last) - int(first) < MOST_SHARDS:
        raise SadariError(f"{path} means no files, or more than {MOST_SHARDS:,}; the numbers are first..last")
    numbers = range(int(first), int(last) + 1)
    start, end = path.name[: found.start()], path.name[found.end() :]
    return [path.with_name(f"{start}{number:0{len(first)}}{end}") for number in numbers]


class ShardsSource:
    """The images of several archives, one after the other; their splits are what the archives' names say.

    open_shard: opens one of `paths`. Its methods raise SadariError as those of ArchiveSource do.
    """

    def __init__(self, paths: Sequence[Path], name: str, open_shard: Callable[[Path], ArchiveSource]) -> None:
        self.name = name
        self._paths = tuple(paths)
        self._open = open_shard

    def fingerprint(self) -> str:
        return remembered_digest(self._paths, "webdataset", *(path.name for path in self._paths))

    def notes(self) -> tuple[str, ...]:
        return ()

    @cached_property
    def _contents(self) -> tuple[FileContent, ...]:
        return tuple(self._open(path).content() for path in self._paths)

    def content(self) -> FileContent:
        contents = self._contents
        classes = tuple(sorted({name for each in contents for name in each.classes}))
        index = {name: at for at, name in enumerate(classes)}
        ids = [entry.id for each in contents for entry in each.entries]
        prefixed = len(set(ids)) < len(ids)
        stems = [path.name.partition(".")[0] for path in self._paths]
        entries, places = [], {}
        for shard, (path, each) in enumerate(zip(self._paths, contents, strict=True)):
            split = split_of_file(path.name)
            for entry in each.entries:
                name = f"{stems[shard]}/{entry.id}" if prefixed else entry.id
                places[name] = shard, entry.id
                label = index[each.classes[entry.label]]
                entries.append(FileEntry(name, label, entry.source_split or split))
        fetches = [each.fetch for each in contents]
        fetch = None if None in fetches else partial(_fetch, fetches, places)
        return FileContent(tuple(entries), classes, partial(_read, contents), fetch, _notes(contents))


def _notes(contents: Sequence[FileContent]) -> tuple[str, ...]:
    """Return the notes of all archives, the one on where classes are from only once."""
    notes = dict.fromkeys(note for each in contents for note in each.notes)
    of_classes = [note for note in notes if f"({WEB})" in note]
    return tuple(note for note in notes if note not in of_classes[1:])


def _read(contents: Sequence[FileContent]) -> Iterator[tuple[int, bytes]]:
    start = 0
    for each in contents:
        for position, content in each.read():
            yield start + position, content
        start += len(each.entries)


def _fetch(fetches: Sequence[Fetch | None], places: dict[str, tuple[int, str]], name: str) -> bytes:
    shard, own = places[name]
    fetch = fetches[shard]
    assert fetch is not None
    return fetch(own)
