"""How does the setting `augment` redraw training images? Whole batches at once, with draws of its own for each image.

A batch passes up to three stages: one geometric look-up for all operations that move, turn or resize; then changes of
light and hidden areas; then mixing with another image, which mixes the labels too.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from torch import Generator, Tensor

from sadari.data.augment.colour import jitter
from sadari.data.augment.erase import erase
from sadari.data.augment.geometry import (
    compose,
    crop_maps,
    flip_maps,
    mirror,
    mirrored_half,
    move,
    resized_crop_maps,
    rotate_maps,
    shift_maps,
    warp,
    zoom_maps,
)
from sadari.data.augment.mix import Weights, cutmix_weights, mix, mixup_weights
from sadari.data.augment.sampling import Size
from sadari.data.augment.trivial import trivial
from sadari.errors import UsageError
from sadari.plugins.calls import calling, require_images
from sadari.registry import Registry

WHOLE_PIXELS = {"flip", "shift", "crop"}  # alone or together they need no interpolation


@dataclass(frozen=True)
class Geometric:
    """An operation that moves, turns or resizes: draws a map for each image, as `warp` reads them."""

    maps: Callable[[float, Size, Generator], Tensor]


@dataclass(frozen=True)
class Redraw:
    """An operation on pixels: uint8 (N, H, W, C) to uint8 (N, H, W, C), never in place."""

    apply: Callable[[float, Tensor, Generator], Tensor]


@dataclass(frozen=True)
class Mixing:
    """An operation that mixes an image with another one, and their labels."""

    weights: Weights


@dataclass(frozen=True)
class Alternating:
    """An operation that mirrors every image in every other epoch, half of them in the even ones.

    No image is seen on the same side in two epochs in turn. Source: Jordan 2024 (arXiv:2404.00498), section 3.6.
    """


Step = Geometric | Redraw | Mixing | Alternating


@dataclass(frozen=True)
class Operation:
    """One operation of the setting `augment`, with the number that it takes.

    takes: the name of its number, "" where it has none. limits: which numbers `allows` accepts, as a phrase.
    nothing: the number at which it changes nothing; None where there is no such number.
    """

    step: Step
    takes: str = ""
    limits: str = ""
    allows: Callable[[float], bool] = lambda _: True
    nothing: float | None = 0.0


def _fraction(step: Step, takes: str) -> Operation:
    return Operation(step, takes, "from 0 to below 1", lambda number: 0 <= number < 1)


def _share(step: Step, takes: str) -> Operation:
    return Operation(step, takes, "from 0 to 1", lambda number: 0 <= number <= 1)


def _alpha(weights: Weights) -> Operation:
    return Operation(Mixing(weights), "ALPHA", "from 0 to 100", lambda number: 0 <= number <= 100)


def as_operation(name: str, made: Any, options: Mapping[str, Any]) -> Operation:
    """Make an operation of what a plug-in offers: a function of (pixels, generator) or with a number, or an Operation.

    options: those of the decorator `augmentation`. Raises TypeError for anything else.
    """
    if isinstance(made, Operation):
        return made
    if not callable(made):
        raise TypeError(f"an augmentation is a function of (pixels, generator), not {type(made).__name__}")
    takes, low, high = str(options.get("takes", "")), float(options.get("low", 0.0)), float(options.get("high", 1.0))

    def apply(number: float, pixels: Tensor, generator: Generator) -> Tensor:
        with calling("augmentation", name, made):
            changed: Tensor = made(pixels, generator, number) if takes else made(pixels, generator)
        require_images("augmentation", name, made, changed, pixels)
        return changed

    limits = f"from {low:g} to {high:g}" if takes else ""
    return Operation(Redraw(apply), takes, limits, lambda number: low <= number <= high, options.get("nothing"))


OPERATIONS: Registry[Operation] = Registry("augmentation", adapt=as_operation)
# In the order in which they are applied, whatever the order in the text. That of the geometric ones is Keras's, after
# a crop that chooses what the others see.
OPERATIONS.add(
    "resized-crop",
    Operation(Geometric(resized_crop_maps), "LEAST", "above 0 and at most 1", lambda least: 0 < least <= 1, 1.0),
)
OPERATIONS.add(
    "rotate", Operation(Geometric(rotate_maps), "DEGREES", "from 0 to 180", lambda degrees: 0 <= degrees <= 180)
)
OPERATIONS.add("shift", _fraction(Geometric(shift_maps), "FRACTION"))
OPERATIONS.add(
    "crop",
    Operation(
        Geometric(crop_maps), "PIXELS", "a whole number from 0 up", lambda n: 0 <= n < 2**31 and float(n).is_integer()
    ),
)
OPERATIONS.add("zoom", _fraction(Geometric(zoom_maps), "FRACTION"))
OPERATIONS.add("flip", Operation(Geometric(flip_maps), nothing=None))
OPERATIONS.add("alternate-flip", Operation(Alternating(), nothing=None))
OPERATIONS.add("trivial", Operation(Redraw(trivial), nothing=None))
OPERATIONS.add("jitter", _share(Redraw(jitter), "STRENGTH"))
OPERATIONS.add("erase", _share(Redraw(erase), "PROBABILITY"))
OPERATIONS.add("mixup", _alpha(mixup_weights))
OPERATIONS.add("cutmix", _alpha(cutmix_weights))


@dataclass(frozen=True)
class Augmentation:
    """A way to redraw training images.

    steps: names of operations and their numbers (1 where there is none), in the order of OPERATIONS.
    """

    steps: tuple[tuple[str, float], ...]

    def apply(self, pixels: Tensor, generator: Generator, turned: Tensor | None = None) -> Tensor:
        """Redraw each image of uint8 (N, H, W, C); the draws come from `generator` (on the processor) alone.

        turned: which images alternate-flip mirrors, bool (N,); drawn where None. Returns uint8 (N, H, W, C). Mixup and
        cutmix are done by `mix`.
        """
        if self.alternates:
            pixels = mirror(pixels, mirrored_half(len(pixels), generator) if turned is None else turned)
        pixels = self._move_pixels(pixels, generator)
        for step, number in self._steps():
            if isinstance(step, Redraw):
                pixels = step.apply(number, pixels, generator)
        return pixels

    @property
    def alternates(self) -> bool:
        """Return whether images are mirrored in turn, for which `apply` takes the side of each."""
        return any(isinstance(step, Alternating) for step, _ in self._steps())

    @property
    def mixes(self) -> bool:
        """Return whether labels are mixed, so that `mix` returns soft ones."""
        return any(isinstance(step, Mixing) for step, _ in self._steps())

    def mix(self, pixels: Tensor, labels: Tensor, classes: int, generator: Generator) -> tuple[Tensor, Tensor]:
        """Mix redrawn images (uint8, N, H, W, C) and their labels (int64, N; or shares, N, K) with others of the batch.

        Returns the pixels, and either the same labels or, where `mixes`, soft ones: float32 (N, classes), rows sum
        to 1. Each image of the batch stays in it once: the batch does not grow.
        """
        ways = [(step.weights, alpha) for step, alpha in self._steps() if isinstance(step, Mixing)]
        return mix(pixels, labels, classes, ways, generator) if ways else (pixels, labels)

    def _move_pixels(self, pixels: Tensor, generator: Generator) -> Tensor:
        count, height, width, _ = pixels.shape
        wanted = {name: number for name, number in self.steps if isinstance(OPERATIONS.get(name).step, Geometric)}
        if not wanted:
            return pixels
        if set(wanted) <= WHOLE_PIXELS:
            share, most = wanted.get("shift", 0.0), int(wanted.get("crop", 0))
            rows, columns = max(round(share * height), most), max(round(share * width), most)
            return move(pixels, rows, columns, "flip" in wanted, generator)
        size = (count, height, width)
        steps = [(step, number) for step, number in self._steps() if isinstance(step, Geometric)]
        return warp(pixels, compose([step.maps(number, size, generator) for step, number in steps]))

    def _steps(self) -> list[tuple[Step, float]]:
        return [(OPERATIONS.get(name).step, number) for name, number in self.steps]


def parse_augmentation(text: str, height: int, width: int) -> Augmentation | None:
    """Read an augmentation such as "flip, shift 0.1" or "rotate 30, zoom 0.2"; None where it changes nothing.

    height, width: of the images in pixels. Raises UsageError, which names what `augment` takes, for any other text.
    """
    numbers: dict[str, float] = {}
    for item in filter(None, (item.strip() for item in text.split(","))):
        name, number = _parse_operation(item)
        if name in numbers:
            raise UsageError(f"augment names {name} twice in '{text}'; name it once")
        if name == "crop" and number >= min(height, width) > 0:
            raise UsageError(
                f"augment '{item}' moves images of {height}x{width} pixels out of sight; take fewer pixels"
            )
        numbers[name] = number
    steps = tuple(
        (name, numbers[name])
        for name in OPERATIONS.names()
        if name in numbers and numbers[name] != OPERATIONS.get(name).nothing
    )
    return Augmentation(steps) if steps else None


def _parse_operation(item: str) -> tuple[str, float]:
    name, *rest = item.split()
    if name not in OPERATIONS:
        known = ", ".join(_usage(each) for each in OPERATIONS.names())
        close = get_close_matches(name.lower(), OPERATIONS.names(), n=1, cutoff=0.5)
        meant = f"; did you mean '{_usage(close[0])}'?" if close else ""
        raise UsageError(f"augment takes {known}, separated by commas, not '{item}'{meant}")
    operation = OPERATIONS.get(name)
    if not operation.takes:
        if rest:
            raise UsageError(f"augment takes {name} without a number, not '{item}'")
        return name, 1.0
    value = _number(rest[0]) if len(rest) == 1 else None
    if value is None or not operation.allows(value):
        raise UsageError(f"augment takes {name} {operation.takes}, {operation.limits}, not '{item}'")
    return name, value


def _usage(name: str) -> str:
    try:
        return f"{name} {OPERATIONS.get(name).takes}".strip()
    except UsageError:  # of a plug-in that cannot be used, which is said where somebody names it
        return name


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
