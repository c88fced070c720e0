"""Does an exported file predict as its run does, by the same command, and without torch?"""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

import sadari as public
from sadari.deploy.onnx_runtime import KNOWN_SCORE, OnnxModel
from sadari.errors import SadariError, UsageError
from sadari.run import RunRecord
from support.loaded import loaded_by, typed
from support.server import png
from support.terminal import Terminal

CHECKED = (np.indices((8, 8)).sum(axis=0) % 2 * 255).astype(np.uint8)[..., None]  # no digit


@pytest.fixture(scope="module")
def file(digits_run: RunRecord, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return public.export(digits_run.path, out=tmp_path_factory.mktemp("exported") / "digits.onnx").path


@pytest.fixture(scope="module")
def pictures(digits_run: RunRecord, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with seventy digits, more than a pass has, one picture that is no digit, and one that is no image."""
    folder = tmp_path_factory.mktemp("pictures")
    images = public.load("digits")
    shown: list[NDArray[np.uint8]] = [np.asarray(each) for each in images.images[digits_run.split.test[:70]]]
    for number, each in enumerate([*shown, CHECKED]):
        (folder / f"{number:02}.png").write_bytes(png(each))
    (folder / "broken.png").write_bytes(b"none")
    return folder


def lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def test_the_answers_are_those_of_the_run(sadari: Terminal, file: Path, pictures: Path, digits_run: RunRecord) -> None:
    theirs = sadari("predict", digits_run.path, pictures, "--json", "--top", "10")
    mine = sadari("predict", file, pictures, "--json", "--top", "10")
    assert (mine.status, theirs.status) == (1, 1)  # for the broken one
    pairs = list(zip(lines(mine.out), lines(theirs.out), strict=True))
    assert len(pairs) == 72
    for here, there in pairs:
        assert (here["file"], here.get("label"), here.get("error")) == (
            there["file"], there.get("label"), there.get("error"),
        )  # fmt: skip
        assert here.get("probability") == pytest.approx(there.get("probability"), abs=1e-5)
    table = sadari("predict", file, pictures / "00.png")
    assert table.out == sadari("predict", digits_run.path, pictures / "00.png").out


def test_no_torch_is_loaded(file: Path, pictures: Path) -> None:
    command = typed("predict", str(file), str(pictures / "00.png"), "--json", "--abstain", "--coverage", "0.95")
    assert loaded_by(command, {"torch", "onnxruntime", "scipy", "matplotlib"}) == {"onnxruntime"}


def test_sets_are_those_of_the_thresholds_that_the_file_states(
    file: Path, pictures: Path, digits_run: RunRecord
) -> None:
    found, expected = (public.predict(each, pictures, coverage=0.95) for each in (file, digits_run.path))
    assert [each.set for each in found] == [each.set for each in expected]
    assert len({len(each.set or ()) for each in found}) > 1
    with pytest.raises(UsageError, match=r"does not state the coverage 0.5, but those of: 0.8, 0.9, 0.95, 0.99; name"):
        public.predict(file, pictures, coverage=0.5)
    with pytest.raises(UsageError, match=r"does not state thresholds of each class, but those of: 0.8"):
        public.predict(file, pictures, coverage=0.9, classwise=True)
    with pytest.raises(UsageError, match=r"coverage is a share between 0 and 1"):
        public.predict(file, pictures, coverage=1.5)


def test_what_is_none_of_the_classes_is_told_as_by_the_run(
    sadari: Terminal, file: Path, pictures: Path, digits_run: RunRecord
) -> None:
    found, expected = (public.predict(each, pictures, abstain=0.95) for each in (file, digits_run.path))
    assert [each.known for each in found] == [each.known for each in expected]
    assert {each.known for each in found} == {True, False, None}
    assert [each.score is None for each in found] == [each.score is None for each in expected]
    ours, theirs = ([each.score for each in of if each.score is not None] for of in (found, expected))
    assert ours == pytest.approx(theirs, rel=1e-3, abs=1e-2)
    assert "none of these" in sadari("predict", file, pictures / "70.png", "--abstain").out
    refused = sadari("predict", file, pictures, "--abstain", "--keep", "0.9")
    assert refused.status == 2
    assert "decides by mahalanobis, to keep 0.95 of known images; name the run for others" in refused.err
    with pytest.raises(UsageError, match="decides by mahalanobis"):
        public.predict(file, pictures, abstain=0.95, unknown_score="energy")


def test_large_images_are_refused_as_asked(file: Path, tmp_path: Path) -> None:
    (tmp_path / "large.png").write_bytes(png(np.zeros((1200, 1000, 1), dtype=np.uint8)))
    (taken,) = public.predict(file, tmp_path / "large.png")
    assert taken.label
    (refused,) = public.predict(file, tmp_path / "large.png", max_megapixels=1)
    assert "over the limit of 1,000,000" in refused.reason


def altered(file: Path, to: Path, **entries: str | None) -> Path:
    """Write the file with other metadata; None: without an entry."""
    model = onnx.load(file)
    kept = {each.key: each.value for each in model.metadata_props} | entries
    del model.metadata_props[:]
    for key, value in kept.items():
        if value is not None:
            entry = model.metadata_props.add()
            entry.key, entry.value = key, value
    onnx.save(model, to)
    return to


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({"classes": None}, "'classes'"),
        ({"classes": "[]"}, "it has no classes"),
        ({"classes": "3"}, "not iterable"),
        ({"shape": "[8, 8]"}, "not enough values"),
        ({"shape": "[8, 8, 2]"}, "it reads images of 8 x 8 x 2"),
        ({"fit": "stretch"}, "it resizes images in a way that is not known"),
        ({"white_level": "white"}, "invalid literal"),
        ({KNOWN_SCORE: "[1]"}, "must be integers"),
        ({KNOWN_SCORE: '{"score": "energy"}'}, "'threshold'"),
        ({KNOWN_SCORE: '{"score": "energy", "threshold": "1", "kept": 0.9}'}, "no threshold of known images"),
    ],
)
def test_a_file_that_is_not_ours_is_one_sentence(
    entries: dict[str, str | None], said: str, file: Path, tmp_path: Path
) -> None:
    other = altered(file, tmp_path / "other.onnx", **entries)
    with pytest.raises(SadariError, match=r"does not say which classes and pixels it has .*; name a file that") as told:
        OnnxModel.open(other)
    assert said in str(told.value)


def test_a_file_without_a_score_of_known_images_cannot_abstain(file: Path, pictures: Path, tmp_path: Path) -> None:
    other = altered(file, tmp_path / "other.onnx", **{KNOWN_SCORE: None, "coverage_thresholds": None})
    assert public.predict(other, pictures / "00.png")[0].label
    with pytest.raises(UsageError, match="does not say which images are known; export a run that stores it"):
        public.predict(other, pictures, abstain=0.95)
    with pytest.raises(UsageError, match=r"does not state the coverage 0\.9, but those of: none"):
        public.predict(other, pictures, coverage=0.9)


def test_what_is_no_model_is_one_sentence(sadari: Terminal, tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("no model")
    answer = sadari("predict", "text.onnx", "photo.png")
    assert answer.status == 1
    assert answer.err.startswith("error: onnxruntime cannot run 'text.onnx' (")
    assert "; name a whole file that `sadari export` made" in answer.err
    missing = sadari("predict", "missing.onnx", "photo.png")
    assert missing.status == 2
    assert "there is no model in 'missing.onnx'" in missing.err


def test_without_onnxruntime_the_sentence_says_how_to_get_it(
    sadari: Terminal, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    answer = sadari("predict", file, "photo.png")
    assert answer.status == 1
    assert "running an ONNX file needs the package onnxruntime, which is not installed" in answer.err
