"""What does a finished model say about which images are known? What its folder stores, or what its images say now."""

from dataclasses import replace

from sadari.errors import SadariError
from sadari.evaluation.unknown.scores import Seen
from sadari.inference.device import device_here, threads_for, use_machine
from sadari.inference.evaluate import own_images
from sadari.inference.features import see
from sadari.inference.model import TrainedModel
from sadari.inference.predict import Inputs
from sadari.inference.unknown.fitting import fit_known, spread
from sadari.inference.unknown.stored import KnownImages
from sadari.progress import Progress, Silent
from sadari.run import KNOWN, RunRecord


def stored_known(run: RunRecord) -> KnownImages | None:
    """Return what the folder of `run` stores, also that of an exported model; None where it stores nothing.

    Raises SadariError where it is damaged.
    """
    path = run.path / KNOWN
    return KnownImages.read(path) if path.is_file() else None


def known_of(run: RunRecord, progress: Progress | None = None) -> KnownImages:
    """Return what says whether an image is known to the model of `run`.

    Where the run stores nothing, as those of before, it is computed from the run's images and stored. Raises
    SadariError where the model has none: an ensemble, a run without validation images, a model that answers all images
    alike, and where the images are needed and gone.
    """
    progress = progress or Silent()
    found = stored_known(run)
    if found is not None:
        return found
    if run.is_ensemble:
        raise SadariError(f"the ensemble {run.path} has no score of how known an image is; name one of its members")
    if not RunRecord.is_run(run.path):
        raise SadariError(f"{run.path} was exported without its {KNOWN}; export the run again")
    if not len(run.split.val):
        raise SadariError(
            f"the run {run.path} has no validation images, from which the threshold of known images is taken; train "
            "one with a val_fraction above 0"
        )
    progress.say("how known images are is computed once, from the run's training and validation images")
    found = _computed(run, progress)
    if found is None:
        raise SadariError(f"the model of {run.path} answers all images alike, so it cannot say which ones are known")
    try:
        found.write(run.path / KNOWN)
    except SadariError as error:
        progress.say(f"it is not stored: {error}")
    return found


def _computed(run: RunRecord, progress: Progress) -> KnownImages | None:
    model, images = TrainedModel.load(run, progress), own_images(run, progress)
    split, settings = run.split_of(images), run.job.settings
    settings = replace(settings, device=device_here(settings.device))
    inputs = Inputs.pixels(images.images, model.preprocess)
    train, val = spread(split.train), spread(split.val)
    with use_machine(settings, threads_for(settings, images.shape)) as device:
        network = model.network.to(device)
        seen: list[Seen] = [see(network, inputs, each, len(model.classes)) for each in (train, val)]
    return fit_known(seen[0], images.labels[train], seen[1])
