"""What does an ONNX file answer for images? onnxruntime runs it on the processor, as it does for the file's users.

No torch: a file predicts a photograph in the time that torch takes to load.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sadari.data.decode import FITS, RESAMPLING
from sadari.data.levels import FULL_RANGE
from sadari.deploy.extra import require
from sadari.errors import SadariError, UsageError
from sadari.evaluation.probabilities.conformal import Coverage, checked_coverage
from sadari.evaluation.unknown.threshold import KEPT
from sadari.files import expanded
from sadari.inference.pixels import PixelForm
from sadari.values import Judged

SUFFIX = ".onnx"
INPUT, OUTPUT = "images", "probabilities"  # of the graph
# The graph's second output, float32 (N,), and the entry of the file's metadata that says what it is, as JSON.
KNOWN_SCORE = "known_score"
COVERAGES = "coverage_thresholds"  # the entry that has the least probability of a class in a set, by coverage, as JSON
AT_ONCE = 64  # images in one pass at most (assumed: keeps the cores busy)
PIXELS_AT_ONCE = 2**20  # and so many pixels of them (assumed: each map of VGG16's first layers stays below 300 MB)
ERRORS_ONLY = 3  # onnxruntime's number for this level of logging

Predict = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


def load_onnx(content: bytes, output: str = OUTPUT) -> Predict:
    """Return the function uint8 (N, H, W, C) -> float32 (N, K) of the ONNX file with this content.

    output: which of its outputs; `known_score` is float32 (N,).

    Raises SadariError, as the returned function does, where onnxruntime cannot run the file.
    """
    session = _session(content)

    def predict(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return _run(session, (output,), images)[0]

    return predict


@dataclass(frozen=True, eq=False)
class OnnxModel:
    """An exported file as a model that predicts image files, with what its metadata say.

    path: of the file. form: the pixels that it reads. thresholds: from which probability on a class belongs to a set,
    by coverage. known: how it says whether an image is known; None where it does not. abstaining_at: from which score
    on an image is known; None where that is not to be decided.
    """

    path: Path
    classes: tuple[str, ...]
    form: PixelForm
    thresholds: dict[float, float]
    known: dict[str, Any] | None
    session: Any
    abstaining_at: float | None = None

    @classmethod
    def open(cls, path: Path | str, max_megapixels: float | None = None) -> "OnnxModel":
        """Open the file `path`, which computes an image on one core. max_megapixels: of an image file, at most.

        Raises SadariError where onnxruntime is missing or cannot run it, and where `sadari export` has not made it.
        """
        path = expanded(path)
        try:
            content = path.read_bytes()
        except OSError as error:
            raise SadariError(f"cannot read {path}: {error.strerror or error}") from None
        session = _session(content, threads=1, file=str(path))
        about = dict(session.get_modelmeta().custom_metadata_map)
        try:
            height, width, channels = (int(each) for each in json.loads(about["shape"]))
            form = PixelForm(
                height, width, channels, about["fit"], about["interpolation"],
                int(about["white_level"]) or FULL_RANGE, round(1e6 * (max_megapixels or 0)),
            )  # fmt: skip
            classes = tuple(map(str, json.loads(about["classes"])))
            thresholds = {float(key): float(each) for key, each in json.loads(about.get(COVERAGES, "{}")).items()}
            known = json.loads(about[KNOWN_SCORE]) if KNOWN_SCORE in about else None
            _check(form, classes, known)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise SadariError(
                f"'{path}' does not say which classes and pixels it has ({str(error) or type(error).__name__}); name a "
                "file that `sadari export` made"
            ) from None
        return cls(path, classes, form, thresholds, known, session)

    def decode(self, content: bytes) -> NDArray[np.uint8]:
        """Return the pixels that the model reads of an image file; raises UnreadableImageError where it is none."""
        return self.form.decode(content)

    def judged(self, images: NDArray[np.uint8]) -> Judged:
        """Return the probabilities of uint8 (N, H, W, C), and how known each image is, where that is to be decided."""
        if self.abstaining_at is None:
            return Judged(_run(self.session, (OUTPUT,), images)[0])
        probabilities, scores = _run(self.session, (OUTPUT, KNOWN_SCORE), images)
        return Judged(probabilities, scores, self.abstaining_at)

    def coverage(self, wanted: float | None, classwise: bool = False) -> Coverage | None:
        """Return the sets that hold the class of the share `wanted` of images; None for None.

        Raises UsageError for a share whose threshold the file does not state.
        """
        if wanted is None:
            return None
        stated = ", ".join(f"{each:g}" for each in self.thresholds) or "none"
        if classwise or checked_coverage(wanted) not in self.thresholds:
            asked = "thresholds of each class" if classwise else f"the coverage {wanted:g}"
            raise UsageError(f"'{self.path}' does not state {asked}, but those of: {stated}; name the run for others")
        least = np.full(len(self.classes), self.thresholds[wanted], dtype=np.float32)
        return Coverage(wanted, least, 0, classwise)

    def about_coverage(self, coverage: Coverage) -> list[str]:
        """Say what the sets of `coverage` promise."""
        return [
            f"{100 * coverage.wanted:.3g} % of the images have their class in their set: each class of probability "
            f"{coverage.least.max():.3g} or more, as the file states it, and always the most probable one"
        ]

    def abstaining(self, kept: float = KEPT, score: str = "", progress: object = None) -> "OnnxModel":
        """Return the same, which also decides whether an image is known. progress: of no use here.

        Raises UsageError where the file states no score, another one, or another share of known images that are kept.
        """
        del progress
        if self.known is None:
            raise UsageError(f"'{self.path}' does not say which images are known; export a run that stores it")
        if score not in ("", self.known["score"]) or kept != self.known["kept"]:
            raise UsageError(
                f"'{self.path}' decides by {self.known['score']}, to keep {self.known['kept']:g} of known images; name "
                "the run for others"
            )
        return replace(self, abstaining_at=float(self.known["threshold"]))

    def side_by_side(self) -> AbstractContextManager[None]:
        """Return a context in which several threads may compute; each uses one core anyway."""
        return nullcontext()


def _check(form: PixelForm, classes: tuple[str, ...], known: Any) -> None:
    """Raise ValueError where a file says of itself what no file of ours says; KeyError where something is missing."""
    if min(form.height, form.width) < 1 or form.channels not in (1, 3):
        raise ValueError(f"it reads images of {form.height} x {form.width} x {form.channels}")
    if form.fit not in FITS or form.interpolation not in RESAMPLING:
        raise ValueError("it resizes images in a way that is not known")
    if not classes:
        raise ValueError("it has no classes")
    kinds = {"score": str, "threshold": float, "kept": float}
    if known is not None and not all(isinstance(known[key], kind) for key, kind in kinds.items()):
        raise ValueError("it has no threshold of known images")


def _session(content: bytes, threads: int = 0, file: str = "") -> Any:
    """Return what runs a file of these bytes. threads: of a pass, 0 for all cores. file: its name, for a sentence."""
    runtime = require("onnxruntime", "running an ONNX file")
    options = runtime.SessionOptions()
    options.log_severity_level = ERRORS_ONLY
    options.intra_op_num_threads = threads
    with _as_sadari_error(file):
        return runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def _run(session: Any, outputs: tuple[str, ...], images: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
    """Return each of `outputs` for all images."""
    with _as_sadari_error():
        found = [session.run(list(outputs), {INPUT: block}) for block in blocks_of(images)]
    return [np.concatenate(each) for each in zip(*found, strict=True)]


def blocks_of(images: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    """Yield uint8 (N, H, W, C) in blocks of at most AT_ONCE images and PIXELS_AT_ONCE pixels, of at least one image.

    Without images that is one block of none.
    """
    _, height, width, _ = images.shape
    count = max(1, min(AT_ONCE, PIXELS_AT_ONCE // (height * width)))
    for start in range(0, max(1, len(images)), count):
        yield images[start : start + count]


@contextmanager
def _as_sadari_error(file: str = "") -> Iterator[None]:
    """Raise any error of onnxruntime as a SadariError of one sentence: they share no class but Exception."""
    try:
        yield
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        name = f"'{file}'" if file else "the exported model"
        whole = "name a whole file that `sadari export` made, or " if file else ""
        raise SadariError(f"onnxruntime cannot run {name} ({reason}); {whole}try another version of it") from error
