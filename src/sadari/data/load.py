"""Which images does the user mean, ready for a model? `load` is the entry point of the package `data`."""

from dataclasses import replace
from pathlib import Path

from sadari.data.decisions.apply import Reviewed, require_fit
from sadari.data.decisions.file import chosen_file
from sadari.data.groups.names import grouped_fingerprint, with_groups
from sadari.data.packs.provide import Wanted, provide
from sadari.data.sources.base import SOURCES, NamedSource, Source
from sadari.data.sources.layout import printable
from sadari.data.sources.objects.hand_over import hand_over
from sadari.data.sources.objects.hub import absolute_address, is_hub, open_hub
from sadari.data.sources.objects.store import SAVED_AGAIN, BroughtSource, is_entry
from sadari.data.sources.opening import FORMS, open_path, open_shards
from sadari.data.sources.webdataset import NUMBERS, expand
from sadari.data.spellings import alike_notes
from sadari.errors import SadariError, UsageError
from sadari.files import exists, expanded, why_no_text
from sadari.progress import Progress, Silent
from sadari.registry import Registry, unknown_name
from sadari.settings import Settings
from sadari.values import ImageSet


def load(data: str | Path, settings: Settings, progress: Progress | None = None) -> ImageSet:
    """Load the images of `data`: decoded at the first call, memory-mapped from the cache at every later one.

    Where the cache cannot hold them, they are decoded at every access.

    data: a named set, with options after a colon (`shapes:size=32,classes=5`), or a path; see `open_source`.
    Of `settings`, those in LOAD_SETTINGS of `data.packs.provide` decide the images and where they are stored. Raises
    UsageError for data that is neither, and SadariError for data that no classifier can be trained on, naming what is
    wrong with it.
    """
    progress = progress or Silent()
    if settings.channels not in (0, 1, 3):
        raise UsageError(f"channels is 1 (grey), 3 (colour) or 0 (as the source has it), not {settings.channels}")
    source = open_source(data, settings)
    reviewed = _reviewed(data, settings)
    if isinstance(source, BroughtSource):
        source.bring(progress)
    _bring(data, progress)
    fingerprint = source.fingerprint()
    wanted = Wanted(str(data), source, fingerprint, settings, progress, lambda: open_source(data, settings))
    images = provide(wanted)
    notes = (*_namesake(data), *source.notes(), *images.notes, *alike_notes(images.classes))
    given = images = replace(images, notes=notes)
    if reviewed is not None:
        require_fit(reviewed, given, source)
        images = reviewed.without_dropped(images)
    images = with_groups(images, source, settings.group)
    if reviewed is not None:
        images = reviewed.relabelled(images, given)
    if images.fingerprint != given.fingerprint and len(images) == len(given):
        images = replace(images, pixels_of=given.fingerprint)
    return replace(images, notes=tuple(printable(note) for note in images.notes))


def fingerprint_of(data: str | Path, settings: Settings) -> str:
    """Return the fingerprint of the content of `data`, as `load` gives it to the images; nothing is decoded.

    Raises as `load` does where there is no such data.
    """
    source, reviewed = open_source(data, settings), _reviewed(data, settings)
    fingerprint = grouped_fingerprint(source.fingerprint(), source, settings.group)
    return reviewed.fingerprint(fingerprint) if reviewed else fingerprint


def _reviewed(data: str | Path, settings: Settings) -> Reviewed | None:
    """Return the decisions that count for `data`; raises UsageError or SadariError where they cannot be read."""
    return Reviewed.read(chosen_file(data, has_no_place(data), settings.review))


def has_no_place(data: str | Path) -> bool:
    """Return whether nothing of the user can be beside `data`: it is a named set, or in the cache only."""
    named = isinstance(data, str) and (data.partition(":")[0] in named_sets() or is_hub(data))
    return named or is_entry(expanded(data))


def open_source(data: str | Path, settings: Settings | None = None) -> Source:
    """Open the source that the user means by `data`. A named set comes first; a folder of that name is `./name`.

    settings: say what a source does not say itself, such as the encoding of an archive's names. Raises UsageError where
    `data` is neither a named set nor an existing path of an accepted form, SadariError where the path is no text.
    """
    settings = settings or Settings()
    if isinstance(data, str):
        name, _, options = data.partition(":")
        if name in named_sets():
            return named_sets().get(name).open(_options(name, options))
        if is_hub(data):
            return open_hub(data)
    path = expanded(data)
    _require_text(path)
    if data and not exists(path) and (shards := expand(path)):
        return open_shards(shards, NUMBERS.sub("", path.name).partition(".")[0].strip("-_") or "images", settings)
    if not data or not exists(path):
        raise _unknown(str(data))
    return open_path(path, str(data), settings)


def is_there(data: str) -> bool:
    """Return whether `data`, as a run stored it, is a named set or a path that exists."""
    return data.partition(":")[0] in named_sets() or is_hub(data) or exists(Path(data)) or bool(expand(Path(data)))


def absolute_data(data: object) -> str:
    """Name `data` so that it can be found from any folder: a path as an absolute one, a named set as it is.

    An object of Python that holds images is handed over, and named by where it is stored.
    """
    if not isinstance(data, str | Path):
        data = hand_over(data)
    name = str(data)
    if is_hub(name):
        return absolute_address(name)
    path = expanded(data)
    is_path = bool(name) and name.partition(":")[0] not in named_sets() and (exists(path) or bool(expand(path)))
    return str(_resolved(path)) if is_path or isinstance(data, Path) else name


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError) as error:  # links in a circle, or a letter that no name may have
        raise UsageError(f"there is no file or folder {path!s:.200} ({error})") from None


def _require_text(path: Path) -> None:
    """Raise SadariError where the path, seen from the root, is no UTF-8 text: nothing could store or print it."""
    try:
        str(path.absolute()).encode("utf-8")
    except UnicodeEncodeError:
        raise SadariError(f"the path {str(path.absolute())!a} {why_no_text(str(path.absolute()))}") from None


def _namesake(data: str | Path) -> tuple[str, ...]:
    """Return a note where a file or folder has the name of the named set that `data` is."""
    if not isinstance(data, str) or data not in named_sets() or not exists(Path(data)):
        return ()
    return (f"'{data}' is the set of that name; write ./{data} for the folder of this name that is here too",)


def named_sets() -> Registry[NamedSource]:
    """Return the registry of the sets that are known by name."""
    from sadari.data.sources import catalog, digits, shapes  # noqa: F401 - they register their sets

    return SOURCES


def _bring(data: str | Path, progress: Progress) -> None:
    """Download a missing named set, with progress that the user sees."""
    name = data.partition(":")[0] if isinstance(data, str) else ""
    if name in named_sets():
        bring = named_sets().get(name).bring
        if bring:
            bring(progress)


def _options(name: str, text: str) -> dict[str, str]:
    options = {}
    for pair in filter(None, text.split(",")):
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"the options of {name} are key=value, not '{pair}'")
        options[key.strip()] = value.strip()
    return options


def _unknown(data: str) -> UsageError:
    if is_entry(expanded(data)):
        return UsageError(f"the images stored as {data} are no longer in the cache; {SAVED_AGAIN}")
    if "/" in data or "\\" in data or Path(data).suffix:
        return UsageError(f"there is no file or folder {data}; the data is {FORMS}")
    return UsageError(f"{unknown_name('data set', data.partition(':')[0], named_sets().names())}; the data is {FORMS}")
