"""How do a source's images become the pixels of a pack? Decoded by threads, in blocks, written as they come."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sadari.data.decode import Frame, Shape, ShapeDiffers, UnreadableImageError, decode_image, fit_square, to_channels
from sadari.data.packs.pack import PackWords, PixelWriter, Sink
from sadari.data.sources.base import ArrayContent, FileContent
from sadari.errors import SadariError
from sadari.progress import Progress
from sadari.settings import Settings

# Assumed: the side that images of different sizes get where the user asks for none; a compromise between
# detail and the minutes that a first comparison takes on a processor.
DEFAULT_SIZE = 64
# Assumed: enough work per hand-over that its cost vanishes, little enough that memory stays small.
BLOCK_IMAGES = 256
BLOCK_BYTES = 8 * 2**20
NAMED = 3

Block = list[tuple[int, bytes]]
# Makes what takes the decoded images, from a folder, the number of images and the least channels.
MakeSink = Callable[[Path, int, int], Sink]
OpenSink = Callable[[int, int], Sink]


def fill_pack(
    content: ArrayContent | FileContent,
    settings: Settings,
    folder: Path,
    where: str,
    progress: Progress,
    make_sink: MakeSink = PixelWriter,
) -> PackWords:
    """Which words belong to the pixels that were just written to `folder`?

    make_sink: makes what takes the images of files, what writes images.npy by default; arrays are always written (and
    evidence.npy). The first image sets the frame; where a later one does not fit it, the frame is widened (colour for
    all, or DEFAULT_SIZE for all) and the writing starts again, so that the result depends on the whole set and never on
    its order. Raises SadariError for what the set's classes do not allow, and for unreadable files unless
    `settings.unreadable` is "skip". where: what the user called the data.
    """
    open_sink = partial(make_sink, folder)
    frame = Frame(settings.image_size, settings.fit, settings.channels, interpolation=settings.interpolation)
    notes = list(content.notes)
    while True:
        try:
            if isinstance(content, ArrayContent):
                return _fill_arrays(content, frame, folder, where, progress, notes)
            return _fill_files(content, frame, settings, where, progress, open_sink, notes)
        except ShapeDiffers as differs:
            if differs.channels:
                frame = replace(frame, least_channels=3)
            else:
                frame = replace(frame, size=DEFAULT_SIZE)
                notes.append(
                    f"the images have different sizes, so each was made {DEFAULT_SIZE} x {DEFAULT_SIZE} pixels "
                    f"({settings.fit}); choose another size with image_size"
                )


def _fill_arrays(
    content: ArrayContent, frame: Frame, folder: Path, where: str, progress: Progress, notes: Sequence[str]
) -> PackWords:
    judged = judge_classes(content.labels, content.source_split, content.classes, where)
    count = len(content.images)
    with (
        PixelWriter(folder, count, frame.least_channels) as writer,
        progress.task("packing", count, "images") as task,
    ):
        for start in range(0, count, BLOCK_IMAGES):
            block = content.images[start : start + BLOCK_IMAGES]
            for position, image in enumerate(to_channels(block, frame.channels or block.shape[3]), start):
                fitted = fit_square(image, frame.size, frame.fit, frame.interpolation) if frame.size else image
                writer.put(position, fitted)
            task.advance(len(block))
        writer.keep(range(count))
    if content.evidence is not None:
        np.save(folder / "evidence.npy", _fit_evidence(content.evidence, frame))
    return PackWords(
        labels=content.labels.tolist(),
        ids=content.ids,
        classes=content.classes,
        source_split=content.source_split,
        notes=(*notes, *judged),
        evidence=content.evidence is not None,
        shape=_shape(writer),
        size=frame.size,
    )


def _shape(sink: Sink) -> Shape:
    assert sink.shape is not None  # judge_classes refuses a set without images
    return sink.shape


def _fit_evidence(evidence: NDArray[np.bool_], frame: Frame) -> NDArray[np.bool_]:
    if not frame.size:
        return evidence
    masks = evidence.astype(np.uint8)[..., np.newaxis] * np.uint8(255)
    return np.stack([fit_square(mask, frame.size, frame.fit)[..., 0] >= 128 for mask in masks])


def _fill_files(
    content: FileContent,
    frame: Frame,
    settings: Settings,
    where: str,
    progress: Progress,
    open_sink: OpenSink,
    notes: Sequence[str],
) -> PackWords:
    count = len(content.entries)
    with (
        open_sink(count, frame.least_channels) as sink,
        progress.task("decoding", count, "images") as task,
    ):
        unreadable: dict[int, str] = {}
        with closing(_decode_all(content.read(), frame, sink, settings.threads)) as blocks:
            for done, bad in blocks:
                unreadable.update(bad)
                task.advance(done)
        if unreadable:
            bad_ids = [(content.entries[at].id, unreadable[at]) for at in sorted(unreadable)]
            skipped = _skip_or_refuse(bad_ids, count, settings.unreadable, where)
        kept = [at for at in range(count) if at not in unreadable]
        entries = [content.entries[at] for at in kept]
        labels = np.array([entry.label for entry in entries], dtype=np.int64)
        judged = judge_classes(labels, [entry.source_split for entry in entries], content.classes, where)
        sink.keep(kept)
    return PackWords(
        labels=labels.tolist(),
        ids=[entry.id for entry in entries],
        classes=content.classes,
        source_split=[entry.source_split for entry in entries],
        notes=(*notes, *((skipped,) if unreadable else ()), *judged),
        evidence=False,
        shape=_shape(sink),
        size=frame.size,
    )


def _skip_or_refuse(bad: Sequence[tuple[str, str]], count: int, choice: str, where: str) -> str:
    """The note on what was left out; SadariError where the user did not ask for leaving out."""
    more = f" and {len(bad) - NAMED:,} more" if len(bad) > NAMED else ""
    named = ", ".join(f"{name} ({reason})" for name, reason in bad[:NAMED]) + more
    if choice == "skip":
        return f"left out {len(bad):,} of {count:,} files that cannot be read: {named}"
    raise SadariError(
        f"{len(bad):,} of {count:,} images of {where} cannot be read: {named}; see them all with "
        f"`sadari data check {where}`, or leave them out with --set unreadable=skip"
    )


def _decode_all(
    files: Iterator[tuple[int, bytes]], frame: Frame, sink: Sink, threads: int
) -> Generator[tuple[int, dict[int, str]]]:
    """Decode and write every file; yields after each block how many it had, and which cannot be read, and why."""
    workers = threads or os.cpu_count() or 1
    waiting: deque[Future[tuple[int, dict[int, str]]]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="decode") as pool:
        try:
            for block in _blocks(files):
                waiting.append(pool.submit(_decode_block, block, frame, sink))
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


def _decode_block(block: Block, frame: Frame, sink: Sink) -> tuple[int, dict[int, str]]:
    """Each image goes to the file as soon as it is decoded, so that a thread holds one decoded image at a time."""
    unreadable = {}
    for position, content in block:
        try:
            image = decode_image(content, frame.channels, frame.size, frame.fit, frame.interpolation)
        except UnreadableImageError as error:
            unreadable[position] = str(error)
            continue
        sink.put(position, image, content)
    return len(block), unreadable


NAMED = 5


def judge_classes(
    labels: NDArray[np.int64], source_split: Sequence[str], classes: Sequence[str], where: str
) -> tuple[str, ...]:
    """Which classes are worth a note? Sentences on those with one image or none.

    Raises SadariError where fewer than two classes have images, and where a class is in val or test but
    not in train, so that nothing could learn it. where: what the user called the data.
    """
    counts = np.bincount(labels, minlength=len(classes))
    present = [name for name, count in zip(classes, counts, strict=True) if count]
    if not present:
        raise SadariError(f"{where} holds no images; a classifier needs images of at least two classes")
    if len(present) == 1:
        raise SadariError(f"{where} holds one class only, '{present[0]}'; a classifier needs at least two")
    parts = np.array(source_split)
    train = set(labels[parts == "train"].tolist())
    unseen = sorted(set(labels[(parts == "val") | (parts == "test")].tolist()) - train) if train else []
    if unseen:
        split_name = str(parts[(labels == unseen[0]) & (parts != "train")][0])
        raise SadariError(
            f"the class '{classes[unseen[0]]}' of {where} is in {split_name} but not in train; "
            "give it training images, or rename it if it is another spelling of one of the others"
        )
    return (
        *_note([name for name, count in zip(classes, counts, strict=True) if count == 1], "has one image only"),
        *_note([name for name, count in zip(classes, counts, strict=True) if count == 0], "has no images"),
    )


def _note(names: Sequence[str], what: str) -> tuple[str, ...]:
    if not names:
        return ()
    if len(names) == 1:
        return (f"the class '{names[0]}' {what}",)
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return (f"each of the classes {', '.join(names[:NAMED])}{more} {what}",)
