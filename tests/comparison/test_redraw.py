"""Does a comparison whose parts are drawn anew share them among its arms, go on, and say what it speaks of?"""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sadari.comparison.compare import compare
from sadari.comparison.executor import SerialExecutor
from sadari.comparison.reopen import reopen
from sadari.comparison.request import Comparison, read_stored
from sadari.comparison.result import ComparisonResult
from sadari.comparison.splits.facts import comparison_facts
from sadari.comparison.splits.redraw import Redraw, redraw_of
from sadari.comparison.study import read_study
from sadari.errors import SadariError, UsageError
from sadari.evaluation.sentences import SUCH_SETS, THESE_NETWORKS, THIS_SET
from sadari.progress import Silent
from sadari.run import RunRecord
from sadari.settings import Settings
from support.comparing import run
from support.fake_training import FakeTrainer
from support.jobs import named_arms, patterns

IMAGES = 1797  # of digits
ALL = np.arange(IMAGES)


def request(redraw: Redraw, *models: str) -> Comparison:
    arms, _ = named_arms(models or ("softmax", "mlp"), {}, {})
    return Comparison("digits", arms, redraw.all_seeds, redraw=redraw)


@pytest.fixture(scope="module")
def trainer() -> FakeTrainer:
    return FakeTrainer()


@pytest.fixture(scope="module")
def folds(tmp_path_factory: pytest.TempPathFactory, trainer: FakeTrainer) -> ComparisonResult:
    return run(request(Redraw(folds=3, repeats=2)), tmp_path_factory.mktemp("folds"), trainer)


@pytest.fixture(scope="module")
def splits(tmp_path_factory: pytest.TempPathFactory) -> ComparisonResult:
    return run(request(Redraw(splits=3)), tmp_path_factory.mktemp("splits"), FakeTrainer())


def test_arms_share_folds_and_every_image_is_judged_once_a_repeat(
    folds: ComparisonResult, trainer: FakeTrainer
) -> None:
    drawn = trainer.splits[:6]
    assert [job.seed for job in trainer.calls] == 2 * list(range(6))
    assert all(np.array_equal(one.test, other.test) for one, other in zip(drawn, trainer.splits[6:], strict=True))
    for repeat in (drawn[:3], drawn[3:]):
        assert np.array_equal(np.sort(np.concatenate([each.test for each in repeat])), ALL)
    assert (folds.out / "splits" / "5.npz").is_file()
    assert RunRecord(folds.out / "mlp-seed4").split.origin.startswith("fold 2 of 3, repeat 2: ")


def test_the_accuracy_of_folds_is_the_share_of_all_images(folds: ComparisonResult) -> None:
    [mlp] = [arm for arm in folds.arms if arm.name == "mlp"]
    whole = folds.judged("mlp")
    assert [len(each) for each in whole] == [IMAGES, IMAGES]
    assert folds.images is not None
    assert whole[0].ids.tolist() == folds.images.ids.tolist()
    assert mlp.accuracy is not None
    assert mlp.accuracy.mean == pytest.approx(np.mean([(each.predicted == each.labels).mean() for each in whole]))
    assert mlp.accuracy.low < mlp.accuracy.mean < mlp.accuracy.high
    assert mlp.scores["macro_f1"] == pytest.approx(mlp.intervals["macro_f1"].mean)
    assert folds.data.counts["test"] == IMAGES
    assert "each image judged once in each by a model that has not seen it" in folds.data.origin


def test_verdicts_say_on_what_they_rest_and_what_they_speak_of(
    folds: ComparisonResult, splits: ComparisonResult
) -> None:
    [found] = folds.verdicts
    assert f"all 1,797 images, 3 folds, 2 repeats; {SUCH_SETS})" in found.sentence
    assert found.verdict == "better"
    [over] = splits.verdicts
    assert f"3 splits, 359 test images each; {SUCH_SETS})" in over.sentence
    document = json.loads((splits.out / "comparison.json").read_text())
    assert document["redraw"] == {"splits": 3, "seeds": 1}
    assert document["estimand"] == document["verdicts"][0]["estimand"] == SUCH_SETS


