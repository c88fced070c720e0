"""Which settings has a run, and how are they checked? Typed, frozen, stored as TOML."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, get_type_hints

from sadari.errors import UsageError
from sadari.plugins.offers import offered
from sadari.registry import unknown_name

Value = bool | int | float | str

OPTIMIZERS = ("sgd", "momentum", "nesterov", "adam", "adamw", "rmsprop", "adadelta", "muon", "normed-muon")
CROSS_ENTROPY = "cross-entropy"
LOSSES = (CROSS_ENTROPY,)
OFFERED = ("optimizer", "loss")  # settings to whose choices plug-ins add; a kind of entry has the same name
SCHEDULES = ("constant", "step", "linear", "cosine", "one-cycle")
SCALINGS = ("unit", "channel", "pixel", "none")
INTERPOLATIONS = ("bilinear", "bicubic")
ALL_IMAGES = "all"  # the split in which every image trains
DRAWN_BY = ("stratified", "last", ALL_IMAGES)
KEPT = 0.95  # share of known images that a threshold keeps, unless another one is wanted (cited: papers report it)
COOLEST_FIT, HOTTEST_FIT = 0.1, 10.0  # temperatures that are fitted (assumed: beyond, the logits say next to nothing)
TEMPERATURE = "temperature"  # the calibration that fits one
OF_BACKBONE = "backbone"  # the scaling of the images that a backbone's weights were trained on


# What Keras, PyTorch, scikit-learn and Ultralytics call some of the settings and variables; suggested, never taken.
OTHER_NAMES = {
    "batch": "batch_size",
    "gpus": "devices",
    "num_gpus": "devices",
    "dropout_rate": "dropout",
    "early_stopping": "patience",
    "image_shape": "image_size",
    "groups": "group",
    "img_size": "image_size",
    "imgsz": "image_size",
    "l2": "weight_decay",
    "lr": "learning_rate",
    "lr0": "learning_rate",
    "lr_schedule": "schedule",
    "max_epochs": "epochs",
    "n_epochs": "epochs",
    "num_epochs": "epochs",
    "optim": "optimizer",
    "test_size": "test_fraction",
    "validation_fraction": "val_fraction",
    "validation_split": "val_fraction",
}


MOST_DEVICES = 64  # assumed: no single machine has more
MOST_THREADS = 1024  # assumed: no machine for this has more cores, and each thread takes memory
LONGEST_SIDE = 32_768  # assumed: no image is larger, and a grey one takes 1 GiB
COOLEST, HOTTEST = 0.1, 1000.0  # temperatures (assumed: beyond, the answers are one class, or none at all)


def _setting(
    default: Value, doc: str, *, choices: tuple[str, ...] = (), low: float | None = None, high: float = float("inf")
) -> Any:
    return field(default=default, metadata={"doc": doc, "choices": choices, "low": low, "high": high})


@dataclass(frozen=True)
class Settings:
    """The settings of a run, one flat list; a model has its own defaults, and the user overrides both.

    Each field has a `doc` sentence, its `choices` or its lowest value in its metadata. A wrong value raises UsageError
    naming the setting; those of OFFERED are looked up by `with_overrides`, so that a stored run can be read without the
    plug-in that trained it.
    """

    # data
    image_size: int = _setting(
        0, "side of the square images in pixels; 0 keeps the size of the source", low=0, high=LONGEST_SIDE
    )
    fit: str = _setting("crop", "how images of other shapes become square", choices=("crop", "pad", "squash"))
    interpolation: str = _setting("bilinear", "how images are resized", choices=INTERPOLATIONS)
    channels: int = _setting(0, "1 for grey, 3 for colour; 0 keeps those of the source", low=0)
    white_level: int = _setting(0, "value of 16-bit pixels that is white; 0 finds the range of the set", low=0)
    max_megapixels: float = _setting(120.0, "images with more pixels, in millions, are refused", low=1)
    split_folders: str = _setting(
        "auto", "which top folders are splits: auto, none (they are classes), or such as train=A test=B"
    )
    labels: str = _setting(
        "auto", "where labels are from: an annotation tool's export where there is one", choices=("auto", "folders")
    )
    archive_encoding: str = _setting("auto", "encoding of an archive's names that do not say it, such as cp949")
    group: str = _setting("auto", "images that belong together: auto, none, folder, column:NAME, or a pattern of names")
    copies: str = _setting(
        "report", "copies in other splits: reported, dropped, or drawn together", choices=("report", "drop", "together")
    )
    review: str = _setting("auto", "decisions of data review: auto takes those beside the set, none, or a file of them")
    unreadable: str = _setting("refuse", "what happens to files that are not images", choices=("refuse", "skip"))
    split: str = _setting(
        "stratified", "how splits that the source does not give are drawn; all: every image trains", choices=DRAWN_BY
    )
    val_fraction: float = _setting(0.2, "fraction of the training images for validation", low=0)
    test_fraction: float = _setting(0.2, "fraction of all images for the test where the source gives none", low=0)
    train_fraction: float = _setting(1.0, "fraction of the training images that is used", low=0)
    split_seed: int = _setting(0, "seed of the split; the same for every model", low=0)
    scaling: str = _setting(
        "unit",
        "pixels / 255, standardised per channel or per pixel on the training images, unchanged, or as a backbone needs",
        choices=(*SCALINGS, OF_BACKBONE),
    )
    augment: str = _setting("", "random changes of training images, comma-separated, as in rotate 30, shift 0.2, flip")
    views: int = _setting(
        0, "augmented versions of each image, drawn once, for frozen layers; 0 draws new ones in each epoch", low=0
    )
    # learning
    epochs: int = _setting(10, "passes over the training images", low=1)
    least_steps: int = _setting(0, "optimiser steps that a run has at least: few images get more epochs", low=0)
    batch_size: int = _setting(128, "images per optimiser step", low=1)
    optimizer: str = _setting("adam", "how gradients become steps", choices=OPTIMIZERS)
    learning_rate: float = _setting(0.0, "size of a step; 0 takes the default of the optimiser", low=0)
    backbone_learning_rate: float = _setting(0.0, "learning rate of a backbone; 0 takes learning_rate", low=0)
    schedule: str = _setting("constant", "how the learning rate changes over the run", choices=SCHEDULES)
    warmup_epochs: float = _setting(0.0, "epochs over which the learning rate rises from 0", low=0)
    weight_decay: float = _setting(0.0, "L2 penalty (adamw and muon: decoupled decay) on kernels", low=0)
    label_smoothing: float = _setting(0.0, "share of the target that is spread evenly over the classes", low=0)
    teacher: str = _setting(
        "", "folder of a run, comparison or exported model whose answers a small network learns from"
    )
    # Both assumed, within what Hinton et al. 2015 try; on `flowers` no value beat the labels (RESULTS.md).
    teacher_weight: float = _setting(0.9, "share of the loss that compares with the teacher's answers", low=0, high=1)
    temperature: float = _setting(
        4.0, "what both logits are divided by for that; higher shows more of other classes", low=COOLEST, high=HOTTEST
    )
    loss: str = _setting(CROSS_ENTROPY, "what training makes small; plug-ins offer others", choices=LOSSES)
    class_weights: str = _setting(
        "none", "balanced lets every class count the same in the loss", choices=("none", "balanced")
    )
    patience: int = _setting(0, "epochs without a better validation loss before stopping; 0 never stops", low=0)
    class_layer: str = _setting(
        "random",
        "its start; logistic fits it to what it reads",
        choices=("random", "logistic", "small"),
    )
    class_layer_C: float = _setting(  # noqa: N815 - the name that it has everywhere
        1.0, "inverse strength of the L2 penalty with which class_layer=logistic fits", low=1e-30, high=1e30
    )
    backbone_norms: str = _setting(
        "learn", "still keeps mean and variance of a backbone's batch norms as they were", choices=("learn", "still")
    )
    train_size: int = _setting(0, "side to which training images are reduced; 0: none", low=0, high=LONGEST_SIDE)
    weights_average: float = _setting(
        0.0, "share that each step keeps of a running mean of the weights, which is judged; 0 takes the weights", low=0
    )
    start_share: float = _setting(
        0.0, "share of the weights at the start of training in those that a run ends with", low=0
    )
    restore_best: bool = _setting(True, "keep the epoch with the best validation loss instead of the last one")
    calibration: str = _setting(
        "temperature",
        "temperature divides the trained model's logits by a number that the validation images fit, so that "
        "probabilities are right; none: as they are",
        choices=(TEMPERATURE, "none"),
    )
    # machine
    precision: str = _setting(
        "auto",
        "arithmetic of the training step; auto takes bfloat16 where the machine is faster with it",
        choices=("auto", "float32", "bfloat16"),
    )
    device: str = _setting("auto", "auto, cpu, cuda, cuda:1 or mps")
    devices: int = _setting(
        1, "devices that share each batch: graphics processors, or processes on processors", low=1, high=MOST_DEVICES
    )
    threads: int = _setting(
        0, "processor threads; 0 takes all cores, or one where batches are too small to share", low=0, high=MOST_THREADS
    )
    stream: str = _setting(
        "auto",
        "always decodes images each time they are needed, never decodes all once, auto too if they fit into the cache",
        choices=("auto", "always", "never"),
    )
    cache: str = _setting(
        "auto",
        "auto stores what frozen layers compute of each image; none computes it again in every epoch",
        choices=("auto", "none"),
    )
    checkpoint_seconds: float = _setting(60.0, "seconds of work that a kill costs at most", low=0)
    tensorboard: str = _setting("scalars", "what is written for TensorBoard", choices=("off", "scalars", "all"))

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            choices = () if each.name in OFFERED else each.metadata["choices"]
            _check(each.name, value, choices, each.metadata["low"], each.metadata["high"])
        for name in ("val_fraction", "test_fraction", "label_smoothing", "weights_average", "start_share"):
            if getattr(self, name) >= 1:
                raise UsageError(f"{name} is a fraction below 1, not {getattr(self, name)}")
        if self.devices > self.batch_size:
            raise UsageError(
                f"devices={self.devices} share each batch, and batch_size={self.batch_size} has fewer images; set a "
                "larger batch_size or fewer devices"
            )
        if not 0 < self.train_fraction <= 1:
            raise UsageError(f"train_fraction is above 0 and at most 1, not {self.train_fraction}")
        if self.split == ALL_IMAGES and self.train_fraction < 1:
            raise UsageError(f"split={ALL_IMAGES} trains on every image, and train_fraction on a part; set one of them")

    def epochs_for(self, images: int) -> int:
        """Return the epochs of a run that learns from so many images: `epochs`, or more where `least_steps` says so."""
        return max(self.epochs, math.ceil(self.least_steps / steps_per_epoch(images, self.batch_size, self.devices)))


def steps_per_epoch(images: int, batch_size: int, devices: int = 1) -> int:
    """Return the optimiser steps of an epoch.

    A single image that is left over joins the batch before it, and so do fewer images than `devices`.
    """
    whole, left_over = divmod(images, batch_size)
    return max(1, whole + (left_over >= max(2, devices)))


def _check(name: str, value: Value, choices: tuple[str, ...], low: float | None, high: float) -> None:
    if choices and value not in choices:
        raise UsageError(f"{name} is one of {', '.join(choices)}, not '{value}'")
    if low is not None and not (isinstance(value, int | float) and low <= value < float("inf")):
        raise UsageError(f"{name} is a number from {low:g} up, not {value}")
    if low is not None and isinstance(value, int | float) and value > high:
        raise UsageError(f"{name} is a number from {low:g} to {high:,.0f}, not {value}")


def choices_of(name: str) -> tuple[str, ...]:
    """Return the values that the setting `name` takes, those of plug-ins last; () where they are not listed."""
    own: tuple[str, ...] = next(each.metadata["choices"] for each in fields(Settings) if each.name == name)
    return (*own, *(each for each in offered(name) if each not in own)) if name in OFFERED else own


def setting_names() -> list[str]:
    """Return the keys that `--set` knows besides a model's own variables."""
    return [each.name for each in fields(Settings)]


