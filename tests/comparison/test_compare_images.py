"""Which settings decide the images of a comparison, and may arms differ in them?"""

import shutil
from dataclasses import Field, fields
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from PIL import Image

from sadari.cli.output.comparison import heading
from sadari.comparison.inputs import images_key, load_inputs
from sadari.comparison.request import Comparison
from sadari.comparison.variants import folder_name
from sadari.data.load import load
from sadari.data.packs.provide import LOAD_SETTINGS, Wanted
from sadari.data.sources.digits import DigitsSource
from sadari.errors import UsageError
from sadari.progress import Silent
from sadari.report.build import build_report
from sadari.report.page import render
from sadari.run import PREPROCESS
from sadari.settings import Settings, Value, with_overrides
from support.comparing import run
from support.fake_training import FakeTrainer
from support.jobs import named_arm, named_arms


def deep_photographs(folder: Path, tops: tuple[str, ...] = ("A", "B")) -> Path:
    """Write 16-bit grey photographs of two classes into each of the `tops`."""
    generator = np.random.default_rng(0)
    for top in tops:
        for name in ("cat", "dog"):
            (folder / top / name).mkdir(parents=True)
            for number in range(4):
                pixels = generator.integers(0, 1000, (8, 8), dtype=np.uint16)
                Image.fromarray(pixels).save(folder / top / name / f"{number}.png")
    return folder


def some_other(each: "Field[Any]") -> Value:
    """Return a value of the setting that is not its default."""
    named: dict[str, Value] = {
        "channels": 3, "split_folders": "none", "archive_encoding": "cp949", "device": "cpu", "augment": "flip",
        "teacher": "run", "group": "folder", "review": "none",
    }  # fmt: skip
    if each.name in named:
        return named[each.name]
    default: Value = getattr(Settings(), each.name)
    choices: tuple[str, ...] = each.metadata["choices"]
    if choices:
        return next(choice for choice in choices if choice != default)
    if isinstance(default, bool):
        return not default
    assert isinstance(default, int | float)
    return default / 2 + 0.25 if isinstance(default, float) and default <= 1 else default + 3


# `loss` has one value where no plug-in offers another.
VARIED = [each for each in fields(Settings) if len(each.metadata["choices"]) != 1]


@pytest.mark.parametrize("each", VARIED, ids=lambda each: each.name)
def test_settings_that_give_other_pixels_give_other_images_of_a_comparison(each: "Field[Any]") -> None:
    changed = with_overrides(Settings(), {each.name: some_other(each)})
    before, after = (
        Wanted("x", DigitsSource(), "f", settings, Silent(), DigitsSource) for settings in (Settings(), changed)
    )
    keys = images_key(Settings()) != images_key(changed)
    assert keys == (before.folder() != after.folder() or each.name in ("stream", "group", "review"))


class Watched(Settings):
    """Settings that note which of them are read."""

    read: ClassVar[set[str]] = set()

    def __getattribute__(self, name: str) -> Any:
        if name in Settings.__dataclass_fields__:
            Watched.read.add(name)
        return super().__getattribute__(name)


@pytest.mark.parametrize("form", ["folder", "zip", "npz"])
@pytest.mark.parametrize("stream", ["never", "always"])
def test_loading_reads_no_setting_that_a_comparison_does_not_know(form: str, stream: str, tmp_path: Path) -> None:
    folder = deep_photographs(tmp_path / "set")
    data = folder if form == "folder" else folder.with_suffix(f".{form}")
    if form == "zip":
        shutil.make_archive(str(folder), "zip", folder)
    if form == "npz":
        deep = np.arange(8 * 4, dtype=np.uint16).reshape(8, 2, 2)
        np.savez(data, X_train=deep, y_train=np.arange(8) % 2)
        stream = "never"
    settings = Watched(split_folders="auto" if form == "npz" else "train=A test=B", stream=stream)
    Watched.read.clear()
    np.asarray(load(data, settings).images[0])
    assert Watched.read - {"threads"} <= set(LOAD_SETTINGS)


def test_arms_that_differ_in_the_white_level_train_on_different_pixels(tmp_path: Path) -> None:
    arms, _ = named_arms(["softmax"], {"white_level": ["1023", "65535"]}, {})
    request = Comparison(str(deep_photographs(tmp_path / "set", ("train", "test"))), arms, (0,))
    inputs = load_inputs(request, Silent())
    dark, bright = (inputs.images_for(request.job(arm, 0).settings).images for arm in reversed(arms))
    assert np.asarray(dark[0]).max() < 8 < np.asarray(bright[0]).max()


@pytest.mark.parametrize("second", ["none", "train=B test=A"])
def test_arms_that_read_folders_differently_are_refused(second: str, tmp_path: Path) -> None:
    arms = tuple(
        named_arm(f"arm{number}", "softmax", {"split_folders": value})
        for number, value in enumerate(("train=A test=B", second))
    )
    with pytest.raises(UsageError, match=r"arm0 and arm1 would be judged on different images.*split_folders"):
        run(Comparison(str(deep_photographs(tmp_path / "set")), arms, (0,)), tmp_path, FakeTrainer())


def test_the_sizes_at_which_the_arms_read_the_images_stand_in_the_heading(tmp_path: Path) -> None:
    arms, _ = named_arms(["softmax"], {"image_size": [6, 12, 8]}, {})
    request = Comparison(str(deep_photographs(tmp_path / "set", ("train", "test"))), arms, (0,))
    found = run(request, tmp_path, FakeTrainer())
    assert found.data.sizes == ((6, 6), (8, 8), (12, 12))
    assert "   6x6 to 12x12 grey   " in heading(found)
    assert "6 \u00d7 6 to 12 \u00d7 12 grey" in render(build_report(found))
    (found.out / folder_name(arms[0].name, 0) / PREPROCESS).write_text("no document")
    again = run(request, tmp_path, FakeTrainer())
    assert again.data.sizes == ((8, 8), (12, 12)) and again.document()["images"]["sizes"] == [[8, 8], [12, 12]]
