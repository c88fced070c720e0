"""What is stored of a fitted estimator: in a folder, in a pickle, in the folder of its runs?"""

import copy
import json
import pickle
import tempfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import sadari
from sadari import ImageClassifier, SadariError, UsageError
from sadari.run import RunRecord
from support.estimators import IMAGES, NAMES, SHARES, pickled, quick


def test_saved_and_loaded_it_says_the_same(tmp_path: Path) -> None:
    classifier = quick(value_range=(0, 1), image_shape=(8, 8), random_state=np.random.RandomState(4)).fit(SHARES, NAMES)
    saved = classifier.save(tmp_path / "deep" / "saved")
    loaded = ImageClassifier.load(saved)
    np.testing.assert_array_equal(loaded.predict_proba(SHARES), classifier.predict_proba(SHARES))
    assert loaded.history_ == classifier.history_
    params = loaded.get_params()
    assert params["random_state"] == RunRecord.open(saved).job.seed
    assert params["value_range"] == (0, 1)
    assert {**params, "random_state": None} == {**classifier.get_params(), "random_state": None}
    again = clone(loaded).fit(SHARES, NAMES)
    np.testing.assert_array_equal(again.predict_proba(SHARES), classifier.predict_proba(SHARES))
    assert RunRecord.open(saved).summary["run"] == str(saved.resolve())


def test_what_is_saved_is_a_run_that_predicts_files(tmp_path: Path) -> None:
    classifier = quick().fit(IMAGES, NAMES)
    Image.fromarray(IMAGES[5]).save(tmp_path / "five.png")
    (answer,) = sadari.predict(classifier.save(tmp_path / "saved"), tmp_path / "five.png")
    np.testing.assert_array_equal(answer.probabilities, classifier.predict_proba(IMAGES[5:6])[0])


def test_copies_say_the_same_and_travel_as_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    classifier = quick().fit(IMAGES, NAMES)
    assert b"torch" not in pickle.dumps(classifier).replace(classifier._run.files["environment.json"], b"")
    for each in (pickled(classifier), copy.deepcopy(classifier)):
        np.testing.assert_array_equal(each.predict_proba(IMAGES), classifier.predict_proba(IMAGES))
    assert not hasattr(pickled(quick()), "classifier_")
    assert not list(tmp_path.glob("sadari-*"))


def test_runs_are_left_where_they_are_wanted(tmp_path: Path) -> None:
    classifier = quick(out=tmp_path / "runs").fit(IMAGES, NAMES)
    (folder,) = (tmp_path / "runs").iterdir()
    assert folder.name.startswith("mlp-seed0-")
    written = (folder / "scores.json").stat().st_mtime_ns
    np.testing.assert_array_equal(
        quick(out=tmp_path / "runs").fit(IMAGES, NAMES).predict_proba(IMAGES), classifier.predict_proba(IMAGES)
    )
    assert (folder / "scores.json").stat().st_mtime_ns == written
    quick(out=tmp_path / "runs").fit(IMAGES[1:], NAMES[1:])
    quick(out=tmp_path / "runs").fit(IMAGES, NAMES[::-1])
    quick(out=tmp_path / "runs", epochs=1).fit(IMAGES, NAMES)
    assert len(list((tmp_path / "runs").iterdir())) == 4


def test_a_run_that_was_stopped_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = quick(settings={"checkpoint_seconds": 0.0}).fit(IMAGES, NAMES)
    stopped = quick(out=tmp_path, settings={"checkpoint_seconds": 0.0})

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("sadari.training.results.write_predictions", killed)
        with pytest.raises(KeyboardInterrupt):
            stopped.fit(IMAGES, NAMES)
    with pytest.raises(NotFittedError):
        stopped.predict(IMAGES)
    (folder,) = tmp_path.iterdir()
    trained = RunRecord.open(folder).history
    np.testing.assert_array_equal(stopped.fit(IMAGES, NAMES).predict_proba(IMAGES), wanted.predict_proba(IMAGES))
    assert stopped.history_ == trained  # the seconds too: no epoch was trained again


def test_folders_that_cannot_be_used(tmp_path: Path) -> None:
    classifier = quick("majority").fit(IMAGES, NAMES)
    saved = classifier.save(tmp_path / "saved")
    with pytest.raises(UsageError, match="is there already; choose another folder"):
        classifier.save(saved)
    with pytest.raises(UsageError, match=r"holds no estimator\.json; name a folder that ImageClassifier.save wrote"):
        ImageClassifier.load(tmp_path)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(SadariError, match="cannot write"):
        classifier.save(tmp_path / "file" / "saved")
    document = json.loads((saved / "estimator.json").read_text())
    for broken in ({**document, "shape": [8]}, {**document, "params": {"colour": 1}}, {}):
        (saved / "estimator.json").write_text(json.dumps(broken))
        with pytest.raises(SadariError, match=r"estimator.json is damaged|does not have"):
            ImageClassifier.load(saved)


def test_a_save_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    classifier = quick("majority").fit(IMAGES, NAMES)

    def full(*_: object) -> None:
        raise SadariError("the disk is full")

    monkeypatch.setattr("sadari.estimator.persistence.write_json", full)
    with pytest.raises(SadariError, match="full"):
        classifier.save(tmp_path / "saved")
    assert not (tmp_path / "saved").exists()
