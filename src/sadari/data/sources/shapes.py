"""Which images have a known reason for their class? Coloured shapes on a textured background, drawn from a seed."""

import colorsys
import itertools
from collections.abc import Mapping
from dataclasses import astuple, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sadari.data.cache.digests import digest_texts
from sadari.data.sources.base import SOURCES, ArrayContent, NamedSource
from sadari.data.sources.outlines import KINDS, Floats, Mask
from sadari.errors import UsageError
from sadari.registry import unknown_name
from sadari.settings import parse_value

# Assumed: 60 / 20 / 20, the splits that fractions of 0.2 and 0.25 would give.
VAL_SHARE = TEST_SHARE = 0.2
# One block is drawn at a time, so that the float32 pixels on the way stay small: 512 images of 32x32 take 6 MiB.
BLOCK_IMAGES = 512
# Assumed: 134 million pixels are 0.5 GiB of colours and evidence, which every machine of today holds.
MOST_PIXELS = 1 << 27
# Enters the fingerprint: raise it whenever the same options give other pixels.
DRAWING = "1"


@dataclass(frozen=True)
class ShapesSpec:
    """The options of a set of shapes, which `parse_shapes` reads from `shapes:key=value,...`.

    size: side in pixels, 12 to 256. classes: how many kinds of shape, 2 to 8. images: in all splits together.
    noise: standard deviation of the Gaussian pixel noise as a share of full scale. spurious: in [0, 1], how
    often the stripes and tint of the background are those of the class in train and val, and those of the next
    class in test; otherwise they are drawn independently of the class. seed: of every draw.

    Raises UsageError for values outside these ranges.
    """

    size: int = 32
    classes: int = 8
    images: int = 3000
    noise: float = 0.05
    spurious: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        _require_range("size", self.size, 12, 256)
        _require_range("classes", self.classes, 2, len(KINDS))
        # Five per class: one each in val and test, three in train.
        _require_range("images", self.images, 5 * self.classes, MOST_PIXELS // self.size**2)
        _require_range("noise", self.noise, 0.0, 1.0)
        _require_range("spurious", self.spurious, 0.0, 1.0)
        _require_range("seed", self.seed, 0, 2**63)


def _require_range(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise UsageError(f"{name} of shapes is between {low} and {high}, not {value}")


def parse_shapes(options: Mapping[str, str]) -> ShapesSpec:
    """Read the options after `shapes:`. Raises UsageError for unknown keys and wrong values."""
    kinds = {each.name: type(each.default) for each in fields(ShapesSpec)}
    chosen: dict[str, Any] = {}
    for name, text in options.items():
        if name not in kinds:
            raise unknown_name("option of shapes", name, list(kinds))
        chosen[name] = parse_value(f"{name} of shapes", text, kinds[name])
    return ShapesSpec(**chosen)


@dataclass(frozen=True, eq=False)
class ShapesPlan:
    """What will be on each image.

    labels, backgrounds: int64 (N,), the kinds of the shape and of the background (a class too, where spurious).
    source_split: unicode (N,), train then val then test, each with as many images of every class within one.
    """

    spec: ShapesSpec
    labels: NDArray[np.int64]
    backgrounds: NDArray[np.int64]
    source_split: NDArray[np.str_]


def plan_shapes(spec: ShapesSpec) -> ShapesPlan:
    """Decide class, split and background of every image; repeatable from `spec` alone."""
    generator = np.random.default_rng([spec.seed, 0])
    held_out = [round(share * spec.images) for share in (VAL_SHARE, TEST_SHARE)]
    sizes = {"train": spec.images - sum(held_out), "val": held_out[0], "test": held_out[1]}
    labels = np.concatenate([generator.permutation(np.arange(size) % spec.classes) for size in sizes.values()])
    source_split = np.repeat(list(sizes), list(sizes.values()))
    misled = (labels + (source_split == "test")) % spec.classes
    revealing = generator.random(spec.images) < spec.spurious
    backgrounds = np.where(revealing, misled, generator.integers(spec.classes, size=spec.images))
    return ShapesPlan(spec, labels.astype(np.int64), backgrounds.astype(np.int64), source_split)


def draw_shapes(plan: ShapesPlan) -> tuple[NDArray[np.uint8], Mask]:
    """Draw every image of the plan; repeatable from it alone.

    Returns uint8 (N, size, size, 3) and the evidence, bool (N, size, size), true on the shape's pixels.
    """
    count, size = plan.spec.images, plan.spec.size
    images = np.empty((count, size, size, 3), np.uint8)
    evidence = np.empty((count, size, size), np.bool_)
    for start in range(0, count, BLOCK_IMAGES):
        block = slice(start, min(start + BLOCK_IMAGES, count))
        generator = np.random.default_rng([plan.spec.seed, 1, start])
        evidence[block] = _outline(plan.labels[block], plan.spec.size, generator)
        background = _background(plan.backgrounds[block], plan.spec, generator)
        images[block] = _paint(background, evidence[block], plan.spec.noise, generator)
    return images, evidence


def _paint(background: Floats, outline: Mask, noise: float, generator: np.random.Generator) -> NDArray[np.uint8]:
    # Colour and brightness say nothing about the class; the lightest background is darker than the darkest shape.
    colours = generator.random((len(background), 3), dtype=np.float32)
    colours = 0.4 + 0.6 * colours / colours.max(axis=1, keepdims=True)
    pixels = np.where(outline[..., None], colours[:, None, None, :], background)
    pixels += noise * generator.standard_normal(pixels.shape, dtype=np.float32)
    scaled: NDArray[np.uint8] = np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8)
    return scaled


def _axis(size: int) -> Floats:
    """Return the centres of the pixels along one side, in [0, 1]."""
    return ((np.arange(size) + 0.5) / size).astype(np.float32)


def _outline(labels: NDArray[np.int64], size: int, generator: np.random.Generator) -> Mask:
    """Draw the shapes' pixels, bool (n, H, W): position, size and rotation at random, wholly inside the image."""
    count, axis = len(labels), _axis(size)
    radius = generator.uniform(0.22, 0.38, count)
    centre = radius[:, None] + generator.random((count, 2)) * (1 - 2 * radius[:, None])
    angle = generator.uniform(0, 2 * np.pi, count)
    across = (np.cos(angle) / radius).astype(np.float32)[:, None, None]
    down = (np.sin(angle) / radius).astype(np.float32)[:, None, None]
    x = (axis[None, None, :] - centre[:, 0, None, None]).astype(np.float32)
    y = (axis[None, :, None] - centre[:, 1, None, None]).astype(np.float32)
    u, v = across * x + down * y, across * y - down * x
    outline = np.zeros(u.shape, np.bool_)
    for label, inside in enumerate(KINDS.values()):
        chosen = labels == label
        if chosen.any():
            outline[chosen] = inside(u[chosen], v[chosen])
    return outline


def _background(backgrounds: NDArray[np.int64], spec: ShapesSpec, generator: np.random.Generator) -> Floats:
    """Draw dark tinted stripes, float32 (n, H, W, 3) in [0, 0.3]: each kind has its direction and tint."""
    count, classes, axis = len(backgrounds), spec.classes, _axis(spec.size)
    angle = np.pi * (backgrounds + generator.uniform(-0.15, 0.15, count)) / classes
    waves = 2 * np.pi * generator.uniform(3, 6, count)
    phase = generator.uniform(0, 2 * np.pi, count)
    x = axis[None, None, :] * (np.cos(angle) * waves)[:, None, None]
    y = axis[None, :, None] * (np.sin(angle) * waves)[:, None, None]
    stripes = (0.5 + 0.5 * np.sin(x + y + phase[:, None, None])).astype(np.float32)
    tints = np.array([colorsys.hsv_to_rgb(kind / classes, 0.6, 1.0) for kind in range(classes)], np.float32)
    depth = generator.uniform(0.15, 0.3, count).astype(np.float32)
    tint = tints[backgrounds] * depth[:, None]
    return (0.3 + 0.7 * stripes)[..., None] * tint[:, None, None, :]


@dataclass(frozen=True)
class ShapesSource:
    """The drawn set as a source; its fingerprint is that of its options, from which every pixel follows."""

    spec: ShapesSpec

    @property
    def name(self) -> str:
        return "shapes"

    def fingerprint(self) -> str:
        return digest_texts("shapes", DRAWING, *(str(value) for value in astuple(self.spec)))

    def notes(self) -> tuple[str, ...]:
        return ()

    def content(self) -> ArrayContent:
        plan = plan_shapes(self.spec)
        images, evidence = draw_shapes(plan)
        splits = [str(split_name) for split_name in plan.source_split]
        counters = {split_name: itertools.count() for split_name in splits}
        return ArrayContent(
            images=images,
            labels=plan.labels,
            ids=tuple(f"{split_name}/{next(counters[split_name]):05d}" for split_name in splits),
            classes=tuple(KINDS)[: self.spec.classes],
            source_split=tuple(splits),
            notes=_notes(self.spec),
            evidence=evidence,
        )


def _notes(spec: ShapesSpec) -> tuple[str, ...]:
    if not spec.spurious:
        return ()
    share = f"{100 * spec.spurious:g} % of the images"
    return (f"the background gives the class away in {share} of train and val, and names the next class in test",)


SOURCES.add(
    "shapes",
    NamedSource(
        name="shapes",
        summary="coloured shapes drawn on a striped background, with the evidence known",
        open=lambda options: ShapesSource(parse_shapes(options)),
        options={
            "size": "side of the images in pixels (32)",
            "classes": "how many kinds of shape, 2 to 8 (8)",
            "images": "how many images in all (3000)",
            "noise": "standard deviation of the pixel noise, as a share of full scale (0.05)",
            "spurious": "how often the background gives the class away in train and misleads in test (0)",
            "seed": "seed of the drawing (0)",
        },
    ),
)
