"""How long would training a model take? Measured on a few images of noise, then on each run of the model.

    seconds = start + image x (passes x (train + val / 3) + (train + val + test) / 3)

`image`: seconds of learning from one image. `start`: seconds of every run, however long it is.
"""

from dataclasses import dataclass, replace

import numpy as np

from sadari.comparison.executor import Train
from sadari.comparison.request import job_of
from sadari.comparison.variants import Arm
from sadari.job import Job
from sadari.models.spec import FittedBy, ModelSpec
from sadari.settings import Settings, Value
from sadari.unfinished import temporary_folder
from sadari.values import ImageSet, Split

# Cost of evaluating an image, in images learnt from (assumed: the backward pass costs twice the forward pass).
EVALUATION_COST = 1 / 3
# Cost of learning from an image whose frozen layers' output is cached, in other images (assumed: the head is small).
CACHED_COST = 1 / 20
# Images of the sample, or those of a batch where that is larger, since half a batch does not take half as long
# (measured: by 128 images `sprint` seemed to take twice as long on digits). LARGE_SAMPLE: of backbones, which are slow.
SAMPLE, LARGE_SAMPLE = 128, 32
SAMPLE_PASSES = 2  # the first one allocates and compiles, and is left out


@dataclass(frozen=True)
class Counts:
    """The number of images in each split."""

    train: int
    val: int
    test: int

    @classmethod
    def of(cls, split: Split) -> "Counts":
        return cls(len(split.train), len(split.val), len(split.test))

    def with_train_fraction(self, fraction: float) -> "Counts":
        """Return the counts where only a fraction of the training images is used."""
        return replace(self, train=round(fraction * self.train))

    @property
    def total(self) -> int:
        return self.train + self.val + self.test

    @property
    def per_pass(self) -> float:
        """The cost of one pass, in images learnt from."""
        return self.train + EVALUATION_COST * self.val

    @property
    def evaluation(self) -> float:
        """The cost of the scores at the end of a run, in images learnt from."""
        return EVALUATION_COST * self.total


@dataclass(frozen=True)
class CostModel:
    """The time that a model takes. start: seconds of every run. image: seconds of learning from one image."""

    start: float
    image: float

    def seconds(self, passes: int, counts: Counts) -> float:
        """Return the seconds of a run of so many passes over `counts`, the scores at the end included."""
        return self.start + self.image * (passes * counts.per_pass + counts.evaluation)

    @classmethod
    def of_run(cls, seconds: float, learning: float, passes: int, counts: Counts) -> "CostModel":
        """Fit a run that took `seconds`, of which `learning` were its passes."""
        image = learning / (passes * counts.per_pass)
        return cls(max(seconds - learning - image * counts.evaluation, 0.0), image)


def measure(
    data: str,
    arm: Arm,
    seed: int,
    images: ImageSet,
    counts: Counts,
    train: Train,
    behind_backbone: int = 0,
) -> CostModel:
    """Measure how long `arm` takes: a few passes over noise with the pixels and classes that the arm would have.

    images: the set as it is without a backbone; its other shapes are computed, so that nothing is decoded for a model
    that turns out to be too slow. counts: of that set. behind_backbone: how many images of noise a model with one
    learns from; 0 takes LARGE_SAMPLE. Raises whatever `train` raises.
    """
    short: dict[str, Value] = {length_setting(arm.model): SAMPLE_PASSES, "least_steps": 0, "tensorboard": "off"}
    # Noise is not worth caching, and no image that a teacher could judge.
    uncached: dict[str, Value] = {"cache": "none", "views": 0, "teacher": ""}
    cached = caches_features(job_of(data, arm, seed))
    job = job_of(data, arm, seed, {**short, **uncached})
    large = behind_backbone or LARGE_SAMPLE
    sample, split = _sample(job, shape_for(job.settings, images), images, counts, large)
    with temporary_folder("measuring") as folder:
        run = train(job, folder.path / "run", images=sample, split=split)
        passes = [row["seconds"] for row in run.history]
        seconds = run.summary["seconds"]
    # A classical model computes the features of all images once, in its first pass; a network in every pass.
    first_counts = cached and job.model.fitted_by is not FittedBy.GRADIENT
    learning = passes[0] if first_counts else min(passes[1:] or passes)
    cost = CostModel.of_run(seconds["total"] - sum(passes) + learning, learning, 1, Counts.of(split))
    return _with_cache(cost, counts) if cached else cost


def shape_for(settings: Settings, images: ImageSet) -> tuple[int, int, int]:
    """Return the (height, width, channels) of `images` when `settings` load them."""
    height, width, channels = images.shape
    side = settings.image_size
    return side or height, side or width, settings.channels or channels


def length_setting(model: ModelSpec) -> str:
    """Return the setting or variable that decides how many passes `model` makes."""
    return "max_iter" if "max_iter" in model.variables else "epochs"


def caches_features(job: Job) -> bool:
    """Return whether the whole backbone is frozen and the cache is used, so that it reads every image once."""
    if job.settings.cache == "none" or job.settings.augment:
        return False
    return job.backbone is not None and job.backbone.train == "head"


def _with_cache(cost: CostModel, counts: Counts) -> CostModel:
    """Return the cost of the same model with the features of all images computed once, at the start."""
    return CostModel(cost.start + cost.image * counts.total, cost.image * CACHED_COST)


def feature_seconds(measured: CostModel, counts: Counts) -> float:
    """Return the seconds of the measured start in which the cached features are computed."""
    return measured.image / CACHED_COST * counts.total


def without_features(measured: CostModel, counts: Counts) -> CostModel:
    """Return the measured cost of a model whose features another model has cached."""
    return replace(measured, start=max(measured.start - feature_seconds(measured, counts), 0.0))


def _sample(
    job: Job, shape: tuple[int, int, int], images: ImageSet, counts: Counts, large: int
) -> tuple[ImageSet, Split]:
    """Return a few images of noise: speed does not depend on the content. large: how many to learn from, of backbones.

    A quarter more are for validation.
    """
    train = large if job.backbone is not None else max(SAMPLE, min(job.settings.batch_size, counts.train))
    count = train + train // 4
    positions = np.arange(count, dtype=np.int64)
    sample = ImageSet(
        name="a sample",
        images=np.random.default_rng(0).integers(0, 256, (count, *shape), dtype=np.uint8),
        labels=positions % len(images.classes),
        ids=positions.astype(np.str_),
        classes=images.classes,
        source_split=np.full(count, ""),
        fingerprint="sample",
    )
    return sample, Split(positions[:train], positions[train:], positions[:0], "a sample")
