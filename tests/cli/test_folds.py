"""What does a user of `sadari compare --folds` and `--splits` see, and what of `sadari train --all-images`?"""

import json

import pytest

from sadari.errors import UsageError
from support.compare_command import typed
from support.fake_training import FakeTrainer

SUCH_SETS = "models trained on such sets"


def test_folds_print_what_is_judged_what_is_spoken_of_and_the_final_command(trainer: FakeTrainer) -> None:
    result = typed("compare", "digits", "--models", "softmax,mlp", "--folds", "2", "--epochs", "8")
    assert result.exit_code == 0, result.output
    assert [job.seed for job in trainer.calls] == [0, 1, 0, 1]
    lines = result.stdout.splitlines()
    assert lines[0].startswith("digits   718 train · 180 val · 1,797 test")
    assert lines[1].startswith(
        "  2 folds, stratified: each image judged once by a model that has not seen it (718 train"
    )
    assert f"all 1,797 images, 2 folds; {SUCH_SETS})" in result.stdout
    assert (
        "next    sadari train digits --model mlp --all-images --judged-by runs/digits-compare-1 --set epochs=8" in lines
    )


def test_splits_with_several_seeds_each_as_json(trainer: FakeTrainer) -> None:
    result = typed("compare", "digits", "--models", "softmax,mlp", "--splits", "2", "--seeds", "2", "--json")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert document["redraw"] == {"splits": 2, "seeds": 2}
    assert document["estimand"] == document["verdicts"][0]["estimand"] == SUCH_SETS
    assert document["arms"][0]["seeds"] == [0, 1, 2, 3]
    assert len(trainer.calls) == 8


def test_an_ordinary_comparison_has_three_seeds_and_says_what_it_speaks_of(trainer: FakeTrainer) -> None:
    document = json.loads(typed("compare", "digits", "--models", "softmax,mlp", "--json").stdout)
    assert document["redraw"] is None
    assert document["verdicts"][0]["estimand"] == document["estimand"] == "these models, this training set"
    assert len(trainer.calls) == 6


def test_splits_without_test_images_are_judged_by_val(trainer: FakeTrainer) -> None:
    result = typed("compare", "digits", "--models", "softmax,mlp", "--splits", "2", "--set", "test_fraction=0")
    assert result.exit_code == 0, result.output
    assert f"2 splits, 359 val images each; {SUCH_SETS})" in result.stdout
    assert "the images that chose each model's best epoch also judge it: the figures flatter" in result.stdout
    assert len(trainer.calls) == 4


@pytest.mark.usefixtures("trainer")
def test_no_final_command_is_advised_that_would_be_refused() -> None:
    result = typed("compare", "digits", "--models", "softmax,mlp", "--folds", "2", "--set", "train_fraction=0.5")
    assert result.exit_code == 0, result.output
    assert "--all-images" not in result.stdout
    assert not [line for line in result.stdout.splitlines() if line.startswith("next")]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--splits", "3", "--folds", "3"), "take one of them"),
        (("--folds", "1"), "from 2 up"),
        (("--repeats", "2"), "give --folds 5"),
        (("--folds", "3", "--ensemble"), "made on one split"),
        (("--folds", "3", "--robustness"), "one test part"),
        (("--folds", "3", "--set", "split=last"), "same each time"),
        (("--folds", "1000", "--seeds", "11"), "--seeds 11 for each of 1000 folds are 11,000"),
        (("--splits", "2", "--set", "test_fraction=0", "--set", "val_fraction=0"), "nothing judges over --splits"),
        (("--seeds", "auto", "--set", "test_fraction=0", "--set", "val_fraction=0"), "nothing decides about more"),
    ],
)
def test_what_makes_no_sense_is_refused_before_any_work(
    trainer: FakeTrainer, words: tuple[str, ...], says: str
) -> None:
    result = typed("compare", "digits", "--models", "softmax,mlp", *words)
    assert isinstance(result.exception, UsageError)
    assert says in str(result.exception)
    assert not trainer.calls


def test_a_search_for_the_best_has_one_split(trainer: FakeTrainer) -> None:
    result = typed("compare", "digits", "--models", "best", "--budget", "1m", "--folds", "3")
    assert isinstance(result.exception, UsageError)
    assert "best searches on one split" in str(result.exception)
    assert not trainer.calls


def test_more_repeats_say_how_many_runs_are_there(trainer: FakeTrainer) -> None:
    words = ("compare", "digits", "--models", "softmax", "--folds", "2")
    typed(*words)
    more = typed(*words, "--repeats", "2")
    assert "goes on: 2 runs of each model, over folds, are there" in more.stderr
    assert len(trainer.calls) == 4
