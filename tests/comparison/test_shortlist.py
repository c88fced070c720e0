"""Is the field of a search as large as its time, the most promising models first?"""

import pytest

from sadari.comparison.best.cost_model import Counts
from sadari.comparison.best.halving import time_of_round
from sadari.comparison.best.shortlist import (
    BEGUN,
    CONVOLUTIONAL,
    OTHERS,
    PRE_TRAINED,
    by_promise,
    first_field,
    passes_to_begin,
)
from sadari.comparison.request import Comparison
from sadari.models.catalog import MODELS
from support.jobs import named_arm

SMALL, PHOTOGRAPH = (28, 28, 1), (224, 224, 3)
COUNTS = Counts(1000, 200, 300)


def test_every_rung_that_learns_has_its_place() -> None:
    places = [*PRE_TRAINED, *CONVOLUTIONAL, *OTHERS]
    assert sorted(places) == sorted(spec.name for spec in MODELS if spec.layers)
    assert len(set(places)) == len(places)


def test_what_photographs_taught_comes_first_on_photographs_alone() -> None:
    names = ("logistic", "unheard-of", "fine-tune", "sprint")
    assert by_promise(names, SMALL) == ["sprint", "fine-tune", "logistic", "unheard-of"]
    assert by_promise(names, PHOTOGRAPH) == ["fine-tune", "sprint", "logistic", "unheard-of"]


def test_a_good_beginning_is_a_pass_and_fifty_steps() -> None:
    arms = tuple(
        named_arm(name, name, overrides)
        for name, overrides in (("cnn", {"batch_size": 100}), ("mlp", {"batch_size": 1}), ("logistic", {}), ("sgd", {}))
    )
    passes = passes_to_begin(Comparison("digits", arms, (0,)), COUNTS)
    assert passes == {"cnn": BEGUN / 10, "mlp": 1, "logistic": BEGUN, "sgd": 1}


def test_the_field_grows_with_the_time_and_everybody_in_it_begins_well() -> None:
    least = {"first": 3.0, "slow": 20.0, "third": 1.0, "fourth": 2.0, "fifth": 2.5}
    assert first_field(least, 0.0) == ["first"], "which has all of the time"
    assert first_field(least, 6.0) == ["first", "third"]
    assert first_field(least, 9.0) == ["first", "third", "fourth"]
    assert first_field(least, 1000.0) == list(least)
    assert first_field({}, 9.0) == []
    assert first_field(least, 40.0) == ["first", "slow"], "the more promising one, though others would be faster"
    for seconds in range(1, 200):
        field = first_field(least, seconds)
        share = time_of_round(seconds, len(field)) / len(field)
        assert len(field) == 1 or all(least[name] <= share for name in field)


@pytest.mark.parametrize("side", [8, 28, 32])
def test_images_of_the_usual_sets_are_no_photographs(side: int) -> None:
    assert by_promise(["linear-probe", "sprint"], (side, side, 3))[0] == "sprint"