@pytest.mark.parametrize(("seeds", "estimand"), [(2, THIS_SET), (1, THESE_NETWORKS)])
def test_ordinary_verdicts_say_what_they_speak_of(tmp_path: Path, seeds: int, estimand: str) -> None:
    arms, _ = named_arms(("softmax", "mlp"), {}, {})
    result = run(Comparison("digits", arms, tuple(range(seeds))), tmp_path, FakeTrainer())
    assert (result.estimand, result.verdicts[0].estimand) == (estimand, estimand)
    assert estimand in result.verdicts[0].sentence


def test_a_comparison_goes_on_with_more_splits_and_not_with_other_ones(tmp_path: Path) -> None:
    first = run(request(Redraw(splits=3)), tmp_path, FakeTrainer())
    trainer = FakeTrainer()
    more = run(request(Redraw(splits=4)), tmp_path, trainer)
    assert more.out == first.out
    assert [job.seed for job in trainer.calls] == [3, 3]
    stored = read_stored(more.out)
    assert stored is not None
    assert Redraw.of(stored) == Redraw(splits=4)
    assert first.looked.sentence == ""
    assert more.looked.sentence.startswith(
        "judged after 3 and 4 splits: so many looks call equal models different in up"
    )
    assert more.about_seeds == reopen([more.out]).about_seeds
    other = run(request(Redraw(folds=4)), tmp_path, FakeTrainer())
    assert other.out != first.out
    with pytest.raises(UsageError, match="other data, models, settings or seeds"):
        run(request(Redraw(folds=2)), tmp_path, FakeTrainer(), out=first.out)


def test_reopened_it_says_the_same(folds: ComparisonResult, splits: ComparisonResult) -> None:
    for result in (folds, splits):
        again = reopen([result.out])
        assert again.verdicts == result.verdicts
        assert again.document() == result.document()
        assert again.command == result.command


def test_its_command_makes_it_again(folds: ComparisonResult, splits: ComparisonResult) -> None:
    assert folds.command == "sadari compare digits --models softmax,mlp --folds 3 --repeats 2"
    assert splits.command == "sadari compare digits --models softmax,mlp --splits 3"


def test_a_failed_fold_fails_its_arm_and_leaves_the_other_one(tmp_path: Path) -> None:
    result = run(request(Redraw(folds=2)), tmp_path, FakeTrainer(fails={"mlp": SadariError("no room")}))
    assert [(arm.name, arm.status) for arm in result.arms] == [("softmax", "done"), ("mlp", "failed")]
    assert result.verdicts == ()


def test_several_seeds_a_fold_are_one_value(tmp_path: Path) -> None:
    result = run(request(Redraw(folds=2, seeds=2), "mlp"), tmp_path, FakeTrainer())
    assert len(result.judged("mlp")) == 2
    assert [RunRecord(result.out / f"mlp-seed{seed}").split.origin[:4] for seed in (0, 1)] == ["fold", "fold"]
    splits = [RunRecord(result.out / f"mlp-seed{seed}").split.test for seed in range(4)]
    assert np.array_equal(splits[0], splits[1])
    assert not np.array_equal(splits[1], splits[2])


