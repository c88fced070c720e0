"""What do all jobs of a comparison work on, and can every one of them start? Checked before the first one starts."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from sadari.comparison.request import Comparison
from sadari.comparison.variants import Arm
from sadari.data.load import load
from sadari.data.packs.provide import LOAD_SETTINGS, PIXEL_SETTINGS
from sadari.data.split import draw_split
from sadari.errors import SadariError, UsageError
from sadari.progress import Progress, Silent
from sadari.run import SPLIT
from sadari.run_files import read_split, write_split
from sadari.settings import Settings
from sadari.values import ImageSet, Split

SPLITS_FOLDER = "splits"  # in the folder of a comparison whose parts are drawn anew
SPLIT_SETTINGS = ("split", "val_fraction", "test_fraction", "train_fraction", "split_seed", "group", "copies", "review")

Key = tuple[object, ...]


@dataclass(eq=False)
class ComparisonInputs:
    """The images and the split of each arm; images and splits that arms share are loaded and drawn once."""

    images: dict[Key, ImageSet] = field(default_factory=dict)
    splits: dict[Key, Split] = field(default_factory=dict)

    def images_for(self, settings: Settings) -> ImageSet:
        return self.images[images_key(settings)]

    def split_for(self, settings: Settings, draw: int = 0) -> Split:
        """Return the split of an arm; draw: its number, where the parts are drawn anew."""
        return self.splits[_split_key(settings, draw)]


def load_inputs(request: Comparison, progress: Progress) -> ComparisonInputs:
    """Load the images and draw the splits of every arm, and check that every arm can start.

    Raises UsageError for an unknown model or setting, a network or a teacher that does not fit the images, or arms that
    would be judged on different images; SadariError for data or a teacher that cannot be used.
    """
    from sadari.inference.device import resolve_machine  # with torch, which those who only read runs do not need

    jobs = [(arm, request.job(arm, request.seeds[0])) for arm in request.arms]
    inputs = ComparisonInputs()
    for arm, job in jobs:
        resolve_machine(job.settings)
        settings = job.settings
        wanted = images_key(settings)
        if wanted not in inputs.images:
            inputs.images[wanted] = load(job.data, settings, progress)
        images = inputs.images[wanted]
        for draw in draws_of(request):
            split_key = _split_key(settings, draw)
            if split_key not in inputs.splits:
                inputs.splits[split_key] = _drawn(request, images, settings, draw, progress)
        _require_fit(arm, request, images)
    for draw in draws_of(request):
        _require_same_judges(request, inputs, draw)
    _require_judges(request, inputs)
    return inputs


def draws_of(request: Comparison) -> range:
    """Return the numbers of the splits that each arm has."""
    return range(request.redraw.draws if request.redraw else 1)


def _drawn(request: Comparison, images: ImageSet, settings: Settings, draw: int, progress: Progress) -> Split:
    if request.redraw is None:
        return draw_split(images, settings, progress)
    split = request.redraw.draw(images, settings, draw, progress)
    return replace(split, origin=f"{request.redraw.name(draw)}: {split.origin}")


def store_split(request: Comparison, inputs: ComparisonInputs, out: Path) -> None:
    """Store each split of the first arm; where one is stored already, the arms with its origin use it.

    Raises SadariError where a stored split is not of these images.
    """
    for draw in draws_of(request):
        _store_split(request, inputs, split_file(request, out, draw), draw)


def split_file(request: Comparison, out: Path, draw: int = 0) -> Path:
    """Return the path of a split of the comparison in `out`: `split.npz`, or `splits/NUMBER.npz` of several."""
    return out / SPLIT if request.redraw is None else out / SPLITS_FOLDER / f"{draw}.npz"


def _store_split(request: Comparison, inputs: ComparisonInputs, stored: Path, draw: int) -> None:
    settings = request.job(request.arms[0], request.seeds[0]).settings
    if stored.is_file():
        split, count = read_split(stored), len(inputs.images_for(settings))
        if sum(map(len, (split.train, split.val, split.test))) > count:
            raise SadariError(f"{stored} does not belong to these images; choose another --out")
        read_split(stored, count)
        # The first arm may have been another one then, if the arms were in another order: the origin identifies it.
        alike = [key for key, drawn in inputs.splits.items() if drawn.origin == split.origin and key[0] == draw]
        inputs.splits.update(dict.fromkeys(alike or [_split_key(settings, draw)], split))
    else:
        write_split(stored, inputs.split_for(settings, draw), inputs.images_for(settings).groups)


def judging_split(split: Split) -> str:
    """Return the split that judges: test, or val where there is no test, or train where there is neither."""
    return next(name for name in ("test", "val", "train") if len(split.positions(name)))


def images_key(settings: Settings) -> Key:
    """Return a key of the settings that decide the images: equal for two jobs of a comparison with the same images."""
    return _key(settings, LOAD_SETTINGS)


def _split_key(settings: Settings, draw: int) -> Key:
    """Return a key of what decides the split: its number and settings, also of which images there are to split."""
    return (draw, *_key(settings, (*SPLIT_SETTINGS, *PIXEL_SETTINGS)))


def _key(settings: Settings, names: tuple[str, ...]) -> Key:
    return tuple(getattr(settings, name) for name in names)


def _require_fit(arm: Arm, request: Comparison, images: ImageSet) -> None:
    from sadari.data.augment.pipeline import parse_augmentation
    from sadari.training.teacher.teacher import Teacher

    job = request.job(arm, request.seeds[0])
    try:
        job.rows(images.shape, len(images.classes))
        parse_augmentation(job.settings.augment, *images.shape[:2])
        if job.taught:
            Teacher.open(job.settings.teacher, images.classes, Silent())  # which run it is, each run says
    except UsageError as error:
        raise UsageError(f"{arm.name}: {error}") from None


def _require_judges(request: Comparison, inputs: ComparisonInputs) -> None:
    """Raise UsageError where training images would decide about more seeds, or judge over splits: they do not count."""
    split = inputs.split_for(request.job(request.arms[0], request.seeds[0]).settings)
    if (request.looks or request.redraw) and judging_split(split) == "train":
        asked = f"judges over --{request.redraw.kind}" if request.redraw else "decides about more seeds"
        raise UsageError(
            f"there are no test and no val images, so nothing {asked}; add images, or change test_fraction, "
            "val_fraction or split"
        )


def _require_same_judges(request: Comparison, inputs: ComparisonInputs, draw: int) -> None:
    """Raise UsageError where two arms would be judged on different images or classes: arms are compared by image."""
    first, judges = "", None
    for arm in request.arms:
        settings = request.job(arm, request.seeds[0]).settings
        images, split = inputs.images_for(settings), inputs.split_for(settings, draw)
        positions = split.positions(judging_split(split))
        ids, labels = np.asarray(images.ids)[positions].tolist(), images.labels[positions].tolist()
        mine = (images.fingerprint, images.classes, ids, labels)
        if judges is None:
            first, judges = arm.name, mine
        elif judges != mine:
            raise UsageError(
                f"{first} and {arm.name} would be judged on different images or classes; give all arms the same split, "
                "test_fraction, split_seed, group, copies (report and drop judge the same images), split_folders, "
                "labels, archive_encoding and, where val judges, val_fraction"
            )
