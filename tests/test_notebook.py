"""What do a set, a run and a comparison show in a notebook, and which frames do they give?"""

from base64 import b64decode
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from sadari.comparison.compare import compare
from sadari.comparison.executor import SerialExecutor
from sadari.comparison.request import Comparison
from sadari.comparison.result import ComparisonResult
from sadari.data.load import load
from sadari.data.split import draw_split
from sadari.errors import SadariError
from sadari.notebook import GALLERY, chart, figures, png, table, thumbnail
from sadari.run import RunRecord
from sadari.run_files import read_predictions, write_history
from sadari.settings import Settings, Value
from sadari.values import SAMPLES, ImageSet
from support.jobs import named_arms, named_job
from support.stamped_training import StampedTrainer, train_run

NASTY = "<script>alert('&\"')</script>"


def tree(shown: str) -> ElementTree.Element:
    """The page as a tree; fails where a tag is left open or a letter is not escaped."""
    return ElementTree.fromstring(shown)


def words(shown: str) -> str:
    return " ".join(" ".join(tree(shown).itertext()).split())


def rows(shown: str) -> list[list[str]]:
    return [["".join(cell.itertext()) for cell in row] for row in tree(shown).iter("tr")]


def pictures(shown: str) -> list[NDArray[np.uint8]]:
    sources = [each.attrib["src"].partition("base64,")[2] for each in tree(shown).iter("img")]
    return [np.asarray(Image.open(BytesIO(b64decode(source)))) for source in sources]


def noise(count: int, classes: int, side: int = 8, channels: int = 3, name: str = "class {}") -> ImageSet:
    """Pixels that no compression makes smaller; class 1 of three or more has no image."""
    generator = np.random.default_rng(0)
    labels = np.arange(count) % classes
    return ImageSet(
        name="noise",
        images=generator.integers(0, 256, (count, side, side, channels), dtype=np.uint8),
        labels=np.where(labels == 1, 0, labels) if classes > 2 else labels,
        ids=np.array([f"{number:05}" for number in range(count)]),
        classes=tuple(name.format(number) for number in range(classes)),
        source_split=np.where(np.arange(count) % 2, "train", "test"),
        fingerprint="f1f2",
        notes=("three were resized",),
    )


def run_in(folder: Path, model: str = "mlp", **overrides: Value) -> RunRecord:
    job = named_job("digits", model, 0, {"epochs": 4, **overrides})
    images = load("digits", job.settings)
    return RunRecord(train_run(StampedTrainer(), job, folder, images, draw_split(images, job.settings)))


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> ComparisonResult:
    arms, _ = named_arms(("softmax", "mlp", "cnn"), {}, {"epochs": 2})
    executor = SerialExecutor(StampedTrainer(fails={"cnn": SadariError(f"no memory {NASTY}")}))
    return compare(Comparison("digits", arms, (0, 1)), out=tmp_path_factory.mktemp("compared"), executor=executor)


@pytest.mark.parametrize("shape", [(1, 1, 1), (5, 3, 1), (4, 9, 3), (31, 2, 3)])
def test_a_png_has_the_very_pixels(shape: tuple[int, int, int]) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    found = np.asarray(Image.open(BytesIO(png(pixels))))
    assert np.array_equal(found.reshape(shape), pixels)


def test_a_thumbnail_is_the_mean_of_what_it_stands_for() -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (12, 6, 3), dtype=np.uint8)
    wanted = np.rint(pixels.reshape(4, 3, 2, 3, 3).mean(axis=(1, 3), dtype=np.float64))
    assert np.abs(thumbnail(pixels, 4) - wanted).max() <= 1  # a half may round either way
    assert thumbnail(pixels, 12) is pixels
    assert thumbnail(np.full((50, 7, 1), 200, dtype=np.uint8), 16).tolist() == [[[200]] * 2] * 16
    assert thumbnail(np.zeros((300, 2, 1), dtype=np.uint8), 16).shape == (16, 1, 1)


def test_a_set_shows_its_classes_with_images_spread_over_it() -> None:
    images = noise(60, 3, channels=1)
    shown = images._repr_html_()
    heading, *classes = rows(shown)
    assert heading == ["class", "images", "some of them"]
    assert [row[:2] for row in classes] == [["class 0", "40"], ["class 1", "0"], ["class 2", "20"]]
    found = pictures(shown)
    assert len(found) == 2 * SAMPLES
    of_last = np.flatnonzero(images.labels == 2)
    assert np.array_equal(found[-1], images.images[of_last[-1]][:, :, 0])
    assert np.array_equal(found[SAMPLES], images.images[of_last[0]][:, :, 0])
    for text in ("noise", "60 images · 8x8 grey · 3 classes", "30 train · 30 test", "three were resized", "f1f2"):
        assert text in words(shown)


@pytest.mark.parametrize(("side", "channels"), [(8, 1), (32, 3), (300, 3)])
def test_a_set_stays_small_whatever_its_images(side: int, channels: int) -> None:
    shown = noise(120, 24, side, channels)._repr_html_()
    assert len(shown.encode()) < 100_000
    assert len(pictures(shown)) == SAMPLES * (GALLERY - 1)  # one of the classes has none
    assert "... and 14 more classes" in words(shown)
    if side == 32:
        assert max(pictures(shown)[0].shape) >= 16


def test_names_are_no_html() -> None:
    images = noise(12, 2, name=NASTY + "{}")
    assert f"{NASTY}0" in words(images._repr_html_())
    assert NASTY in words(table(("", NASTY), [(NASTY, NASTY)]))
    assert NASTY in words(chart(NASTY, {NASTY: [(1, 0.5)]}))


