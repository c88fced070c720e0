"""Is every picture on its map, by the features that models read, with what a run says of it?"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import sadari
from sadari.data.load import load
from sadari.errors import SadariError, UsageError
from sadari.progress import Silent
from sadari.review import features
from sadari.review.data_map import make_map
from sadari.review.features import backbone_job, backbone_rows, reader_for
from sadari.run import RunRecord
from support.backbones import QUICK
from support.jobs import Listener


def test_photographs_are_read_by_the_backbone_once(photos: Path, tmp_path: Path) -> None:
    found = make_map(str(photos), QUICK, Silent())
    assert len(found.positions) == found.total == 30 and found.images.shape == (32, 32, 3)
    assert found.origin == "the features of test_resnet, a network trained on photographs"
    assert set(found.splits) == {"train", "val", "test"}
    frame = found.to_frame()
    assert list(frame.columns) == ["id", "x", "y", "class", "split", "alike"]
    assert frame["id"].tolist() == found.images.ids.tolist() and set(frame["class"]) == {"cat", "dog<b>"}
    assert "of the 12 pictures" in found.sentences[1].lower() and "mean nothing" in found.sentences[2]
    stored = sorted(np.load(each, mmap_mode="r").shape for each in (tmp_path / "cache" / "features").glob("*/*.npy"))
    assert (30, 2) in stored and len(stored) == 2  # the layout, and the features that linear-probe reads


def test_the_features_are_those_that_linear_probe_stores(photos: Path, tmp_path: Path) -> None:
    job = backbone_job(str(photos), QUICK)
    images = load(job.data, job.settings)
    positions = np.arange(30)
    assert backbone_rows(job, images, positions, Silent(), stored_only=True) is None
    run = sadari.train(photos, "linear-probe", out=tmp_path / "run", tensorboard="off", precision="float32", **QUICK)
    assert run.finished
    stored = backbone_rows(job, images, positions, Silent(), stored_only=True)
    assert stored is not None and stored.shape[0] == 30
    assert np.linalg.norm(stored, axis=1) == pytest.approx(np.ones(30), abs=1e-5)
    some = backbone_rows(job, images, positions[5:9], Silent())
    assert some is not None and np.array_equal(some, stored[5:9])


def test_a_sample_is_read_alone(photos: Path) -> None:
    found = make_map(str(photos), QUICK, Silent(), most=12)
    assert len(found.positions) == 12 and found.total == 30
    assert "12 pictures" in found.sentences[0] and "a random sample of 30" in found.sentences[0]
    assert np.bincount(found.labels).tolist() == [6, 6]


def test_small_grey_images_are_compared_by_their_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = reader_for("digits", {}, "auto", Silent())
    assert reader.job is None and reader.origin == "their pixels"
    assert reader_for("digits", {**QUICK}, "auto", Silent()).job is not None, "whoever names a backbone gets it"
    images = reader.load("digits", Silent())
    rows = reader.features(images, np.array([3, 1]), Silent())
    assert rows.shape == (2, 64) and rows.max() <= 1
    assert rows[0] == pytest.approx(np.asarray(images.images[3]).reshape(-1) / 255)
    monkeypatch.setattr(features, "MOST_VALUES", 100)
    with pytest.raises(SadariError, match="too many to compare pixel by pixel"):
        reader.features(images, np.array([3, 1]), Silent())


def test_what_a_run_got_right_and_wrong_is_on_the_map(tmp_path: Path) -> None:
    run = sadari.train("digits", "softmax", out=tmp_path / "run", epochs=1, tensorboard="off")
    found = make_map("digits", {}, Silent(), RunRecord.open(run.path))
    judged = run.predictions
    assert found.predicted is not None and (found.predicted >= 0).sum() == len(judged)
    assert int(found.wrong.sum()) == int((judged.predicted != judged.labels).sum()) > 0
    frame = found.to_frame().set_index("id").loc[judged.ids.tolist()]
    names = np.asarray(judged.classes)
    assert frame["predicted"].tolist() == names[judged.predicted].tolist()
    assert frame["probability"].to_numpy(float) == pytest.approx(judged.probabilities.max(axis=1), abs=1e-4)
    assert set(frame["split"]) == {"test"}
    assert found.sentences[-1].startswith(f"run judged {len(judged)} of these pictures and got")
    document = found.document()
    assert document["wrong"] == int(found.wrong.sum()) and document["page"] is None
    unjudged = [each for each in document["pictures"] if each["split"] != "test"]
    assert len(unjudged) == 1797 - len(judged) and {each["predicted"] for each in unjudged} == {None}


def test_bad_requests_are_one_sentence(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--features is one of auto, backbone, pixels, not 'pixel'"):
        make_map("digits", {}, Silent(), features="pixel")
    with pytest.raises(UsageError, match="--most is a number from 10 to 20,000, not 3"):
        make_map("digits", {}, Silent(), most=3)
    with pytest.raises(UsageError, match="did you mean 'image_size'"):
        make_map("digits", {"image_sise": 3}, Silent())
    run = sadari.train("digits", "softmax", out=tmp_path / "run", epochs=1, tensorboard="off")
    with pytest.raises(SadariError, match="was trained on other images than those of"):
        make_map(str(photos), QUICK, Silent(), run)
    (run.path / "scores.json").unlink()
    with pytest.raises(SadariError, match="is not finished; finish it with: sadari resume"):
        make_map("digits", {}, Silent(), RunRecord.open(run.path))


def test_python_offers_it(photos: Path, tmp_path: Path) -> None:
    page = tmp_path / "map.html"
    listener = Listener()
    found = sadari.data_map(photos, out=page, progress=listener, **QUICK)
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert isinstance(found.to_frame(), pd.DataFrame) and repr(found).startswith("<DataMap photos: 30 pictures")
