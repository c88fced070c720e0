"""How well does a run tell images of other things from those of its classes? Its test images, and images that it names.

Neither the test images nor the unknown ones choose anything: scores and thresholds are those that the run stores.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sadari.data.image_file import MAX_FILE_BYTES, UnreadableImageError
from sadari.data.load import absolute_data, load
from sadari.deploy.files import Content, FileGroup, find_files
from sadari.errors import SadariError, UsageError
from sadari.evaluation.unknown.figures import UnknownFigures, unknown_figures
from sadari.evaluation.unknown.scores import Seen
from sadari.evaluation.unknown.threshold import KEPT
from sadari.files import expanded
from sadari.inference.classifier import Classifier
from sadari.inference.evaluate import own_images, settings_like
from sadari.inference.unknown.find import known_of
from sadari.inference.unknown.stored import KnownImages
from sadari.progress import Progress, Silent
from sadari.run import RunRecord

if TYPE_CHECKING:
    import pandas as pd

AT_ONCE = 64  # images in memory (assumed: 20 MB of photographs)
TABLES = (".npz", ".npy", ".csv")  # files that hold a set, not a picture


@dataclass(frozen=True)
class UnknownEvaluation:
    """What a run says of unknown images, by each score. used: the score by which it decides.

    known, images: how many test images of the run and how many unknown ones. unreadable: files that cannot be read.
    """

    run: str
    unknown: str
    used: str
    known: int
    images: int
    unreadable: int
    rows: tuple[UnknownFigures, ...]

    @property
    def decides(self) -> UnknownFigures:
        """The figures of the score by which the run decides."""
        return next(row for row in self.rows if row.score == self.used)

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per score, with the low and high end of each interval."""
        import pandas as pd

        return pd.DataFrame([_flat(row) for row in self.rows])

    def document(self) -> dict[str, Any]:
        """Return the same as a JSON document."""
        return {
            "run": self.run,
            "unknown": self.unknown,
            "images": {"known": self.known, "unknown": self.images, "unreadable": self.unreadable},
            "score": self.used,
            "scores": [asdict(row) for row in self.rows],
        }


def _flat(row: UnknownFigures) -> dict[str, Any]:
    found: dict[str, Any] = {"score": row.score, "threshold": row.threshold, "promised": row.promised}
    for name in ("auroc", "accepted", "kept"):
        each = getattr(row, name)
        found |= {name: each.mean, f"{name}_low": each.low, f"{name}_high": each.high}
    return found


def evaluate_unknown(
    run: RunRecord, unknown: str | Path, keep: float = KEPT, score: str = "", progress: Progress | None = None
) -> UnknownEvaluation:
    """Judge every score of `run` on its test images and on `unknown`, images that show none of its classes.

    unknown: a folder of pictures or of folders, an archive, a picture, a file of a set, or a named set. keep: the share
    of known images that the thresholds keep. Raises UsageError where the run has no test images or there are no unknown
    ones, and SadariError as `known_of` and `own_images` do.
    """
    progress = progress or Silent()
    known = known_of(run, progress)
    used = known.abstention(keep, score).score.name
    images, test = own_images(run, progress), run.split.test
    if not len(test):
        raise UsageError(f"the run {run.path} has no test images, on which it would be judged beside the unknown ones")
    classifier = Classifier.open(run.path, progress=progress)
    inside = _scored(known, keep, (classifier.seen(images.images[each]) for each in _blocks(test)))
    with progress.task("unknown images", 0, "images") as task:
        count, unreadable, outside = 0, 0, []
        for pixels, failed in _pixels(classifier, run, unknown, progress):
            unreadable += failed
            if len(pixels):
                outside.append(classifier.seen(pixels))
                count += len(pixels)
                task.advance(len(pixels))
    if not count:
        raise UsageError(f"there are no images in '{unknown}' that can be read; name a folder of pictures, or a set")
    others = _scored(known, keep, iter(outside))
    groups = None if images.groups is None else images.groups[test]
    rows = tuple(
        unknown_figures(name, inside[name], others[name], known.abstention(keep, name).threshold, keep, groups)
        for name in known.validation
    )
    return UnknownEvaluation(str(run.path), str(unknown), used, len(test), count, unreadable, rows)


def _scored(known: KnownImages, keep: float, seen: Iterator[Seen]) -> dict[str, NDArray[np.float32]]:
    """Return the scores of all images that were seen, by name."""
    judges = {name: known.abstention(keep, name) for name in known.validation}
    found: dict[str, list[NDArray[np.float32]]] = {name: [] for name in judges}
    for each in seen:
        for name, judge in judges.items():
            found[name].append(judge.scores(each))
    return {name: np.concatenate(each) for name, each in found.items()}


def _blocks(positions: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    for start in range(0, len(positions), AT_ONCE):
        yield positions[start : start + AT_ONCE]


def _pixels(
    classifier: Classifier, run: RunRecord, unknown: str | Path, progress: Progress
) -> Iterator[tuple[NDArray[np.uint8], int]]:
    """Yield images in blocks, uint8 (n, H, W, C), and how many files beside them could not be read."""
    path = expanded(unknown)
    if path.exists() and path.suffix.lower() not in TABLES:
        (group,) = find_files([str(unknown)])
        yield from _decoded(classifier, group)
        return
    settings = settings_like(run.job.settings, classifier.preprocess)
    images = load(absolute_data(unknown), settings, progress)
    given = images.source_split == "test"
    for each in _blocks(np.flatnonzero(given if given.any() else ~given).astype(np.int64)):
        yield images.images[each], 0


def _decoded(classifier: Classifier, group: FileGroup) -> Iterator[tuple[NDArray[np.uint8], int]]:
    if group.reason:
        raise UsageError(f"'{group.names[0]}' cannot be read: {group.reason}")
    block: list[NDArray[np.uint8]] = []
    failed = 0
    try:
        for _, content in group.read():
            try:
                block.append(classifier.decode(_bytes(content)))
            except (UnreadableImageError, OSError):
                failed += 1
            if len(block) == AT_ONCE:
                yield np.stack(block), failed
                block, failed = [], 0
    except SadariError as error:
        raise SadariError(f"the images in '{group.names[0]}' and after it cannot be read: {error}") from None
    yield np.stack(block) if block else np.empty((0, *classifier.shape), dtype=np.uint8), failed


def _bytes(content: Content) -> bytes:
    if isinstance(content, bytes):
        return content
    with content.open("rb") as file:
        return file.read(MAX_FILE_BYTES + 1)
