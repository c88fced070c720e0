"""Does a finished model judge its own images as before, and other ones by the names of their classes?"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sadari.errors import SadariError, UsageError
from sadari.evaluation.metrics import score
from sadari.inference.evaluate import evaluate, judge
from sadari.training.train import train
from sadari.values import SPLITS
from support.jobs import DROPPED, arrays_file, job_for, network_file, parts, patterns

CLASSICAL = ("majority", "logistic", "sgd")


@pytest.mark.parametrize("model", [*CLASSICAL, DROPPED])
@pytest.mark.parametrize("split_name", SPLITS)
def test_evaluating_again_gives_the_stored_scores(model: str, split_name: str, tmp_path: Path) -> None:
    data = arrays_file(tmp_path, patterns())
    job = job_for(model if model in CLASSICAL else network_file(tmp_path, model), data=data)
    run = train(job, tmp_path / "run")
    again = evaluate(run, split_name=split_name)
    assert score(again).values == pytest.approx(run.scores(split_name), abs=1e-6)
    if split_name == "test":
        assert np.allclose(again.probabilities, run.predictions.probabilities, atol=1e-6)
        assert again.ids.tolist() == run.predictions.ids.tolist()


def test_other_images_are_matched_by_the_names_of_their_classes(tmp_path: Path) -> None:
    images = patterns()
    run = train(job_for("logistic", data=arrays_file(tmp_path, images)), tmp_path / "run")
    turned = replace(images, labels=2 - images.labels, classes=images.classes[::-1])
    other = evaluate(run, arrays_file(tmp_path, turned, "turned.npz"))
    assert other.classes == images.classes
    assert score(other).values == pytest.approx(run.scores("test"), abs=1e-6)
    fewer = replace(images, labels=np.minimum(images.labels, 1), classes=("b", "a"))
    assert evaluate(run, arrays_file(tmp_path, fewer, "fewer.npz")).classes == ("a", "b", "c")
    strange = replace(images, classes=("a", "b", "zebra"))
    with pytest.raises(SadariError, match="has the class 'zebra', which the model does not know"):
        evaluate(run, arrays_file(tmp_path, strange, "strange.npz"))


def test_parts_that_are_not_there_are_named(tmp_path: Path) -> None:
    images = patterns()
    split = replace(parts(images), test=np.array([], dtype=np.int64))
    run = train(job_for("majority", data="digits"), tmp_path / "run", split=split)
    assert run.summary["judged_on"] == "val"
    assert run.summary["scores"]["test"] is None
    assert run.scores("test") == {}
    with pytest.raises(UsageError, match="there are no test images in 'digits'; choose another --split"):
        evaluate(run)
    with pytest.raises(UsageError, match="--split is one of train, val, test, not 'tset'"):
        evaluate(run, split_name="tset")


def test_training_images_in_another_set_are_counted_and_left_out(tmp_path: Path) -> None:
    images = patterns()
    run = train(job_for("logistic", data=arrays_file(tmp_path, images)), tmp_path / "run")
    pixels, labels = patterns(seed=9).images[:].copy(), images.labels.copy()
    trained = run.split.train[:7]
    pixels[75:82], labels[75:82] = images.images[trained], images.labels[trained]
    mixed = arrays_file(tmp_path, replace(images, images=pixels, labels=labels), "mixed.npz")
    judged = judge(run, mixed)  # its test split: the last 20
    assert judged.seen is not None and np.flatnonzero(judged.seen).tolist() == list(range(5, 12))
    assert judged.unseen is not None and len(judged.unseen) == 13
    right = judged.predictions.predicted == judged.predictions.labels
    assert score(judged.unseen).values["accuracy"] == pytest.approx(right[~judged.seen].mean())
    pixels[70:], labels[70:] = images.images[run.split.train[:20]], images.labels[run.split.train[:20]]
    nothing_new = judge(run, arrays_file(tmp_path, replace(images, images=pixels, labels=labels), "again.npz"))
    assert nothing_new.seen is not None and nothing_new.seen.all() and nothing_new.unseen is None
    assert judge(run).seen is None
    (tmp_path / "set.npz").unlink()
    unknown = judge(run, mixed)
    assert unknown.seen is None and "its training images may be among these" in unknown.note


def test_a_class_that_is_not_judged_may_be_unknown(tmp_path: Path) -> None:
    images = patterns()
    run = train(job_for("logistic", data=arrays_file(tmp_path, images)), tmp_path / "run")
    in_train = np.arange(len(images)) < 50
    other = replace(images, labels=np.where(in_train, images.labels, images.labels % 2), classes=("a", "b", "zebra"))
    data = arrays_file(tmp_path, other, "other.npz")
    assert len(evaluate(run, data)) == 20
    with pytest.raises(SadariError, match="zebra"):
        evaluate(run, data, "train")
    single = replace(images, labels=images.labels * 0, classes=("b",))
    assert set(evaluate(run, arrays_file(tmp_path, single, "single.npz")).labels) == {1}