def unknown_setting(name: str, known: Sequence[str]) -> UsageError:
    """Return the error for a key that is not among `known`: with the nearest one, or the name that it has here."""
    here = OTHER_NAMES.get(name.lower(), "")
    if here in known:
        return UsageError(f"unknown setting '{name}'; it is called {here} here")
    return unknown_name("setting", name, list(known))


def parse_value(name: str, text: Value, kind: type) -> Value:
    """Return `text` as a value of type `kind`; raises UsageError where it is none."""
    if kind is bool:
        if isinstance(text, bool):
            return text
        if str(text).lower() in ("true", "false"):
            return str(text).lower() == "true"
        raise UsageError(f"{name} is true or false, not '{text}'")
    if isinstance(text, bool):
        raise UsageError(f"{name} is a {kind.__name__}, not '{text}'")
    try:
        if kind is int and isinstance(text, float) and not text.is_integer():
            raise ValueError
        return kind(text)  # type: ignore[no-any-return]
    except ValueError:
        wanted = {int: "a whole number", float: "a number"}[kind]
        raise UsageError(f"{name} is {wanted}, not '{text}'") from None


def with_overrides(settings: Settings, overrides: Mapping[str, Value], stored: bool = False) -> Settings:
    """Return `settings` with `overrides` (text or typed) applied; raises UsageError for a wrong key or value.

    stored: they are those of a run, which may name an optimiser or a loss that nothing offers here.
    """
    kinds = get_type_hints(Settings)
    typed: dict[str, Any] = {}
    for name, value in overrides.items():
        if name not in kinds:
            raise unknown_setting(name, list(kinds))
        typed[name] = parse_value(name, value, kinds[name])
        own = Settings.__dataclass_fields__[name].metadata["choices"]
        if name in OFFERED and not stored and value not in own:
            _check(name, typed[name], choices_of(name), None, 0)
    return replace(settings, **typed)


