"""How does a model predict many files? Some threads decode blocks of them, others run the network on these."""

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from sadari.data.image_file import MAX_FILE_BYTES, UnreadableImageError
from sadari.deploy.files import Content, FileGroup
from sadari.errors import SadariError
from sadari.evaluation.probabilities.conformal import Coverage
from sadari.evaluation.unknown.threshold import KEPT
from sadari.files import expanded
from sadari.inference.pixels import AnyForm
from sadari.progress import Progress, Silent
from sadari.values import Judged

# Assumed: enough work per block that the cost of handing it over vanishes; the bounds on bytes limit memory.
BLOCK_IMAGES = 256
BLOCK_PIXEL_BYTES = 16 * 2**20
BLOCK_FILE_BYTES = 8 * 2**20
MOST_WORKERS = 16  # assumed: the memory of a network's maps is taken once by each
BLOCKS_EACH = 4  # blocks that a worker gets at least where there are few files, so that all end together (assumed)


class Model(Protocol):
    """What predicts image files: a `Classifier` of a run, or the `OnnxModel` of an exported file."""

    @property
    def classes(self) -> tuple[str, ...]: ...

    @property
    def form(self) -> AnyForm: ...

    def decode(self, content: bytes) -> NDArray[np.uint8]: ...

    def judged(self, images: NDArray[np.uint8]) -> Judged: ...

    def coverage(self, wanted: float | None, classwise: bool = False) -> Coverage | None: ...

    def about_coverage(self, coverage: Coverage) -> list[str]: ...

    def abstaining(self, kept: float = KEPT, score: str = "", progress: Progress | None = None) -> Self: ...

    def side_by_side(self) -> AbstractContextManager[None]: ...


def open_model(path: Path | str, max_megapixels: float | None = None, progress: Progress | None = None) -> Model:
    """Open the model in `path`: an ONNX file that `export` made, which needs no torch, or what `Classifier.open` takes.

    Raises as `Classifier.open` and `OnnxModel.open` do.
    """
    if str(path).lower().endswith(".onnx") and expanded(path).is_file():
        from sadari.deploy.onnx_runtime import OnnxModel

        return OnnxModel.open(path, max_megapixels)
    from sadari.inference.classifier import Classifier

    return Classifier.open(path, max_megapixels, progress)


@dataclass(frozen=True, eq=False)
class Answer:
    """The model's answer for one file.

    file: its name. classes: those of the model. probabilities: float32 (K,), or None where the file cannot be read;
    `reason` then says why. set: with a coverage, the classes that the image leaves open, the most probable one first;
    () where it cannot be read, None without a coverage. score: how known the image is, and threshold: from which score
    on it counts as known; None where that was not asked for.
    """

    file: str
    classes: tuple[str, ...]
    probabilities: NDArray[np.float32] | None
    reason: str = ""
    set: tuple[str, ...] | None = None
    score: float | None = None
    threshold: float | None = None

    @property
    def known(self) -> bool | None:
        """Whether the image shows one of the classes; None where that was not asked for, or the file cannot be read."""
        return None if self.score is None or self.threshold is None else self.score >= self.threshold

    def top(self, count: int) -> list[tuple[str, float]]:
        """Return the `count` most probable classes with their probabilities, best first; empty where there are none."""
        if self.probabilities is None:
            return []
        best = np.argsort(-self.probabilities, kind="stable")[:count]
        return [(self.classes[index], float(self.probabilities[index])) for index in best]

    @property
    def label(self) -> str:
        """The most probable class, also where the image is not `known`; "" where there is no answer."""
        return next((label for label, _ in self.top(1)), "")


def predict_files(
    classifier: Model,
    groups: Sequence[FileGroup],
    progress: Progress | None = None,
    coverage: Coverage | None = None,
) -> Iterator[Answer]:
    """Yield the answer of `classifier` for every file of `groups`, in order, with its set where there is a `coverage`.

    A file that cannot be read or decoded gets a reason instead of probabilities, and the others go on. Only a few
    blocks of images are in memory at a time. Raises SadariError only where the network itself fails.
    """
    progress = progress or Silent()
    left_out = sum(group.left_out for group in groups)
    if left_out:
        progress.say(
            f"left out {left_out:,} {'file that is' if left_out == 1 else 'files that are'} hidden or no image"
        )
    total = sum(len(group.names) for group in groups)
    workers = min(os.cpu_count() or 1, MOST_WORKERS)
    blocks = _blocks(_contents(groups), _block_images(classifier, total, workers))
    with progress.task("predicting", total, "images") as task:
        for answers in _in_order(classifier, blocks, workers):
            yield from answers if coverage is None else [_with_set(each, coverage) for each in answers]
            task.advance(len(answers))


