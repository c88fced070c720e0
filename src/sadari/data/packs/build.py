"""How do a source's images become the pixels of a pack? Decoded by threads, in blocks, written as they come."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import disk_usage

import numpy as np
from numpy.typing import NDArray

from sadari.data.decode import Frame, Shape, ShapeDiffers
from sadari.data.image_file import UnreadableImageError
from sadari.data.levels import RangeExceeded, to_channels
from sadari.data.packs.appearance import Appearance, check_classes
from sadari.data.packs.pack import PackMetadata, PixelWriter, Sink
from sadari.data.sources.base import ArrayContent, FileContent
from sadari.errors import SadariError
from sadari.progress import Progress
from sadari.run import memory_bytes
from sadari.settings import Settings

# Assumed: the side that images of different sizes get where the user sets none; a compromise between
# detail and the minutes that a first comparison takes on a processor.
DEFAULT_SIZE = 64
# Assumed: enough work per hand-over that its cost vanishes, little enough that memory stays small.
BLOCK_IMAGES = 256
BLOCK_BYTES = 8 * 2**20
NAMED = 3
# At least: an image as it is read and as it is resized (1 each), as a float and standardised (4 each).
BYTES_A_VALUE = 10

Block = list[tuple[int, bytes]]
# Makes what takes the decoded images, from a folder, the number of images and the least channels.
MakeSink = Callable[[Path, int, int], Sink]


@dataclass(frozen=True)
class Destination:
    """The place that decoded images go to, and what the user hears of it.

    folder: of the pack. where: what the user called the data. make_sink: makes what takes the images of files; what
    writes images.npy by default.
    """

    folder: Path
    where: str
    progress: Progress
    make_sink: MakeSink = PixelWriter


def fill_pack(content: ArrayContent | FileContent, settings: Settings, to: Destination) -> PackMetadata:
    """Write the pixels of `content` to the folder of `to`, and return the metadata that belongs to them.

    Arrays are always written (and evidence.npy), whatever `make_sink` is. The first image sets the frame; where a
    later one does not fit it, the frame is widened (colour for all, DEFAULT_SIZE for all, or a larger range of 16-bit
    values for all) and the writing starts again, so that the result depends on the whole set and never on its order.
    Raises SadariError for a set without images, and for unreadable files unless `settings.unreadable` is "skip".
    """
    frame = Frame.of(settings)
    notes = list(content.notes)
    while True:
        _require_room(content, frame, settings, to)
        seen = Appearance(count_of(content))
        try:
            if isinstance(content, ArrayContent):
                metadata = _fill_arrays(content, frame, to, seen)
            else:
                metadata = _fill_files(content, frame, settings, to, seen)
            found = seen.notes(metadata.ids, metadata.white_level, chosen=bool(settings.white_level))
            return replace(metadata, notes=(*notes, *metadata.notes, *found))
        except RangeExceeded as exceeded:
            frame = replace(frame, levels=replace(frame.levels, white=exceeded.needed))
        except ShapeDiffers as differs:
            if differs.channels:
                frame = replace(frame, least_channels=3)
            else:
                frame = replace(frame, size=DEFAULT_SIZE)
                notes.append(
                    f"the images have different sizes, so each was made {DEFAULT_SIZE} x {DEFAULT_SIZE} pixels "
                    f"({settings.fit}); choose another size with image_size"
                )


def _require_room(content: ArrayContent | FileContent, frame: Frame, settings: Settings, to: Destination) -> None:
    """Raise SadariError where images of the side that was asked for fit neither into memory nor on the disk.

    Asked before any is made, since a system that gives more memory than it has ends the process without a word.
    """
    values = frame.size**2 * (frame.channels or frame.least_channels)
    memory, free = memory_bytes(), disk_usage(to.folder).free
    if memory and values * BYTES_A_VALUE > memory:
        raise SadariError(
            f"one image of {frame.size:,} x {frame.size:,} pixels takes {gibibytes(values * BYTES_A_VALUE)} while it "
            f"is read and computed with, and this machine has {gibibytes(memory)} of memory; choose a smaller "
            "image_size"
        )
    packed = isinstance(content, ArrayContent) or settings.stream == "never"
    if packed and values * count_of(content) > free:
        raise SadariError(
            f"{count_of(content):,} images of {frame.size:,} x {frame.size:,} pixels take "
            f"{gibibytes(values * count_of(content))} decoded, and {to.folder.parent} has {gibibytes(free)} free; "
            "choose a smaller image_size, make room there, or set SADARI_CACHE_DIR to another folder"
        )


def gibibytes(size: int) -> str:
    """Return a number of bytes in words."""
    return f"{size / 2**30:,.3g} GiB" if size < 1000 * 2**30 else f"{size / 2**30:,.0f} GiB"


def count_of(content: ArrayContent | FileContent) -> int:
    """Return the number of images in `content`."""
    return len(content.images if isinstance(content, ArrayContent) else content.entries)


def _fill_arrays(content: ArrayContent, frame: Frame, to: Destination, seen: Appearance) -> PackMetadata:
    notes = check_classes(content.labels, content.classes, to.where)
    count = len(content.images)
    with (
        PixelWriter(to.folder, count, frame.least_channels) as writer,
        to.progress.task("packing", count, "images") as task,
    ):
        for start in range(0, count, BLOCK_IMAGES):
            block = content.images[start : start + BLOCK_IMAGES]
            for position, image in enumerate(to_channels(block, frame.channels or block.shape[3]), start):
                seen.look(position, image)
                writer.put(position, frame.resize(image))
            task.advance(len(block))
        writer.keep(range(count))
    if content.evidence is not None:
        np.save(to.folder / "evidence.npy", _fit_evidence(content.evidence, frame))
    return PackMetadata(
        labels=content.labels.tolist(),
        ids=content.ids,
        classes=content.classes,
        source_split=content.source_split,
        notes=notes,
        evidence=content.evidence is not None,
        shape=_shape(writer),
        size=frame.size,
        white_level=content.white_level,
    )


def _fit_evidence(evidence: NDArray[np.bool_], frame: Frame) -> NDArray[np.bool_]:
    if not frame.size:
        return evidence
    bilinear = replace(frame, interpolation="bilinear")
    masks = evidence.astype(np.uint8)[..., np.newaxis] * np.uint8(255)
    return np.stack([bilinear.resize(mask)[..., 0] >= 128 for mask in masks])


def _fill_files(
    content: FileContent, frame: Frame, settings: Settings, to: Destination, seen: Appearance
) -> PackMetadata:
    count = len(content.entries)
    with (
        to.make_sink(to.folder, count, frame.least_channels) as sink,
        to.progress.task("decoding", count, "images") as task,
    ):
        unreadable: dict[int, str] = {}
        with closing(_decode_all(content.read(), frame, sink, settings.threads, seen)) as blocks:
            for done, bad in blocks:
                unreadable.update(bad)
                task.advance(done)
        skipped = _skip_or_refuse(content, unreadable, settings.unreadable, to.where)
        kept = [at for at in range(count) if at not in unreadable]
        entries = [content.entries[at] for at in kept]
        labels = np.array([entry.label for entry in entries], dtype=np.int64)
        source_split = [entry.source_split for entry in entries]
        notes = check_classes(labels, content.classes, to.where)
        sink.keep(kept)
        seen.keep(kept)
    return PackMetadata(
        labels=labels.tolist(),
        ids=[entry.id for entry in entries],
        classes=content.classes,
        source_split=source_split,
        notes=(*skipped, *notes),
        evidence=False,
        shape=_shape(sink),
        size=frame.size,
        white_level=frame.levels.white,
    )


def _shape(sink: Sink) -> Shape:
    assert sink.shape is not None  # check_classes refuses a set without images
    return sink.shape


def _skip_or_refuse(content: FileContent, unreadable: dict[int, str], choice: str, where: str) -> tuple[str, ...]:
    """Return the note on the files that are left out, if any; raise SadariError unless the user chose "skip"."""
    if not unreadable:
        return ()
    bad = [(content.entries[at].id, unreadable[at]) for at in sorted(unreadable)]
    count = len(content.entries)
    more = f" and {len(bad) - NAMED:,} more" if len(bad) > NAMED else ""
    named = ", ".join(f"{name} ({reason})" for name, reason in bad[:NAMED]) + more
    if choice == "skip":
        return (f"left out {len(bad):,} of {count:,} files that cannot be read: {named}",)
    raise SadariError(
        f"{len(bad):,} of {count:,} images of {where} cannot be read: {named}; see them all with "
        f"`sadari data check {where}`, or leave them out with --set unreadable=skip"
    )


def _decode_all(
    files: Iterator[tuple[int, bytes]], frame: Frame, sink: Sink, threads: int, seen: Appearance
) -> Generator[tuple[int, dict[int, str]]]:
    """Decode every file into `sink`; after each block, yield its number of files, and why which cannot be read."""
    workers = threads or os.cpu_count() or 1
    waiting: deque[Future[tuple[int, dict[int, str]]]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="decode") as pool:
        try:
            for block in _blocks(files):
                waiting.append(pool.submit(_decode_block, block, frame, sink, seen))
                if len(waiting) > 2 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _blocks(files: Iterable[tuple[int, bytes]]) -> Iterator[Block]:
    block: Block = []
    held = 0
    for position, content in files:
        block.append((position, content))
        held += len(content)
        if len(block) == BLOCK_IMAGES or held >= BLOCK_BYTES:
            yield block
            block, held = [], 0
    if block:
        yield block


def _decode_block(block: Block, frame: Frame, sink: Sink, seen: Appearance) -> tuple[int, dict[int, str]]:
    """Decode one image after the other into `sink`, so that a thread holds one decoded image at a time."""
    unreadable = {}
    for position, content in block:
        try:
            image = frame.decode(content)
        except UnreadableImageError as error:
            unreadable[position] = str(error)
            continue
        seen.look(position, image, content)
        sink.put(position, image, content)
    return len(block), unreadable