def test_claims_of_a_study_are_tested_over_its_folds(tmp_path: Path) -> None:
    study = tmp_path / "study.toml"
    study.write_text(
        'data = "digits"\nfolds = 3\nclaims = ["mlp > softmax", "macro_f1(mlp) > 0.9", "mlp reaches val 0.5 within 3 '
        'epochs"]\n[[arms]]\nmodel = "mlp"\n[[arms]]\nmodel = "softmax"\n'
    )
    described = read_study(study)
    assert described.request.redraw == Redraw(folds=3)
    result = compare(
        described.request, out=tmp_path / "out", claims=described.claims, executor=SerialExecutor(FakeTrainer())
    )
    better, f1, reaches = result.claims
    assert (better.verdict, f1.verdict, reaches.verdict) == ("supported", "refuted", "not shown")
    assert better.sentence.endswith(f"3 folds; {SUCH_SETS}.")
    assert "epochs are not counted over splits drawn anew" in reaches.sentence
    assert reopen([tmp_path / "out"]).claims == result.claims
    assert "folds = 3" in result.command


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"splits": 3, "folds": 3}, "take one of them"),
        ({"splits": 1}, "from 2 up"),
        ({"repeats": 2}, "give --folds 5"),
        ({"splits": 3, "repeats": 2}, "belongs to --folds"),
        ({"folds": 5, "repeats": 0}, "from once up"),
        ({"folds": 50, "repeats": 50}, "from 2 to 1,000 times"),
    ],
)
def test_what_makes_no_sense_is_one_sentence(asked: dict[str, int], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        redraw_of(**{"splits": None, "folds": None, "repeats": None, "seeds": None, **asked})


def test_parts_that_the_source_gives_are_pooled_and_that_is_said() -> None:
    images = patterns(60)
    for given, said in ((np.array([""] * 60), False), (np.array(["train"] * 40 + ["test"] * 20), True)):
        redraw = Redraw(folds=3)
        asked, of = request(redraw, "mlp"), replace(images, source_split=given)
        facts = comparison_facts(asked, of, redraw.draw(of, Settings(), 0), Silent())
        assert facts.origin.endswith("; the splits that the source gives are pooled") is said
        assert facts.counts["test"] == 60


def test_arms_that_keep_other_shares_for_validation_are_told() -> None:
    images, redraw = patterns(60), Redraw(folds=3)
    for fractions, said in (((0.1, 0.3), True), ((0.2,), False)):
        arms, _ = named_arms(("mlp",), {"val_fraction": fractions}, {})
        asked = Comparison("digits", arms, redraw.all_seeds, redraw=redraw)
        facts = comparison_facts(asked, images, redraw.draw(images, Settings(), 0), Silent())
        found = [each for each in facts.sentences if "val_fraction" in each]
        assert bool(found) is said
        assert not said or found[0].startswith("the arms have different val_fraction (0.1, 0.3), so they learn from")


def test_copies_are_told_whichever_part_holds_them() -> None:
    images, redraw = patterns(60), Redraw(splits=2)
    pixels = np.array(images.images)
    pixels[5] = pixels[2]
    of = replace(images, images=pixels)
    facts = comparison_facts(request(redraw, "mlp"), of, redraw.draw(of, Settings(), 0), Silent())
    assert facts.leaks == 2
    assert "2 images have an identical copy, which may train where the other judges; remove all but one" in str(facts)


def test_what_needs_one_split_is_refused(tmp_path: Path) -> None:
    asked = request(Redraw(folds=3))
    with pytest.raises(UsageError, match="made on one split"):
        replace(asked, ensemble=True)
    with pytest.raises(UsageError, match="one test part"):
        compare(asked, out=tmp_path / "out", robustness=True)


def test_no_seed_for_each_draw_is_refused_as_that() -> None:
    with pytest.raises(UsageError, match="one seed at least on each of the folds, not 0"):
        Redraw(folds=3, seeds=0)


def test_folds_of_groups_say_how_many_groups_judge(tmp_path: Path) -> None:
    generator, redraw = np.random.default_rng(0), Redraw(folds=3)
    images = generator.integers(0, 256, (60, 8, 8)).astype(np.uint8)
    np.savez(tmp_path / "set.npz", X=images, y=np.arange(60) % 2, groups=np.arange(60) // 5)
    arms, _ = named_arms(("softmax", "mlp"), {}, {})
    asked = Comparison(str(tmp_path / "set.npz"), arms, redraw.all_seeds, redraw=redraw)
    result = run(asked, tmp_path, FakeTrainer())
    [verdict] = result.verdicts
    assert result.data.groups == 12 and "all 60 images in 12 groups, 3 folds; " in verdict.sentence
