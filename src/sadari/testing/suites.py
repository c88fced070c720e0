"""What do all suites share? A test runs once for each of the names that a subclass lists; samples are drawn alike."""

from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from sadari.values import ImageSet, Predictions


class Contract:
    """A suite of tests for entries of one kind. A subclass whose name begins with Test lists their `names`."""

    names: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def cases(cls) -> dict[str, list[Any]]:
        """Return the values of each argument that all tests have."""
        return {"name": list(cls.names)}

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run each test once for each case. Raises where a subclass lists none: nothing would be tested."""
        for argument, values in self.cases().items():
            if not values:
                raise pytest.UsageError(f"{type(self).__name__} lists nothing to be tested; see sadari.testing")
            if argument in metafunc.fixturenames:
                metafunc.parametrize(argument, values, ids=str)


def seeded(seed: int = 0) -> Generator:
    """Return a generator of torch."""
    return torch.Generator().manual_seed(seed)


def noise(count: int, height: int, width: int, channels: int) -> Tensor:
    """Draw images of noise, uint8 (N, H, W, C), always the same."""
    return torch.randint(256, (count, height, width, channels), dtype=torch.uint8, generator=seeded(9))


def discs(shape: tuple[int, int, int], count: int = 12) -> ImageSet:
    """Draw a bright disc in each image, with its mask, on a dark background that grows lighter to one side."""
    height, width, channels = shape
    generator = np.random.default_rng(4)
    y, x = np.mgrid[:height, :width]
    rows, columns = generator.uniform(0.3, 0.7, (2, count, 1, 1))
    disc = (y - rows * height) ** 2 + (x - columns * width) ** 2 < (0.22 * min(height, width)) ** 2
    slant = 40 + 30 * generator.uniform(-1, 1, (count, 1, 1)) * (x / width + y / height - 1)
    pixels = np.where(disc, 210, slant)[..., None] + generator.integers(0, 20, (count, height, width, channels))
    return ImageSet(
        name="discs",
        images=pixels.astype(np.uint8),
        labels=np.zeros(count, dtype=np.int64),
        ids=np.array([str(number) for number in range(count)]),
        classes=("disc",),
        source_split=np.full(count, ""),
        fingerprint="0",
        evidence=disc,
    )


def predictions_of(labels: Any, probabilities: NDArray[Any]) -> Predictions:
    """Return predictions of images with these labels, int (N,), and probabilities, (N, K)."""
    count, classes = probabilities.shape
    return Predictions(
        ids=np.array([f"{number}.png" for number in range(count)], dtype=np.str_),
        labels=np.asarray(labels, dtype=np.int64),
        probabilities=probabilities.astype(np.float32),
        classes=tuple("abcdefghij"[:classes]),
        seconds=1.0,
    )


def judged(seed: int, count: int, classes: int = 7, skill: float = 2.0) -> Predictions:
    """Draw predictions that are mostly right, of classes of which the last has a tenth of the images of the first."""
    generator = np.random.default_rng(seed)
    shares = np.linspace(1.0, 0.1, classes)
    labels = generator.choice(classes, size=count, p=shares / shares.sum())
    logits = generator.normal(size=(count, classes)) * 1.5
    logits[np.arange(count), labels] += skill
    probabilities = np.exp(logits)
    return predictions_of(labels, probabilities / probabilities.sum(axis=1, keepdims=True))


def part(predictions: Predictions, chosen: NDArray[Any]) -> Predictions:
    """Return the predictions of the images at `chosen`, positions or a mask."""
    return Predictions(
        predictions.ids[chosen], predictions.labels[chosen], predictions.probabilities[chosen], predictions.classes, 1.0
    )
