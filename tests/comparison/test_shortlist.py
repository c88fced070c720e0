"""Is the shortlist of a search as long as its time allows, the most promising models first?"""

import pytest

from sadari.comparison.best.cost_model import Counts
from sadari.comparison.best.halving import time_of_round
from sadari.comparison.best.shortlist import (
    CONVOLUTIONAL,
    OTHERS,
    PRE_TRAINED,
    STEPS_TO_BEGIN,
    first_round,
    most_promising_first,
    passes_to_begin,
)
from sadari.comparison.request import Comparison
from sadari.models.catalog import MODELS
from support.jobs import named_arm

SMALL, PHOTOGRAPH = (28, 28, 1), (224, 224, 3)
COUNTS = Counts(1000, 200, 300)


def test_every_model_that_learns_has_its_place() -> None:
    places = [*PRE_TRAINED, *CONVOLUTIONAL, *OTHERS]
    assert sorted(places) == sorted(spec.name for spec in MODELS if spec.layers)
    assert len(set(places)) == len(places)


def test_what_photographs_taught_comes_first_on_photographs_alone() -> None:
    names = ("logistic", "unheard-of", "fine-tune", "sprint")
    assert most_promising_first(names, SMALL) == ["sprint", "fine-tune", "logistic", "unheard-of"]
    assert most_promising_first(names, PHOTOGRAPH) == ["fine-tune", "sprint", "logistic", "unheard-of"]


def test_an_augmented_arm_is_behind_its_model_and_knn_is_ahead_of_what_reads_images_often() -> None:
    names = ("fine-tune augmented", "cnn augmented", "knn", "cnn", "fine-tune", "linear-probe")
    wanted = ["linear-probe", "knn", "fine-tune", "fine-tune augmented", "cnn", "cnn augmented"]
    assert most_promising_first(names, PHOTOGRAPH) == wanted


def test_a_good_beginning_is_a_pass_and_fifty_steps() -> None:
    arms = tuple(
        named_arm(name, name, overrides)
        for name, overrides in (("cnn", {"batch_size": 100}), ("mlp", {"batch_size": 1}), ("logistic", {}), ("sgd", {}))
    )
    passes = passes_to_begin(Comparison("digits", arms, (0,)), COUNTS)
    assert passes == {"cnn": STEPS_TO_BEGIN / 10, "mlp": 1, "logistic": STEPS_TO_BEGIN, "sgd": 1}


def test_the_shortlist_grows_with_the_time_and_every_model_in_it_begins_well() -> None:
    least = {"first": 3.0, "slow": 20.0, "third": 1.0, "fourth": 2.0, "fifth": 2.5}
    assert first_round(least, 0.0) == ["first"], "which has all of the time"
    assert first_round(least, 6.0) == ["first", "third"]
    assert first_round(least, 9.0) == ["first", "third", "fourth"]
    assert first_round(least, 1000.0) == list(least)
    assert first_round({}, 9.0) == []
    assert first_round(least, 40.0) == ["first", "slow"], "the more promising one, though others would be faster"
    for seconds in range(1, 200):
        chosen = first_round(least, seconds)
        share = time_of_round(seconds, len(chosen)) / len(chosen)
        assert len(chosen) == 1 or all(least[name] <= share for name in chosen)


@pytest.mark.parametrize("side", [8, 28, 32])
def test_images_of_the_usual_sets_are_no_photographs(side: int) -> None:
    assert most_promising_first(["linear-probe", "sprint"], (side, side, 3))[0] == "sprint"
