"""Is the learning curve that of the runs, and does it say what twice the data would bring?"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from sadari.comparison.analysis.learning_curve import learning_curves
from sadari.comparison.compare import compare
from sadari.comparison.executor import SerialExecutor
from sadari.comparison.request import Comparison
from sadari.comparison.result import ComparisonResult
from sadari.comparison.splits.redraw import Redraw
from sadari.comparison.variants import Arm
from sadari.errors import SadariError
from sadari.evaluation.power_law import fit_power_law_of_draws
from sadari.job import Job
from sadari.progress import Progress
from sadari.run import RunRecord
from sadari.values import ImageSet, Split
from support.comparing import run
from support.fake_training import SKILLS, FakeTrainer
from support.jobs import named_arm, named_arms

FRACTIONS = ["0.25", "1", "0.1", "0.5"]


@dataclass
class Learner(FakeTrainer):
    """A stand-in for `train` with an error of 0.1 * (images / 1000) ** -0.5."""

    def __call__(
        self, job: Job, out: Path, *, images: ImageSet, split: Split, progress: Progress | None = None
    ) -> RunRecord:
        before = SKILLS[job.model.name]
        SKILLS[job.model.name] = 1 - 0.1 * (len(split.train) / 1000) ** -0.5
        try:
            return super().__call__(job, out, images=images, split=split, progress=progress)
        finally:
            SKILLS[job.model.name] = before


def made(tmp_path: Path, arms: tuple[Arm, ...], trainer: FakeTrainer | None = None, seeds: int = 3) -> ComparisonResult:
    asked = Comparison("digits", arms, tuple(range(seeds)))
    return compare(asked, runs=tmp_path / "runs", executor=SerialExecutor(trainer or Learner()))


def test_points_are_the_arms_over_the_images_that_the_runs_had(tmp_path: Path) -> None:
    result = made(tmp_path, named_arms(["mlp", "softmax"], {"train_fraction": FRACTIONS}, {})[0])
    curves = learning_curves(result)
    assert [curve.name for curve in curves] == ["mlp", "softmax"]
    rows = {row.name: row for row in result.arms}
    for curve in curves:
        assert [point.value for point in curve.points] == [116, 286, 574, 1150]
        for point in curve.points:
            assert point.accuracy == rows[point.arm].accuracy
            assert point.value == result.records[point.arm][0].summary["images"]["train"]
            assert point.loss == pytest.approx(rows[point.arm].loss)
            assert point.loss_low <= point.loss <= point.loss_high
    assert curves[0].points[0].arm == "mlp train_fraction=0.1"


def test_the_law_and_its_sentence(tmp_path: Path) -> None:
    [curve] = learning_curves(made(tmp_path, named_arms(["mlp"], {"train_fraction": FRACTIONS}, {})[0]))
    assert curve.law is not None
    gain, low, high = curve.law.gain(2)
    assert low <= 0.1 * 1.15**-0.5 * (1 - 2**-0.5) <= high
    numbers = f"{100 * gain:.1f} points ({100 * low:.1f} to {100 * high:.1f})"
    assert curve.sentence == (
        f"twice the training images (2,300) would bring mlp {numbers}, if the power law goes on; one draw of the "
        "images for each size, whose luck is not in the interval; --splits 5 counts it."
    )
    images, accuracy, least, most = curve.fitted()
    assert (images[0], images[-1]) == pytest.approx((116, 2300))
    assert (least <= accuracy).all()
    assert (accuracy <= most).all()


def test_it_stands_in_the_document(tmp_path: Path) -> None:
    result = made(tmp_path, named_arms(["mlp"], {"train_fraction": FRACTIONS}, {})[0])
    [document] = result.document()["learning_curves"]
    [curve] = learning_curves(result)
    assert curve.law is not None
    assert document["sentence"] == curve.sentence
    assert document["law"]["prediction"] == dict(
        zip(("images", "gain", "low", "high"), (2300, *curve.law.gain(2)), strict=True)
    )
    assert [point["images"] for point in document["points"]] == [116, 286, 574, 1150]
    low, high = document["law"]["b_interval"]
    assert 0 <= low <= document["law"]["b"] <= high <= 2


def test_an_arm_without_a_fraction_belongs_to_those_with_one(tmp_path: Path) -> None:
    arms = (
        named_arm("all", "mlp"),
        *(named_arm(f"part {share}", "mlp", {"train_fraction": share}) for share in (0.5, 0.25)),
    )
    [curve] = learning_curves(made(tmp_path, arms))
    assert curve.name == "mlp"
    assert [point.arm for point in curve.points] == ["part 0.25", "part 0.5", "all"]
    assert curve.law is not None


def test_another_setting_makes_another_curve(tmp_path: Path) -> None:
    varied = {"train_fraction": ["0.5", "1"], "optimizer": ["sgd", "adam"]}
    curves = learning_curves(made(tmp_path, named_arms(["mlp"], varied, {})[0], seeds=1))
    assert [curve.name for curve in curves] == ["mlp optimizer=sgd", "mlp optimizer=adam"]


def test_two_sizes_are_shown_and_not_fitted(tmp_path: Path) -> None:
    [curve] = learning_curves(made(tmp_path, named_arms(["mlp"], {"train_fraction": ["0.5", "1"]}, {})[0]))
    assert curve.law is None
    assert curve.sentence == "mlp: 2 sizes of the training set show no law; give at least 3 values of train_fraction."
    assert [len(each) for each in curve.fitted()] == [0, 0, 0, 0]
    assert curve.document()["law"] is None


def test_one_size_and_failed_arms_make_no_curve(tmp_path: Path) -> None:
    assert learning_curves(made(tmp_path, named_arms(["mlp", "softmax"], {}, {})[0])) == ()
    arms = named_arms(["mlp"], {"train_fraction": FRACTIONS}, {})[0]
    assert learning_curves(made(tmp_path, arms, Learner(fails={"mlp": SadariError("no")}))) == ()


def test_one_seed_says_so(tmp_path: Path) -> None:
    [curve] = learning_curves(made(tmp_path, named_arms(["mlp"], {"train_fraction": FRACTIONS}, {})[0], seeds=1))
    assert "; one seed each)" in curve.sentence


def test_points_off_the_law_are_said_to_be(tmp_path: Path) -> None:
    class Jumps(Learner):
        def __call__(
            self, job: Job, out: Path, *, images: ImageSet, split: Split, progress: Progress | None = None
        ) -> RunRecord:
            SKILLS["mlp"] = 0.5 if len(split.train) < 500 else 0.95
            return FakeTrainer.__call__(self, job, out, images=images, split=split, progress=progress)

    before = SKILLS["mlp"]
    try:
        [curve] = learning_curves(
            made(tmp_path, named_arms(["mlp"], {"train_fraction": [*FRACTIONS, "0.75", "0.15"]}, {})[0], Jumps())
        )
    finally:
        SKILLS["mlp"] = before
    assert curve.law is not None
    assert curve.law.misfit > 2
    assert curve.sentence.count("if the power law, which the points do not follow, goes on; ") == 1
    assert np.isfinite(curve.law.gain(2)).all()


def test_over_splits_the_luck_of_the_smaller_sets_is_in_the_interval(tmp_path: Path) -> None:
    arms, _ = named_arms(["softmax"], {"train_fraction": ["0.1", "0.3", "1"]}, {"epochs": 1})
    redraw = Redraw(splits=4, seeds=2)
    result = run(Comparison("digits", arms, redraw.all_seeds, redraw=redraw), tmp_path, FakeTrainer())
    [curve] = learning_curves(result)
    assert curve.law is not None and [point.value for point in curve.points] == [116, 344, 1150]
    gain, low, high = curve.law.gain(2)
    assert low <= gain <= high
    assert curve.sentence.endswith("the images are drawn anew in each of 4 splits, whose luck is in the interval.")
    accuracies = np.column_stack(
        [
            np.array([each.scores("test")["accuracy"] for each in result.records[point.arm]]).reshape(4, 2).mean(axis=1)
            for point in curve.points
        ]
    )
    again = fit_power_law_of_draws([116, 344, 1150], accuracies, 359)
    assert (again.a, again.b, again.c, again.gain(2)) == (curve.law.a, curve.law.b, curve.law.c, curve.law.gain(2))
