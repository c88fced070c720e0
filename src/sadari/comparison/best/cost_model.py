"""How long would training a model take? Measured on a few made-up images, then on each run that it makes.

    seconds = start + image x (passes x (train + val / 3) + (train + val + test) / 3)

`image` are the seconds for learning from one image, `start` those that every run costs whatever its length.
"""

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from sadari.comparison.jobs import Train
from sadari.comparison.variants import Arm
from sadari.job import Job, make_job
from sadari.models.spec import FittedBy, ModelSpec
from sadari.settings import Settings, Value
from sadari.values import ImageSet, Split

JUDGED = 1 / 3  # what judging an image costs of learning from it (assumed: the backward pass is twice the forward one)
KEPT = 1 / 20  # the same for an image whose frozen layers' output is in the cache (assumed: the head is small)
# Images of the sample, or those of a batch where that is larger, since half a batch does not take half as long
# (measured: 128 images told that `sprint` would take twice as long on digits); of backbones, which need long for each.
SAMPLE, LARGE_SAMPLE = 128, 32
SAMPLE_PASSES = 2  # the first one allocates and compiles, and is left out


@dataclass(frozen=True)
class Counts:
    """How many images train, choose and judge?"""

    train: int
    val: int
    test: int

    @classmethod
    def of(cls, split: Split) -> "Counts":
        return cls(len(split.train), len(split.val), len(split.test))

    def thinned(self, fraction: float) -> "Counts":
        """The same where only a fraction of the training images is used."""
        return replace(self, train=round(fraction * self.train))

    @property
    def all(self) -> int:
        return self.train + self.val + self.test

    @property
    def of_pass(self) -> float:
        """What one pass costs, in images learnt from."""
        return self.train + JUDGED * self.val

    @property
    def of_judging(self) -> float:
        """What the scores at a run's end cost, in images learnt from."""
        return JUDGED * self.all


@dataclass(frozen=True)
class Pace:
    """How long does a model take? start: seconds that every run costs. image: seconds for learning from one image."""

    start: float
    image: float

    def seconds(self, passes: int, counts: Counts) -> float:
        """How long would so many passes over `counts` take, the scores at the end included?"""
        return self.start + self.image * (passes * counts.of_pass + counts.of_judging)

    @classmethod
    def of_run(cls, seconds: float, learning: float, passes: int, counts: Counts) -> "Pace":
        """What does a run say that took `seconds`, of which `learning` were its passes?"""
        image = learning / (passes * counts.of_pass)
        return cls(max(seconds - learning - image * counts.of_judging, 0.0), image)


def measure(data: str, arm: Arm, seed: int, images: ImageSet, counts: Counts, train: Train) -> Pace:
    """How long does `arm` take? A few passes over a sample tell, with as many pixels and classes as it would have.

    images: the set as it is without a backbone; its other shapes are worked out, so that nothing is decoded for a model
    that turns out to be too slow. counts: of that set. Whatever the train raises is raised.
    """
    short: dict[str, Value] = {length_setting(arm.model): SAMPLE_PASSES, "tensorboard": "off"}
    uncached: dict[str, Value] = {"cache": "none", "views": 0}  # noise is not worth keeping
    kept = keeps_features(make_job(data, arm.model, seed, arm.overrides))
    job = make_job(data, arm.model, seed, {**arm.overrides, **short, **uncached})
    sample, split = _sample(job, shape_for(job.settings, images), images, counts)
    with tempfile.TemporaryDirectory() as folder:
        run = train(job, Path(folder) / "run", images=sample, split=split)
        rows = [row["seconds"] for row in run.history]
        seconds = run.summary["seconds"]
    few = Counts.of(split)
    # A classical model computes the features of all images once, in its first pass; a network in every one.
    telling = rows[0] if kept and job.model.fitted_by is not FittedBy.GRADIENT else min(rows[1:] or rows)
    pace = Pace.of_run(seconds["total"] - sum(rows) + telling, telling, 1, few)
    return _behind_cache(pace, counts) if kept else pace


def shape_for(settings: Settings, images: ImageSet) -> tuple[int, int, int]:
    """(height, width, channels) that `images` have when they are loaded by `settings`."""
    height, width, channels = images.shape
    side = settings.image_size
    return side or height, side or width, settings.channels or channels


def length_setting(model: ModelSpec) -> str:
    """Which setting or variable says how many passes `model` makes?"""
    return "max_iter" if "max_iter" in model.variables else "epochs"


def keeps_features(job: Job) -> bool:
    """Whether the whole backbone stands still and the cache is used, so that it reads every image once."""
    if job.settings.cache == "none" or job.settings.augment:
        return False
    return job.backbone is not None and job.backbone.train == "head"


def _behind_cache(pace: Pace, counts: Counts) -> Pace:
    """The same model with the output of its frozen layers in the cache: computed once, for all images."""
    return Pace(pace.start + pace.image * counts.all, pace.image * KEPT)


def features_in(measured: Pace, counts: Counts) -> float:
    """How many seconds of the start that was measured are those of the features that are kept?"""
    return measured.image / KEPT * counts.all


def _sample(job: Job, shape: tuple[int, int, int], images: ImageSet, counts: Counts) -> tuple[ImageSet, Split]:
    """A few images of noise: speed does not depend on what is seen."""
    large = job.backbone is not None
    train = LARGE_SAMPLE if large else max(SAMPLE, min(job.settings.batch_size, counts.train))
    count = train + train // 4
    places = np.arange(count, dtype=np.int64)
    sample = ImageSet(
        name="a sample",
        images=np.random.default_rng(0).integers(0, 256, (count, *shape), dtype=np.uint8),
        labels=places % len(images.classes),
        ids=places.astype(np.str_),
        classes=images.classes,
        source_split=np.full(count, ""),
        fingerprint="sample",
    )
    return sample, Split(places[:train], places[train:], places[:0], "a sample")
