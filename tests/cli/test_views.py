"""Does the picture of an augmentation show training images, and the views that training would draw?"""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from sadari.cli.data.commands import app
from sadari.errors import UsageError
from sadari.report.data.views import view_grid
from support.batches import parsed, seeded
from support.jobs import parts, patterns


def test_rows_begin_with_training_images_and_go_on_with_their_views() -> None:
    images, split = patterns(), parts(patterns())
    text = "rotate 30, flip"
    grid = view_grid(images, split, parsed(text, 8, 8), text, seed=4)
    assert grid.images.shape == (25, 8, 8, 3)
    before = grid.images[::5]
    train = {image.tobytes(): images.classes[label] for image, label in zip(
        images.images[split.train], images.labels[split.train], strict=True
    )}  # fmt: skip
    assert [train[image.tobytes()] for image in before] == list(grid.names[::5])
    first = parsed(text, 8, 8).apply(torch.from_numpy(before), seeded(4))
    assert np.array_equal(grid.images[1::5], first.numpy())
    assert {name for number, name in enumerate(grid.names) if number % 5} == {""}
    again = view_grid(images, split, parsed(text, 8, 8), text, seed=4)
    assert np.array_equal(again.images, grid.images)
    other = view_grid(images, split, parsed(text, 8, 8), text, seed=5)
    assert not np.array_equal(other.images[::5], before)


def test_mixed_labels_are_told() -> None:
    images, split = patterns(), parts(patterns())
    grid = view_grid(images, split, parsed("mixup 1"), "mixup 1")
    captions = [name for number, name in enumerate(grid.names) if number % 5 and name]
    assert len(captions) >= 12
    assert all(name.startswith("+ ") and name.endswith(tuple(f"% {each}" for each in "abc")) for name in captions)


def test_a_set_of_two_images_has_two_rows() -> None:
    images = patterns(2, 2)
    grid = view_grid(images, parts(images, 0, 0), parsed("flip"), "flip")
    assert len(grid.images) == len(grid.names) == 10


def test_the_command_draws_a_png(tmp_path: Path) -> None:
    out = tmp_path / "views" / "grid.png"
    words = ["augment", "digits", "--set", "augment=rotate 20, zoom 0.2, cutmix 1", "--out", str(out)]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.exception
    with Image.open(out) as picture:
        assert picture.format == "PNG" and picture.size[0] >= 900
    assert [each.name for each in out.parent.iterdir()] == ["grid.png"]
    first = out.read_bytes()
    CliRunner().invoke(app, words)
    assert out.read_bytes() == first
    CliRunner().invoke(app, [*words, "--seed", "1"])
    assert out.read_bytes() != first


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "augment is '', which changes nothing; say what to draw"),
        (["--set", "augment=shift 0"], "augment is 'shift 0', which changes nothing"),
        (["--set", "augment=twist"], "augment takes .* not 'twist'"),
        (["--set", "augment=flip", "--out", "x.jpg"], "--out is the name of a .png file, not 'x.jpg'"),
    ],
)
def test_the_command_says_what_it_needs(
    words: list[str], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["augment", "digits", *words])
    with pytest.raises(UsageError, match=sentence):
        raise result.exception or AssertionError("nothing was raised")
    assert list(tmp_path.iterdir()) == []
