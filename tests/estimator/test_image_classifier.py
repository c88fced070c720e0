"""Is every model of Sadari a scikit-learn classifier of images?"""

import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score

import sadari
from sadari import ImageClassifier
from sadari.run import RunRecord
from sadari.settings import Value
from support.estimators import IMAGES, NAMES, pickled, quick


def test_it_learns_and_answers_with_the_labels_it_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    classifier = quick().fit(IMAGES[:200], NAMES[:200])
    assert classifier.classes_.tolist() == [f"digit {each}" for each in range(10)]
    assert classifier.n_features_in_ == 64
    assert 0.7 < classifier.score(IMAGES[200:], NAMES[200:]) < 1
    probabilities = classifier.predict_proba(IMAGES[200:])
    assert probabilities.dtype == np.float32
    assert np.array_equal(classifier.classes_[probabilities.argmax(axis=1)], classifier.predict(IMAGES[200:]))
    assert [row["epoch"] for row in classifier.history_] == [1, 2, 3, 4]
    assert not list(tmp_path.glob("sadari-*"))


def test_it_is_the_model_that_train_makes(tmp_path: Path) -> None:
    np.savez(tmp_path / "set.npz", X=IMAGES, y=NAMES)
    run = sadari.train(
        tmp_path / "set.npz", "cnn", out=tmp_path / "run", seed=3, epochs=2, batch_size=32, test_fraction=0.0
    )
    classifier = quick("cnn", epochs=2, random_state=3).fit(IMAGES, NAMES)
    judged = run.predictions
    positions = judged.ids.astype(np.int64)
    # It answers by a prepared network, whose roundings are others than those of the network that judged.
    np.testing.assert_allclose(classifier.predict_proba(IMAGES)[positions], judged.probabilities, rtol=0, atol=5e-6)


def test_an_int_gives_the_same_model_and_none_another_one() -> None:
    first, same, other = (quick(epochs=1, random_state=each).fit(IMAGES, NAMES) for each in (1, 1, None))
    assert np.array_equal(first.predict_proba(IMAGES), same.predict_proba(IMAGES))
    assert not np.array_equal(first.predict_proba(IMAGES), other.predict_proba(IMAGES))


@pytest.mark.parametrize(
    "labels", [np.array([3, 9]), np.array([-1.0, 2.0]), np.array([False, True]), np.array(["no", "yes"], dtype=object)]
)
def test_labels_of_every_kind_come_back(labels: NDArray[Any], tmp_path: Path) -> None:
    y = labels[np.arange(40) % 2]
    classifier = quick("majority").fit(IMAGES[:40], y)
    loaded = ImageClassifier.load(classifier.save(tmp_path / "saved"))
    for each in (classifier, loaded):
        assert each.classes_.dtype == labels.dtype
        assert each.predict(IMAGES[:2]).dtype == labels.dtype
        assert each.classes_.tolist() == labels.tolist()


def test_without_validation_all_images_train(tmp_path: Path) -> None:
    for fraction, val in ((0, 0), (0.1, 30), (None, 60)):
        saved = quick("majority", validation_fraction=fraction).fit(IMAGES, NAMES).save(tmp_path / str(fraction))
        assert RunRecord.open(saved).summary["images"] == {"train": 300 - val, "val": val, "test": 0}


def test_arguments_reach_the_run_and_nothing_else_is_set(tmp_path: Path) -> None:
    searched = {"epochs": np.int64(1), "learning_rate": np.float64(0.02), "optimizer": np.str_("sgd")}
    others: dict[str, Value] = {"dropout": 0.25, "schedule": "cosine", "restore_best": False}
    classifier = ImageClassifier("lstm", augment="shift 0.1", patience=2, settings=others).set_params(**searched)
    job = RunRecord.open(classifier.fit(IMAGES[:60], NAMES[:60]).save(tmp_path / "saved")).job
    settings = job.settings
    assert (job.model, job.variables) == ("lstm", {"dropout": 0.25})
    assert (settings.epochs, settings.optimizer, settings.learning_rate) == (1, "sgd", 0.02)
    assert (settings.augment, settings.patience, settings.schedule) == ("shift 0.1", 2, "cosine")
    assert (settings.restore_best, settings.batch_size, settings.val_fraction) == (False, 128, 0.2)


def test_the_threads_of_the_process_are_left_alone() -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        classifier = quick("majority", settings={"threads": 1}).fit(IMAGES, NAMES)
        pickled(classifier)
        assert torch.get_num_threads() == 2
        with ThreadPoolExecutor(1) as another:  # torch remembers beside OpenMP what a new thread begins with
            assert another.submit(torch.get_num_threads).result() == 2
    finally:
        torch.set_num_threads(before)


def test_a_search_compares_models_and_settings() -> None:
    grid = {"model": ["majority", "mlp"], "settings": [None, {"scaling": "channel"}], "epochs": [2]}
    search = GridSearchCV(quick(), grid, cv=2, error_score="raise").fit(IMAGES, NAMES)
    assert search.best_params_["model"] == "mlp"
    assert search.best_score_ > 0.4
    assert search.predict(IMAGES[:1]).shape == (1,)


def test_clones_and_parameters() -> None:
    classifier = quick(settings={"scaling": "channel"})
    copied = clone(classifier.fit(IMAGES, NAMES))
    assert copied.get_params() == classifier.get_params()
    assert not hasattr(copied, "classes_")
    assert copied.set_params(epochs=2).epochs == 2


@pytest.mark.slow
def test_folds_in_processes_side_by_side() -> None:
    one, two = (cross_val_score(quick(epochs=1), IMAGES, NAMES, cv=2, n_jobs=each) for each in (None, 2))
    np.testing.assert_array_equal(one, two)


def test_the_logarithm_of_probabilities() -> None:
    classifier = quick("majority").fit(IMAGES, NAMES)
    shares = classifier.predict_proba(IMAGES[:5])
    found = classifier.predict_log_proba(IMAGES[:5])
    assert found.dtype == np.float32 and np.isneginf(found[shares == 0]).all()
    np.testing.assert_allclose(np.exp(found), shares, rtol=1e-6)
