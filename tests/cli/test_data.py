"""Do `sadari data list | info | check | convert` print what they promise, and one JSON document with --json?"""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from sadari.cli.data.commands import app
from sadari.errors import SadariError, UsageError


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SADARI_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("SADARI_DATA_DIR", str(tmp_path / "named"))


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), catch_exceptions=True)


def document(*arguments: str) -> Any:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.exception
    return json.loads(result.stdout)


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """Two classes in train and test, 12 and 4 images each, all different."""
    generator = np.random.default_rng(0)
    for split_name, count in (("train", 12), ("test", 4)):
        for name in ("cat", "dog"):
            folder = tmp_path / "pets" / split_name / name
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = generator.integers(0, 256, (8, 8, 3)).astype(np.uint8)
                Image.fromarray(pixels).save(folder / f"{number}.png")
    return tmp_path / "pets"


def test_list_names_every_set_and_where_it_is(tmp_path: Path) -> None:
    listed = document("list")
    assert [each["name"] for each in listed["sets"]][:3] == ["digits", "shapes", "fashion-mnist"]
    states = {each["name"]: each["where"] for each in listed["sets"]}
    assert (states["digits"], states["shapes"], states["stl10"]) == ("built in", "built in", "missing")
    assert listed["download_folder"] == str(tmp_path / "named")
    shown = run("list").stdout
    assert "fashion-mnist" in shown and "missing" in shown
    assert f"a missing set is downloaded to {tmp_path / 'named'}" in shown
    assert "spurious" in shown


def test_info_counts_parts_and_classes(pets: Path) -> None:
    about = document("info", str(pets))
    assert about["images"] == 32
    assert (about["height"], about["width"], about["channels"]) == (8, 8, 3)
    assert about["classes"] == ["cat", "dog"]
    assert about["sizes"] == {"train": 19, "val": 5, "test": 8}
    assert sum(about["counts"]["val"].values()) == 5
    assert about["counts"]["test"] == {"cat": 4, "dog": 4}
    assert about["split"] == "test as given; val drawn from train (20 %, stratified, seed 0)"
    assert len(about["fingerprint"]) >= 16
    shown = run("info", str(pets)).stdout
    assert "pets: 32 images, 8x8 colour, 2 classes" in shown
    assert about["fingerprint"] in shown and about["split"] in shown


def test_info_takes_settings_and_options(pets: Path) -> None:
    about = document("info", str(pets), "--set", "val_fraction=0.5", "--set", "image_size=4", "--set", "channels=1")
    assert (about["height"], about["channels"]) == (4, 1)
    assert about["sizes"] == {"train": 12, "val": 12, "test": 8}
    drawn = document("info", "shapes:size=16,classes=3,images=60,spurious=1")
    assert drawn["classes"] == ["circle", "square", "triangle"]
    assert (drawn["height"], drawn["sizes"], drawn["evidence"]) == (16, {"train": 36, "val": 12, "test": 12}, True)
    assert "names the next class in test" in drawn["notes"][0]


def test_class_names_are_not_markup(pets: Path) -> None:
    for split_name in ("train", "test"):
        (pets / split_name / "cat").rename(pets / split_name / "[bold]cat")
    assert "[bold]cat" in run("info", str(pets)).stdout


def test_check_of_a_clean_set(pets: Path) -> None:
    found = document("check", str(pets))
    assert (found["leaks"], found["copies"], found["unreadable"]) == (0, [], [])
    assert "no leaks found" in run("check", str(pets)).stdout


def test_check_finds_a_leak_and_still_exits_with_0(pets: Path) -> None:
    shutil.copy(pets / "train" / "cat" / "0.png", pets / "test" / "dog" / "copy.png")
    found = document("check", str(pets))
    assert (found["leaks"], found["contradictions"]) == (1, 1)
    result = run("check", str(pets))
    assert result.exit_code == 0
    assert "1 leaks" not in result.stdout and "1 leak" in result.stdout
    assert "1 test image of 9 is also in train or val" in result.stdout
    assert "equal: test/dog/copy.png (dog, test), train/cat/0.png (cat, " in result.stdout