def _with_set(answer: Answer, coverage: Coverage) -> Answer:
    if answer.probabilities is None:
        return replace(answer, set=())
    inside = coverage.sets(answer.probabilities[None])[0]
    best = np.argsort(-answer.probabilities, kind="stable")
    return replace(answer, set=tuple(answer.classes[each] for each in best if inside[each]))


@dataclass(frozen=True)
class _File:
    """One file on its way to the network. content: where it cannot be read, a str that says why."""

    name: str
    content: Content | str


def _contents(groups: Sequence[FileGroup]) -> Iterator[_File]:
    """Yield every file of every group, with its content or with the reason why it has none."""
    for group in groups:
        waiting = dict(enumerate(group.names))
        reason = group.reason
        try:
            for position, content in group.read():
                yield _File(waiting.pop(position), content)
        except SadariError as error:
            reason = str(error)
        yield from (_File(name, reason) for name in waiting.values())


def _block_images(classifier: Model, total: int, workers: int) -> int:
    fair = -(-total // (BLOCKS_EACH * workers))
    return max(1, min(BLOCK_IMAGES, BLOCK_PIXEL_BYTES // prod(classifier.form.shape), fair))


def _blocks(files: Iterable[_File], most: int) -> Iterator[list[_File]]:
    block: list[_File] = []
    held = 0
    for file in files:
        block.append(file)
        held += len(file.content) if isinstance(file.content, bytes) else 0
        if len(block) == most or held >= BLOCK_FILE_BYTES:
            yield block
            block, held = [], 0
    if block:
        yield block


def _in_order(classifier: Model, blocks: Iterator[list[_File]], workers: int) -> Iterator[list[Answer]]:
    """Yield the answers for the blocks, in their order; a few blocks are computed ahead of the caller.

    Decoding goes on while the network computes: one thread decodes small files nearly as fast as two, since Python runs
    in one of them at a time, and threads that did both would all be with the network now and then.
    """
    waiting: deque[Future[list[Answer]]] = deque()
    decoding = ThreadPoolExecutor(workers, thread_name_prefix="decode")
    judging = ThreadPoolExecutor(workers, thread_name_prefix="network")
    with classifier.side_by_side():
        try:
            for block in blocks:
                decoded = decoding.submit(_decoded, classifier, block)
                waiting.append(judging.submit(_answers, classifier, block, decoded))
                if len(waiting) > workers + 1:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            decoding.shutdown(wait=True, cancel_futures=True)  # first, since the others wait for what it decodes
            judging.shutdown(wait=True, cancel_futures=True)


Decoded = list[NDArray[np.uint8] | str]  # of each file, pixels (H, W, C), or why there are none


def _decoded(classifier: Model, block: list[_File]) -> Decoded:
    return [_pixels(classifier, file.content) for file in block]


def _answers(classifier: Model, block: list[_File], decoding: Future[Decoded]) -> list[Answer]:
    decoded = decoding.result()
    pixels = [each for each in decoded if not isinstance(each, str)]
    judged = _judged(classifier, pixels)
    return [
        Answer(file.name, classifier.classes, None, each)
        if isinstance(each, str)
        else _answer(classifier, file, *next(judged))
        for file, each in zip(block, decoded, strict=True)
    ]


def _judged(
    classifier: Model, pixels: list[NDArray[np.uint8]]
) -> Iterator[tuple[NDArray[np.float32], float | None, float | None]]:
    """Yield probabilities, score and threshold of each image."""
    if not pixels:
        return
    found = classifier.judged(np.stack(pixels))
    for at, probabilities in enumerate(found.probabilities):
        decided = (None, None) if found.scores is None else (float(found.scores[at]), found.threshold)
        yield probabilities, *decided


def _answer(
    classifier: Model,
    file: _File,
    probabilities: NDArray[np.float32],
    score: float | None,
    threshold: float | None,
) -> Answer:
    return Answer(file.name, classifier.classes, probabilities, score=score, threshold=threshold)


def _pixels(classifier: Model, content: Content | str) -> NDArray[np.uint8] | str:
    """Return uint8 (H, W, C), or a sentence that says why there are none."""
    if isinstance(content, str):
        return content
    try:
        return classifier.decode(_read(content) if isinstance(content, Path) else content)
    except UnreadableImageError as error:
        return str(error)
    except OSError as error:
        return f"the file cannot be read: {error.strerror or error}"


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_FILE_BYTES + 1)
