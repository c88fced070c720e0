"""What does a finished model predict for an image file? The value that predicting and serving need."""

from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from sadari.data.levels import FULL_RANGE
from sadari.data.prepare import Preprocess
from sadari.errors import UsageError
from sadari.evaluation.probabilities.conformal import Coverage
from sadari.evaluation.unknown.scores import Seen
from sadari.evaluation.unknown.threshold import KEPT, least_images
from sadari.inference.coverage import coverage_for, sentences
from sadari.inference.device import device_here, keep_freed_memory
from sadari.inference.features import see
from sadari.inference.members import Member, average, members_of
from sadari.inference.model import TrainedModel
from sadari.inference.pixels import AnyForm, PixelForm, joint_form, split_forms
from sadari.inference.predict import Inputs, one_thread_each, predict_logits
from sadari.inference.probabilities import probabilities_of
from sadari.inference.unknown.find import known_of, stored_known
from sadari.inference.unknown.stored import Abstention
from sadari.progress import Progress, Silent
from sadari.run import MODEL, PREPROCESS, RunRecord
from sadari.run_lookup import comparisons_in, find_run, runs_in
from sadari.settings import Settings
from sadari.values import Judged


@dataclass(frozen=True, eq=False)
class Classifier:
    """A model on its device, with everything between the bytes of an image file and probabilities.

    path: the folder of the model. model: its network (in evaluation mode), `preprocess` and `classes`. max_pixels: of a
    file that is decoded; 0 takes the usual limit. members: of an ensemble, the models that it averages, each with its
    weight; `model` is the heaviest then, and what is said of layers and maps is said of that one. abstention: how it
    decides whether an image is known; None where it does not.
    """

    path: Path
    model: TrainedModel
    max_pixels: int = 0
    members: tuple[tuple[TrainedModel, float], ...] = ()
    abstention: Abstention | None = None

    @classmethod
    def open(
        cls, path: Path | str, max_megapixels: float | None = None, progress: Progress | None = None
    ) -> "Classifier":
        """Open the model in `path`: a run, the best run of a comparison, or what `export --to safetensors` made.

        The model moves to the device that the run was trained on, where this machine has it. max_megapixels: of a file
        that is decoded; without it, that of the run. progress: hears which run of a comparison it is. Raises UsageError
        where there is no model in `path`, SadariError where it is damaged or not finished, and where a member of an
        ensemble is missing.
        """
        run = model_in(Path(path), progress or Silent())
        members = tuple((TrainedModel.load(each.run, progress), each.weight) for each in _members(run))
        model = members[0][0] if members else TrainedModel.load(run, progress)
        settings = run.job.settings if RunRecord.is_run(run.path) else Settings(device="auto")
        keep_freed_memory()
        for each in (model, *(member for member, _ in members)):
            each.network.to(device_here(settings.device))
        return cls(run.path, model, round(1e6 * (max_megapixels or settings.max_megapixels)), members)

    @property
    def classes(self) -> tuple[str, ...]:
        """Return the names of the classes, in the order of the probabilities."""
        return self.model.classes

    @property
    def preprocess(self) -> Preprocess:
        """Return the preprocessing: the shape that images get, how they get it, and the arithmetic after it."""
        return self.model.preprocess

    @property
    def shape(self) -> tuple[int, int, int]:
        """Return (height, width, channels) of the images that the model reads."""
        return self.preprocess.height, self.preprocess.width, self.preprocess.channels

    @property
    def form(self) -> AnyForm:
        """The shape of what `decode` returns, and how images become it."""
        return joint_form(self._form_of(model) for model, _ in self.members or ((self.model, 1.0),))

    def _form_of(self, model: TrainedModel) -> PixelForm:
        read = model.preprocess
        shape = read.height, read.width, read.channels
        return PixelForm(*shape, read.fit, read.interpolation, read.white_level or FULL_RANGE, self.max_pixels)

    def decode(self, content: bytes) -> NDArray[np.uint8]:
        """Return the pixels that the model reads of an image file with these bytes, uint8 of `form.shape`.

        That is `shape`; of an ensemble whose members read different forms, it is a row of all of them. The pixels are
        the same as in training and `sadari evaluate`. Safe to call from many threads at once. Raises
        UnreadableImageError (a SadariError) with the reason why the bytes are no image.
        """
        return self.form.decode(content)

    def pixels_of_model(self, decoded: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return what `model` itself reads of an image that `decode` returned, uint8 of `shape`."""
        return np.asarray(split_forms(self.form, decoded[None])[self._form_of(self.model)][0])

    def probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the probability of each class: uint8 (N, *form.shape) -> float32 (N, K), rows sum to 1.

        Raises SadariError for another shape, and where memory does not hold the network with one image.
        """
        if not len(images):
            return np.empty((0, len(self.classes)), dtype=np.float32)
        if not self.members:
            return probabilities_by(self.model, images)
        pixels = split_forms(self.form, images)
        found = [probabilities_by(model, pixels[self._form_of(model)]) for model, _ in self.members]
        return average(found, [weight for _, weight in self.members])

    def coverage(self, wanted: float | None, classwise: bool = False) -> Coverage | None:
        """Return the sets that hold the class of the share `wanted` of images; see `coverage_for`. None for None."""
        if wanted is None:
            return None
        return coverage_for(RunRecord(self.path), self.classes, wanted, classwise)

    def about_coverage(self, coverage: Coverage) -> list[str]:
        """Say what the sets of `coverage` promise, and what was seen of that."""
        return sentences(RunRecord(self.path), coverage)

    def abstaining(self, kept: float = KEPT, score: str = "", progress: Progress | None = None) -> "Classifier":
        """Return the same, which also decides whether an image is known, so that the share `kept` of known ones is.

        score: by which; "" takes the best. Raises SadariError and UsageError as `known_of` and `KnownImages.abstention`
        do.
        """
        return replace(self, abstention=known_of(RunRecord(self.path), progress).abstention(kept, score))

    def abstaining_as_stored(self, kept: float = KEPT) -> "Classifier":
        """Return the same where the folder stores what is needed, and there are images enough; else `self`.

        Raises UsageError where another share than KEPT is wanted and cannot be kept.
        """
        known = None if self.members else stored_known(RunRecord(self.path))
        if kept == KEPT and (known is None or known.images < least_images(kept)):
            return self
        return self.abstaining(kept)

    def judged(self, images: NDArray[np.uint8]) -> Judged:
        """Return the same probabilities, and how known each image is, where that is decided. Raises as they do."""
        if self.abstention is None:
            return Judged(self.probabilities(images))
        if not len(images):
            return Judged(self.probabilities(images), np.empty(0, dtype=np.float32), self.abstention.threshold)
        seen = self.seen(images)
        probabilities = probabilities_of(torch.from_numpy(seen.logits), self.model.temperature)
        return Judged(probabilities, self.abstention.scores(seen), self.abstention.threshold)

    def side_by_side(self) -> AbstractContextManager[None]:
        """Let each thread that starts inside compute on one core only; see `one_thread_each`."""
        return one_thread_each()

    def seen(self, images: NDArray[np.uint8]) -> Seen:
        """Return the logits and features of `model` for uint8 (N, H, W, C); raises as `probabilities` does."""
        if self.model.prepared:
            return self.model.prepared.seen(images, len(self.classes))
        inputs = Inputs.pixels(images, self.model.preprocess)
        return see(self.model.network, inputs, np.arange(len(images)), len(self.classes))


def probabilities_by(model: TrainedModel, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the probability of each class by `model`: uint8 (N, H, W, C) -> float32 (N, K); raises as it does."""
    if model.prepared:
        return probabilities_of(model.prepared.logits(images), model.temperature)
    logits = predict_logits(model.network, Inputs.pixels(images, model.preprocess), np.arange(len(images)))
    return probabilities_of(logits, model.temperature)


def _members(run: RunRecord) -> tuple[Member, ...]:
    return members_of(run) if run.is_ensemble else ()


def model_in(folder: Path, progress: Progress) -> RunRecord:
    """Return the folder of the model that `folder` means: a run, the best run of a comparison, or an exported model.

    An exported model has no settings, scores or split. Raises UsageError where there is none of these.
    """
    if not RunRecord.is_run(folder) and (folder / MODEL).is_file() and (folder / PREPROCESS).is_file():
        return RunRecord(folder.resolve())
    if not (RunRecord.is_run(folder) or runs_in(folder) or comparisons_in(folder)):
        made = "`sadari train`, `sadari compare` or `sadari export --to safetensors`"
        raise UsageError(f"there is no model in '{folder}'; name a folder that {made} made")
    return RunRecord.open(find_run(folder, progress))
