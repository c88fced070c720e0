"""What do decisions change in a set? Labels, which images it has, its fingerprint, and what its notes say."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sadari.data.cache.digests import cache_dir, digest_texts
from sadari.data.decisions.chosen import chosen_rows
from sadari.data.decisions.file import DROP, KEEP, RELABEL, Decision, Decisions, read_decisions
from sadari.data.sources.base import ArrayContent, FileContent, Source
from sadari.errors import SadariError
from sadari.files import read_json, write_json
from sadari.values import ImageSet

DIGEST_BYTES = 16
FIT_FORMAT = "decisions 1"  # raise it when other decisions fit: earlier findings are then not found
NAMED = 3


@dataclass(frozen=True)
class Reviewed:
    """The decisions that count for a set, and the file that has them."""

    path: Path
    decisions: Decisions

    @classmethod
    def read(cls, path: Path | None) -> "Reviewed | None":
        """Read the decisions at `path`; None where there is no such file. Raises SadariError where it is damaged."""
        return None if path is None else cls(path, read_decisions(path))

    @property
    def changing(self) -> list[Decision]:
        """Return those that change the set, in the order of their files; kept images stay as they are."""
        return [each for _, each in sorted(self.decisions.items()) if each.decision != KEEP]

    def fingerprint(self, fingerprint: str) -> str:
        """Return the fingerprint of a set with these decisions; that of the set alone where they change nothing."""
        changes = [f"{each.decision}/{each.label}/{each.file}" for each in self.changing]
        return digest_texts(fingerprint, "review", *changes) if changes else fingerprint

    def without_dropped(self, images: ImageSet) -> ImageSet:
        """Return `images` without those that were dropped. Raises SadariError where none is left."""
        dropped = [each.file for each in self.changing if each.decision == DROP]
        kept = np.flatnonzero(~np.isin(images.ids, np.array(dropped, dtype=np.str_))).astype(np.int64)
        if len(kept) == len(images):
            return images
        if not len(kept):
            raise SadariError(f"{self.path} leaves out every image of {images.name}; mend it, or set review=none")
        return replace(
            images,
            images=chosen_rows(images.images, kept),
            labels=images.labels[kept],
            ids=images.ids[kept],
            source_split=images.source_split[kept],
            evidence=None if images.evidence is None else images.evidence[kept],
        )

    def relabelled(self, images: ImageSet, before: ImageSet) -> ImageSet:
        """Return `images` with the labels that were decided, its fingerprint, and notes that say so.

        before: the set as its source gives it.
        """
        index = {name: label for label, name in enumerate(images.classes)}
        decided = [self.decisions.get(name) for name in images.ids.tolist()]
        labels = np.array(
            [
                index[each.label] if each and each.decision == RELABEL else label
                for each, label in zip(decided, images.labels.tolist(), strict=True)
            ],
            dtype=np.int64,
        )
        notes = (*images.notes, *self._notes(before))
        return replace(images, labels=labels, notes=notes, fingerprint=self.fingerprint(images.fingerprint))

    def _notes(self, before: ImageSet) -> list[str]:
        split_of = dict(zip(before.ids.tolist(), before.source_split.tolist(), strict=True))
        there = [each for each in self.changing if each.file in split_of]
        gone = len(self.decisions) - sum(name in split_of for name in self.decisions)
        notes = []
        if there:
            changed, dropped = (sum(each.decision == kind for each in there) for kind in (RELABEL, DROP))
            counts = [
                *([f"{changed:,} label{'' if changed == 1 else 's'} changed"] if changed else []),
                *([f"{dropped:,} image{'' if dropped == 1 else 's'} left out"] if dropped else []),
            ]
            notes += [f"review: {' and '.join(counts)} by hand, as {self.path.name} says; review=none does without"]
            notes += _about_test([split_of[each.file] for each in there])
        if gone:
            is_ = "decision is on an image that is" if gone == 1 else "decisions are on images that are"
            notes.append(f"review: {gone:,} {is_} not there any more, and without effect")
        return notes


def was_reviewed(images: ImageSet) -> bool:
    """Return whether decisions changed `images`, as its notes say."""
    return any(note.startswith("review: ") for note in images.notes)


def _about_test(splits: list[str]) -> list[str]:
    """Say that images which judge were changed. splits: the source split of each changed image."""
    of_test = splits.count("test")
    honest = "by hand, with suggestions of a model in view, which flatters models like it"
    if of_test:
        are = "is a test image" if of_test == 1 else "are test images"
        return [f"review: {of_test:,} of these {are}: what judges was changed {honest}"]
    if not any(splits):
        return [f"review: where test images are drawn from this set, what judges was changed {honest}"]
    return []


def require_fit(reviewed: Reviewed, images: ImageSet, source: Source) -> None:
    """Raise SadariError where decisions are not about these images: their classes, labels or bytes are others.

    images: as the source gives them, with its fingerprint. Images that are not there are no reason while others are.
    """
    label_of = dict(zip(images.ids.tolist(), images.labels.tolist(), strict=True))
    there = [each for each in reviewed.decisions.values() if each.file in label_of]
    if reviewed.decisions and not there:
        first = next(iter(reviewed.decisions))
        raise _misfit(reviewed, f"none of its {len(reviewed.decisions):,} files is in {images.name}, such as '{first}'")
    for each in there:
        given = images.classes[label_of[each.file]]
        if each.decision == RELABEL and each.label not in images.classes:
            known = ", ".join(images.classes[:NAMED]) + (" ..." if len(images.classes) > NAMED else "")
            raise _misfit(reviewed, f"'{each.file}' gets the class '{each.label}', which is none of {known}")
        if each.given_label != given:
            raise _misfit(
                reviewed, f"'{each.file}' has the label '{given}' now, and had '{each.given_label}' when it was decided"
            )
    _require_same_bytes(reviewed, there, images.fingerprint, source)


def _require_same_bytes(reviewed: Reviewed, there: list[Decision], fingerprint: str, source: Source) -> None:
    """Read the bytes of the images that were decided once; the fingerprint says when they are still the same."""
    key = digest_texts(FIT_FORMAT, fingerprint, *(f"{each.digest}/{each.file}" for each in there))
    memory = cache_dir() / "digests" / f"{key}.json"
    with suppress(SadariError):
        if read_json(memory).get("fits") is True:
            return
    found = digests_of(source.content(), [each.file for each in there])
    for each in there:
        if found[each.file] != each.digest:
            raise _misfit(
                reviewed, f"'{each.file}' is another picture now than the one that was decided about (other bytes)"
            )
    with suppress(OSError, SadariError):  # where it cannot be stored only time is lost
        write_json(memory, {"fits": True})


def _misfit(reviewed: Reviewed, reason: str) -> SadariError:
    return SadariError(
        f"the decisions in {reviewed.path} do not fit: {reason}; decide anew with sadari data review, take its line "
        "out, or set review=none"
    )


def digests_of(content: ArrayContent | FileContent, files: list[str]) -> Mapping[str, str]:
    """Return the digest of the bytes of each of `files`, ids of `content`; of arrays, that of the pixels.

    Raises SadariError where a file cannot be read.
    """
    wanted = set(files)
    if isinstance(content, ArrayContent):
        return {name: _pixels_digest(content.images[at]) for at, name in enumerate(content.ids) if name in wanted}
    if content.fetch is not None:
        return {name: bytes_digest(content.fetch(name)) for name in files}
    names = [entry.id for entry in content.entries]
    return {names[at]: bytes_digest(encoded) for at, encoded in content.read() if names[at] in wanted}


def bytes_digest(encoded: bytes) -> str:
    """Return the hexadecimal digest of a file's bytes."""
    return blake2b(encoded, digest_size=DIGEST_BYTES).hexdigest()


def _pixels_digest(pixels: NDArray[np.uint8]) -> str:
    return bytes_digest(str(pixels.shape).encode() + np.ascontiguousarray(pixels).tobytes())