def test_no_colour_is_given_to_text_or_ground(result: ComparisonResult, tmp_path: Path) -> None:
    for shown in (noise(12, 2)._repr_html_(), run_in(tmp_path / "run")._repr_html_(), result._repr_html_()):
        assert "background" not in shown and "color:" not in shown
        assert {each.attrib["fill"] for each in tree(shown).iter("svg")} <= {"currentColor"}


def test_a_run_shows_its_scores_and_how_it_learned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run = run_in(tmp_path / "runs" / "first", batch_size=7)
    shown = run._repr_html_()
    heading, *metrics = rows(shown)
    assert heading == ["", "train", "val", "test"]
    accuracy = next(row for row in metrics if row[0] == "accuracy")
    assert accuracy[1:] == [f"{run.scores(part)['accuracy']:.4f}" for part in ("train", "val", "test")]
    assert "mlp on digits" in words(shown) and "seed 0 · 4 epochs · runs/first" in words(shown)
    assert "batch_size = 7" in words(shown) and "val_fraction" not in words(shown)
    of_accuracy, of_loss = tree(shown).iter("svg")
    points = [line.attrib["points"].split() for line in of_loss.iter("polyline")]
    assert [len(each) for each in points] == [4, 4]
    heights = [float(point.split(",")[1]) for point in points[0]]
    assert heights == sorted(heights)  # the loss falls, and the page counts downwards
    assert "accuracy" in "".join(of_accuracy.itertext())


def test_a_run_that_is_not_finished_says_so(tmp_path: Path) -> None:
    run = run_in(tmp_path)
    (tmp_path / "scores.json").unlink()
    assert "4 epochs so far, not finished" in words(run._repr_html_())
    (tmp_path / "history.csv").unlink()
    assert "0 epochs so far" in words(run._repr_html_()) and "<table" not in run._repr_html_()
    (tmp_path / "settings.toml").write_text("model = <b>", encoding="utf-8")
    assert "cannot read" in words(RunRecord(tmp_path)._repr_html_())


def test_a_run_that_diverged_shows_what_is_finite(tmp_path: Path) -> None:
    run = run_in(tmp_path)
    write_history(
        tmp_path / "history.csv",
        [{"epoch": 1, "train_loss": 2.0, "train_accuracy": 0.1}, {"epoch": 2, "train_loss": float("nan")}],
    )
    assert [len(line.attrib["points"].split()) for line in tree(run._repr_html_()).iter("polyline")] == [1, 1]


def test_a_comparison_shows_its_arms_best_first_and_the_verdicts(result: ComparisonResult) -> None:
    shown = result._repr_html_()
    _, *arms = rows(shown)
    assert [row[0] for row in arms] == ["mlp", "softmax", "cnn"]
    best = result.arms[0]
    assert best.accuracy is not None
    assert arms[0][1:3] == [f"{best.accuracy.mean:.3f}", f"{best.accuracy.low:.3f} - {best.accuracy.high:.3f}"]
    assert arms[2][1:6] == ["-"] * 5
    assert result.verdicts[0].sentence in words(shown) and "mlp beats softmax" in words(shown)
    assert f"no memory {NASTY}" in words(shown)


def test_a_line_names_stand_apart() -> None:
    shown = chart("accuracy", {"train": [(1, 0.1), (2, 0.5)], "val": [(1, 0.1), (2, 0.5)]})
    heights = {"".join(each.itertext()): float(each.attrib["y"]) for each in tree(shown).iter("text")}
    assert abs(heights["train"] - heights["val"]) >= 11


def test_a_line_of_text_says_what_it_is(
    result: ComparisonResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert repr(noise(60, 3, channels=1)) == "<ImageSet noise: 60 images · 8x8 grey · 3 classes>"
    assert repr(RunRecord(tmp_path / "runs" / "first")) == f"<RunRecord {Path('runs/first')}>"
    accuracies = [arm.accuracy.mean for arm in result.arms if arm.accuracy]
    named = "mlp {:.3f}, softmax {:.3f}".format(*accuracies)
    assert repr(result) == f"<ComparisonResult digits: {named}, cnn failed>"


def test_nothing_is_shown_where_there_is_nothing() -> None:
    assert chart("loss", {"train": [], "val": [(1, float("nan"))]}) == ""
    assert figures({}) == "" == table(("a",), [])


def test_a_set_as_a_frame() -> None:
    images = load("digits", Settings())
    frame = images.to_frame()
    assert list(frame.columns) == ["id", "label", "source_split"] and len(frame) == len(images)
    assert list(frame["id"]) == list(images.ids)
    assert frame["label"].value_counts().to_dict() == {
        name: np.count_nonzero(images.labels == place) for place, name in enumerate(images.classes)
    }


def test_a_run_and_its_predictions_as_frames(tmp_path: Path) -> None:
    run = run_in(tmp_path)
    assert run.to_frame().dropna(axis=1).to_dict("records") == run.history
    predictions = read_predictions(tmp_path / "predictions.csv")
    frame = run.predictions.to_frame()
    assert list(frame.columns) == ["id", "label", "prediction", *predictions.classes]
    assert (frame["label"] == frame["prediction"]).mean() == pytest.approx(run.scores("test")["accuracy"])
    assert np.array_equal(frame[list(predictions.classes)].to_numpy(), predictions.probabilities)
