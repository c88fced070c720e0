"""What does the model of a finished run predict for its own images, or for images that it has never seen?"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sadari.data.check import image_digests
from sadari.data.decisions.file import AUTO
from sadari.data.decisions.file import NONE as NO_REVIEW
from sadari.data.groups.names import NONE
from sadari.data.levels import FULL_RANGE
from sadari.data.load import fingerprint_of, is_there, load
from sadari.data.prepare import Preprocess
from sadari.data.sources.layout import plain_text
from sadari.errors import SadariError, UsageError
from sadari.files import read_json
from sadari.inference.device import device_here, threads_for, use_machine
from sadari.inference.members import average_predictions, members_of
from sadari.inference.model import TrainedModel
from sadari.inference.predict import Inputs, predict
from sadari.progress import Progress, Silent
from sadari.run import PREPROCESS, RunRecord
from sadari.settings import Settings
from sadari.values import SPLITS, ImageSet, Predictions


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What a model predicts for some images.

    seen: which of them are also training images of its run, bool (N,); None for the run's own images, and where that is
    not known. note: why it is not known, or "".
    """

    predictions: Predictions
    seen: NDArray[np.bool_] | None = None
    note: str = ""

    @property
    def unseen(self) -> Predictions | None:
        """Return the predictions without training images; None where there are no others, or it is not known."""
        if self.seen is None or self.seen.all():
            return None
        all_of, kept = self.predictions, ~self.seen
        return replace(
            all_of, ids=all_of.ids[kept], labels=all_of.labels[kept], probabilities=all_of.probabilities[kept]
        )


def evaluate(
    run: RunRecord, data: str | None = None, split_name: str = "test", progress: Progress | None = None
) -> Predictions:
    """Return what the model of `run` predicts for one split of its own images, or for other `data`; see `judge`."""
    return judge(run, data, split_name, progress).predictions


def judge(
    run: RunRecord, data: str | None = None, split_name: str = "test", progress: Progress | None = None
) -> Evaluation:
    """Judge the model of `run` on one split of its own images, or on other `data`.

    Of other data, the images whose source_split is `split_name` are judged, or all where the source gives no splits;
    classes are matched by name, and training images of the run are found among them by their pixels. Raises UsageError
    for a split that is unknown or has no images, SadariError where the run has no model, its images have changed, or
    the images that are judged have a class that the model does not know. Of an ensemble, the members are judged and
    averaged; SadariError where one is missing.
    """
    if split_name not in SPLITS:
        raise UsageError(f"--split is one of {', '.join(SPLITS)}, not '{split_name}'")
    if run.is_ensemble:
        return _judge_members(run, data, split_name, progress)
    model = TrainedModel.load(run, progress)
    # The run's own images, wherever they are now, have its split: those that trained it are no test images.
    own = data is None or (run.begun and _is_own(data, run))
    settings = run.job.settings if own else settings_like(run.job.settings, model.preprocess)
    images = own_images(run, progress, data) if own else load(str(data), settings, progress or Silent())
    settings = replace(settings, device=device_here(settings.device))
    positions = run.split_of(images).positions(split_name) if own else _in_split(images, split_name)
    if not len(positions):
        raise UsageError(f"there are no {split_name} images in '{data or run.job.data}'; choose another --split")
    if not own:
        images = _with_classes(images, model.classes, positions)
    with use_machine(settings, threads_for(settings, images.shape)) as device:
        inputs = Inputs.pixels(images.images, model.preprocess)
        predictions = predict(model.network.to(device), inputs, images, positions, model.temperature)
    seen, note = (None, "") if own else _seen(run, images, positions, progress)
    return Evaluation(predictions, seen, note)


def _judge_members(run: RunRecord, data: str | None, split_name: str, progress: Progress | None) -> Evaluation:
    members = members_of(run)
    judged = [judge(each.run, data, split_name, progress) for each in members]
    mean = average_predictions([each.predictions for each in judged], [each.weight for each in members])
    return replace(judged[0], predictions=mean)


def _seen(
    run: RunRecord, images: ImageSet, positions: NDArray[np.int64], progress: Progress | None
) -> tuple[NDArray[np.bool_] | None, str]:
    """Return which images at `positions` are training images of `run`, by their pixels; or None, and why not.

    Wholly white or black images are no copies of each other: they were lost in decoding.
    """
    try:
        own = own_images(run, progress)
    except SadariError:
        return None, "the run's own images are gone or have changed: its training images may be among these"
    trained, _ = image_digests(own, progress)
    digests, blank = image_digests(images, progress)
    return np.isin(digests[positions], trained[run.split_of(own).train]) & ~blank[positions], ""


def own_images(run: RunRecord, progress: Progress | None = None, data: str | None = None) -> ImageSet:
    """Load the images of `run`, from `data` where they are there now.

    Raises SadariError where they have changed since, or cannot be found again.
    """
    if data is None and not is_there(run.job.data):
        raise SadariError(
            f"the images of the run, '{run.job.data}', are not there any more; put them back, or name where they are "
            "now"
        )
    data = data or run.job.data
    images = load(data, run.job.settings, progress or Silent())
    if images.white_level:  # runs before there was a choice took the full range
        white_level = int(read_json(run.path / PREPROCESS).get("white_level", FULL_RANGE))
        if white_level != images.white_level:
            images = load(data, replace(run.job.settings, white_level=white_level), progress or Silent())
    if run.fingerprint != images.fingerprint:
        raise SadariError(f"the images of '{run.job.data}' have changed since the run; name them to evaluate on them")
    return images


def _is_own(data: str, run: RunRecord) -> bool:
    """Return whether `data` has the images of `run`; other images need no groups such as those have."""
    settings = run.job.settings
    try:
        return fingerprint_of(data, settings) == run.fingerprint
    except SadariError:
        fingerprint_of(data, replace(settings, group=NONE))
        return False


def settings_like(settings: Settings, preprocess: Preprocess) -> Settings:
    """Return settings that load other images in the shape that the model reads."""
    square = preprocess.height if preprocess.height == preprocess.width else settings.image_size
    white_level = preprocess.white_level or settings.white_level or FULL_RANGE
    review = settings.review if settings.review == NO_REVIEW else AUTO  # a file of decisions is about the run's images
    settings = replace(settings, group=NONE, review=review)
    return replace(settings, image_size=square, channels=preprocess.channels, white_level=white_level)


def _in_split(images: ImageSet, split_name: str) -> NDArray[np.int64]:
    """Return the positions of the images in the source's split `split_name`; all where the source gives no splits."""
    chosen = images.source_split == split_name
    return np.flatnonzero(chosen if (images.source_split != "").any() else ~chosen).astype(np.int64)


def _with_classes(images: ImageSet, classes: tuple[str, ...], judged: NDArray[np.int64]) -> ImageSet:
    """Return the images with labels that count in the model's `classes`, matched by name.

    judged: the positions of those that are judged. Raises SadariError where one of them has a class that the model
    does not know; a class that only others have makes no difference.
    """
    known = {plain_text(name): at for at, name in enumerate(classes)}  # runs before may have other forms of Unicode
    unknown = [images.classes[at] for at in np.unique(images.labels[judged]) if images.classes[at] not in known]
    if unknown:
        raise SadariError(
            f"'{images.name}' has the class '{unknown[0]}', which the model does not know: {list(classes)}"
        )
    position = np.array([known.get(name, 0) for name in images.classes], dtype=np.int64)
    return replace(images, labels=position[images.labels], classes=classes)
