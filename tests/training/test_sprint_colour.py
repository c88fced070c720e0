"""Does `sprint-colour` learn images of every size and colour that it is for, and say where images are too small?"""

from pathlib import Path
from typing import Any

import pytest

from sadari.errors import UsageError
from sadari.models.catalog import find_model
from sadari.training.train import train
from support.jobs import job_for, parts, patterns

QUICK: dict[str, Any] = {"epochs": 5, "least_steps": 0, "batch_size": 16, "augment": "", "calibration": "none"}


@pytest.mark.parametrize(("side", "channels", "classes"), [(28, 1, 3), (32, 3, 3), (40, 3, 2)])
def test_it_learns_patterns(side: int, channels: int, classes: int, tmp_path: Path) -> None:
    images = patterns(classes=classes, side=side, channels=channels)
    run = train(job_for("sprint-colour", **QUICK), tmp_path / "run", images=images, split=parts(images))
    assert run.summary["scores"]["test"]["accuracy"] >= 0.8


@pytest.mark.parametrize(
    ("shape", "classes"), [((32, 32, 3), 100), ((64, 64, 3), 10), ((96, 96, 3), 10), ((16, 24, 1), 2)]
)
def test_it_reads_the_published_sets_sizes(shape: tuple[int, int, int], classes: int) -> None:
    rows = find_model("sprint-colour").rows(shape, classes)
    assert rows[-1].shape == (classes,) and rows[-2].shape == (256,)


def test_of_images_of_eight_pixels_it_says_that_they_are_too_small() -> None:
    with pytest.raises(UsageError, match="remove a pool or use larger images"):
        find_model("sprint-colour").rows((8, 8, 1), 10)