def test_check_lists_every_unreadable_file_and_exits_with_1(pets: Path) -> None:
    for number in range(5):
        (pets / "train" / "cat" / f"{number}.png").write_text("no image")
    result = run("check", str(pets), "--json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert [each["id"] for each in found["unreadable"]] == [f"train/cat/{number}.png" for number in range(5)]
    assert found["counts"]["test"] == {"cat": 4, "dog": 4}
    shown = run("check", str(pets))
    assert shown.exit_code == 1
    assert "5 files cannot be read" in shown.stdout
    assert "unreadable: train/cat/4.png: it is no JPEG" in shown.stdout


def test_check_of_what_cannot_be_loaded_for_another_reason_says_that(pets: Path) -> None:
    shutil.rmtree(pets / "train" / "cat")
    shutil.rmtree(pets / "test" / "cat")
    result = run("check", str(pets))
    assert isinstance(result.exception, SadariError)
    assert "one class only, 'dog'" in str(result.exception)


def test_convert_writes_what_info_reads_back(tmp_path: Path, pets: Path) -> None:
    result = run("convert", str(pets), str(tmp_path / "pets.npz"))
    assert result.exit_code == 0
    assert result.stdout == ""
    assert f"wrote 32 images to {tmp_path / 'pets.npz'}" in result.stderr
    assert document("info", str(tmp_path / "pets.npz"))["counts"]["test"] == {"cat": 4, "dog": 4}
    again = run("convert", str(pets), str(tmp_path / "pets.npz"))
    assert isinstance(again.exception, UsageError)
    assert run("convert", "shapes:images=80,size=16", str(tmp_path / "drawn")).exit_code == 0
    assert document("info", str(tmp_path / "drawn"))["sizes"] == {"train": 48, "val": 16, "test": 16}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["info", "digit"], "did you mean 'digits'"),
        (["info", "digits", "--set", "image_sice=3"], "did you mean 'image_size'"),
        (["info", "digits:size=3"], "digits takes no options, not 'size'"),
        (["check", "nowhere/at/all"], "nowhere/at/all"),
    ],
)
def test_a_wrong_request_is_one_sentence(arguments: list[str], sentence: str) -> None:
    result = run(*arguments)
    assert isinstance(result.exception, UsageError)
    assert sentence in str(result.exception)
    assert "\n" not in str(result.exception)


def test_progress_never_reaches_standard_output() -> None:
    result = run("info", "shapes:images=40,size=16", "--json")
    assert json.loads(result.stdout)["images"] == 40


def test_show_draws_training_images_and_says_how_they_are_scaled(pets: Path, tmp_path: Path) -> None:
    picture = tmp_path / "grid.png"
    shown = document("show", str(pets), "--set", "scaling=channel", "--out", str(picture))
    with Image.open(picture) as drawn:
        assert drawn.width > 300
    assert (shown["picture"], shown["images"], shown["scaling"]) == (str(picture), 19, "channel")
    pixels = {(each["split"], each["channel"]): each for each in shown["pixels"]}
    assert list(pixels) == [(name, colour) for name in ("train", "val", "test") for colour in ("red", "green", "blue")]
    test = np.stack([np.asarray(Image.open(path)) for path in sorted((pets / "test").rglob("*.png"))])
    for channel, colour in enumerate(("red", "green", "blue")):
        train, judging = pixels["train", colour], pixels["test", colour]
        assert (train["scaled_mean"], train["scaled_deviation"]) == pytest.approx((0, 1), abs=1e-5)
        raw = test[..., channel].astype(np.float64)
        assert (judging["mean"], judging["deviation"]) == pytest.approx((raw.mean(), raw.std()))
        scaled = (raw - train["mean"]) / train["deviation"]  # by the training images' figures
        assert (judging["scaled_mean"], judging["scaled_deviation"]) == pytest.approx(
            (scaled.mean(), scaled.std()), abs=1e-5
        )


def test_show_reads_as_a_table(pets: Path, tmp_path: Path) -> None:
    lines = run("show", str(pets), "--out", str(tmp_path / "grid.png")).stdout.splitlines()
    assert lines[-1] == f"wrote {tmp_path / 'grid.png'}: 19 training images, each under its class"
    assert [line.split()[1] for line in lines if line[1:6] == "train"] == ["red", "green", "blue"]
    streamed = run("show", str(pets), "--set", "stream=always", "--out", str(tmp_path / "grid.png")).stdout
    assert streamed.startswith("mean and deviation are not computed: the images are streamed")


def test_show_wants_the_name_of_a_picture(pets: Path) -> None:
    assert isinstance(run("show", str(pets), "--out", "grid.jpg").exception, UsageError)
