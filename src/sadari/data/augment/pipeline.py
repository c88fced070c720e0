"""Which other views of a training image count as the same image? Whole batches at once, each image for itself.

A batch goes through up to three doors: one geometric look-up for all words that move, turn or size; then changes of
light and hidden parts; then mixing with another image, which mixes the labels too.
"""

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches

from torch import Generator, Tensor

from sadari.data.augment.colour import jitter
from sadari.data.augment.erase import erase
from sadari.data.augment.geometry import (
    compose,
    crop_maps,
    flip_maps,
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
from sadari.registry import Registry

WHOLE_PIXELS = {"flip", "shift", "crop"}  # alone or together they need no interpolation


@dataclass(frozen=True)
class Geometric:
    """A word that moves, turns or sizes: draws a map for each image, as `warp` reads them."""

    maps: Callable[[float, Size, Generator], Tensor]


@dataclass(frozen=True)
class Redraw:
    """A word that changes what an image shows: uint8 (N, H, W, C) to uint8 (N, H, W, C), never in place."""

    apply: Callable[[float, Tensor, Generator], Tensor]


@dataclass(frozen=True)
class Mixing:
    """A word that mixes an image with another one, and their labels."""

    weights: Weights


@dataclass(frozen=True)
class Word:
    """What does one word of the setting `augment` take, and what does it do?

    takes: the name of its number, "" where it has none. limits: which numbers `allows` lets pass, in words.
    nothing: the number at which it changes nothing; None where there is no such number.
    """

    step: Geometric | Redraw | Mixing
    takes: str = ""
    limits: str = ""
    allows: Callable[[float], bool] = lambda _: True
    nothing: float | None = 0.0


def _fraction(step: Geometric | Redraw | Mixing, takes: str) -> Word:
    return Word(step, takes, "from 0 to below 1", lambda number: 0 <= number < 1)


def _share(step: Geometric | Redraw | Mixing, takes: str) -> Word:
    return Word(step, takes, "from 0 to 1", lambda number: 0 <= number <= 1)


def _alpha(weights: Weights) -> Word:
    return Word(Mixing(weights), "ALPHA", "from 0 to 100", lambda number: 0 <= number <= 100)


WORDS: Registry[Word] = Registry("augmentation")
# In the order in which they happen, whatever the order in the text. That of the geometric ones is Keras's, behind
# a crop that chooses what the others see.
WORDS.add(
    "resized-crop",
    Word(Geometric(resized_crop_maps), "LEAST", "above 0 and at most 1", lambda least: 0 < least <= 1, 1.0),
)
WORDS.add("rotate", Word(Geometric(rotate_maps), "DEGREES", "from 0 to 180", lambda degrees: 0 <= degrees <= 180))
WORDS.add("shift", _fraction(Geometric(shift_maps), "FRACTION"))
WORDS.add(
    "crop",
    Word(
        Geometric(crop_maps), "PIXELS", "a whole number from 0 up", lambda n: 0 <= n < 2**31 and float(n).is_integer()
    ),
)
WORDS.add("zoom", _fraction(Geometric(zoom_maps), "FRACTION"))
WORDS.add("flip", Word(Geometric(flip_maps), nothing=None))
WORDS.add("trivial", Word(Redraw(trivial), nothing=None))
WORDS.add("jitter", _share(Redraw(jitter), "STRENGTH"))
WORDS.add("erase", _share(Redraw(erase), "PROBABILITY"))
WORDS.add("mixup", _alpha(mixup_weights))
WORDS.add("cutmix", _alpha(cutmix_weights))


@dataclass(frozen=True)
class Augmentation:
    """How are training images redrawn? `steps`: words and their numbers (1 for a word without), in WORDS's order."""

    steps: tuple[tuple[str, float], ...]

    def apply(self, pixels: Tensor, generator: Generator) -> Tensor:
        """Redraw each image of uint8 (N, H, W, C); the draws come from `generator` (on the processor) alone.

        Returns uint8 (N, H, W, C). What the words mixup and cutmix do is left to `mix`.
        """
        pixels = self._see_anew(pixels, generator)
        for step, number in self._steps():
            if isinstance(step, Redraw):
                pixels = step.apply(number, pixels, generator)
        return pixels

    @property
    def mixes(self) -> bool:
        """Whether labels are mixed, so that `mix` returns soft ones."""
        return any(isinstance(step, Mixing) for step, _ in self._steps())

    def mix(self, pixels: Tensor, labels: Tensor, classes: int, generator: Generator) -> tuple[Tensor, Tensor]:
        """Mix redrawn images (uint8, N, H, W, C) and their labels (int64, N) with others of the batch.

        Returns the pixels, and either the same labels or, where `mixes`, soft ones: float32 (N, classes), rows sum
        to 1. Every image of the batch stays in it, once: the batch does not grow.
        """
        ways = [(step.weights, alpha) for step, alpha in self._steps() if isinstance(step, Mixing)]
        return mix(pixels, labels, classes, ways, generator) if ways else (pixels, labels)

    def _see_anew(self, pixels: Tensor, generator: Generator) -> Tensor:
        count, height, width, _ = pixels.shape
        wanted = {name: number for name, number in self.steps if isinstance(WORDS.get(name).step, Geometric)}
        if not wanted:
            return pixels
        if set(wanted) <= WHOLE_PIXELS:
            share, most = wanted.get("shift", 0.0), int(wanted.get("crop", 0))
            rows, columns = max(round(share * height), most), max(round(share * width), most)
            return move(pixels, rows, columns, "flip" in wanted, generator)
        size = (count, height, width)
        steps = [(step, number) for step, number in self._steps() if isinstance(step, Geometric)]
        return warp(pixels, compose([step.maps(number, size, generator) for step, number in steps]))

    def _steps(self) -> list[tuple[Geometric | Redraw | Mixing, float]]:
        return [(WORDS.get(name).step, number) for name, number in self.steps]


def parse_augmentation(text: str, height: int, width: int) -> Augmentation | None:
    """Which augmentation does `text` ask for, such as "flip, shift 0.1" or "rotate 30, zoom 0.2"? None for nothing.

    height, width: of the images in pixels. Raises UsageError naming what `augment` takes where `text`
    is something else.
    """
    asked: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, number = _parse_word(part)
        if name in asked:
            raise UsageError(f"augment names {name} twice in '{text}'; name it once")
        if name == "crop" and number >= min(height, width) > 0:
            raise UsageError(
                f"augment '{part}' moves images of {height}x{width} pixels out of sight; take fewer pixels"
            )
        asked[name] = number
    steps = tuple(
        (name, asked[name]) for name in WORDS.names() if name in asked and asked[name] != WORDS.get(name).nothing
    )
    return Augmentation(steps) if steps else None


def _parse_word(part: str) -> tuple[str, float]:
    name, *numbers = part.split()
    if name not in WORDS:
        known = ", ".join(_usage(each) for each in WORDS.names())
        close = get_close_matches(name.lower(), WORDS.names(), n=1, cutoff=0.5)
        meant = f"; did you mean '{_usage(close[0])}'?" if close else ""
        raise UsageError(f"augment takes {known}, separated by commas, not '{part}'{meant}")
    word = WORDS.get(name)
    if not word.takes:
        if numbers:
            raise UsageError(f"augment takes {name} without a number, not '{part}'")
        return name, 1.0
    value = _number(numbers[0]) if len(numbers) == 1 else None
    if value is None or not word.allows(value):
        raise UsageError(f"augment takes {name} {word.takes}, {word.limits}, not '{part}'")
    return name, value


def _usage(name: str) -> str:
    return f"{name} {WORDS.get(name).takes}".strip()


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