def resolve(
    model_settings: Mapping[str, Value],
    model_variables: Mapping[str, Value],
    overrides: Mapping[str, Value],
) -> tuple[Settings, dict[str, Value]]:
    """Return the settings and variables of a run: defaults, then the model's, then the user's `overrides`.

    A key of `overrides` is a variable where the model has one of that name, else a setting. A model that trains on
    smaller images keeps their share of the image size, where the user sets that alone. Raises UsageError for a key that
    is neither, suggesting the nearest of both.
    """
    variables = dict(model_variables)
    chosen: dict[str, Value] = dict(model_settings)
    for name, value in overrides.items():
        if name in variables:
            variables[name] = parse_value(name, value, type(variables[name]))
        elif name in setting_names():
            chosen[name] = value
        else:
            raise unknown_setting(name, [*variables, *setting_names()])
    settings = with_overrides(Settings(), chosen)
    if "image_size" in overrides and "train_size" in model_settings and "train_size" not in overrides:
        share = settings.train_size / int(model_settings["image_size"])
        settings = replace(settings, train_size=round(share * settings.image_size))
    return settings, variables


def parse_overrides(pairs: list[str]) -> dict[str, Value]:
    """Return the keys and values of `--set key=value ...`; raises UsageError for a pair without '='."""
    overrides: dict[str, Value] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise UsageError(f"--set takes key=value, not '{pair}'")
        overrides[name.strip()] = value.strip()
    return overrides
