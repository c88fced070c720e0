"""Is the luck of the winner as large as it is said to be?"""

from math import pi, sqrt

import numpy as np
import pytest

from sadari.evaluation.selection import highest_of_equals, overstated
from sadari.evaluation.statistics import verdicts
from support.predictions import correct_rows


def test_one_arm_has_no_luck_in_being_the_best() -> None:
    assert highest_of_equals([]) == highest_of_equals([correct_rows([90], 100)]) == 0.0


def test_arms_that_answer_alike_lift_no_one() -> None:
    arm = correct_rows([900], 1000)
    assert highest_of_equals([arm] * 5) == pytest.approx(0.0, abs=1e-9)


def test_two_independent_arms_gain_what_two_normals_do() -> None:
    generator = np.random.default_rng(0)
    arms = [generator.random((1, 20_000)) < 0.9 for _ in range(2)]
    assert highest_of_equals(arms) == pytest.approx(sqrt(0.09 / 20_000 / pi), rel=0.06)


def test_seeds_that_differ_add_to_the_luck() -> None:
    """Simulated: the mean lead of the best of four equal arms over its truth, 2 seeds on 500 images."""
    generator = np.random.default_rng(1)
    said, gained = [], []
    for _ in range(150):
        abilities = 0.9 + 0.01 * generator.standard_normal((4, 2, 1))
        arms = list(generator.random((4, 2, 500)) < abilities)
        said.append(highest_of_equals(arms))
        gained.append(max(arm.mean() for arm in arms) - 0.9)
    assert np.mean(said) == pytest.approx(np.mean(gained), rel=0.25)


def test_arms_that_are_shown_to_be_worse_lift_no_one() -> None:
    arms = {"best": correct_rows([930], 1000), "near": correct_rows([928], 1000), "far": correct_rows([500], 1000)}
    judged = verdicts([*arms.items()])
    assert overstated(arms, judged) == highest_of_equals([arms["best"], arms["near"]])
    assert overstated({"best": arms["best"], "far": arms["far"]}, judged) == overstated({}, []) == 0.0


def test_arms_of_one_accuracy_lift_no_one() -> None:
    """Each is wrong on other images; that would lift the best of them, if one were above the others."""
    arms = {"one": correct_rows([900], 1000), "other": correct_rows([900], 1000)[:, ::-1]}
    assert highest_of_equals([*arms.values()]) > 0.001
    assert overstated(arms, verdicts([*arms.items()])) == 0.0


def test_a_single_group_says_nothing_of_luck() -> None:
    arms = [correct_rows([6, 5], 12), correct_rows([5], 12)]
    assert highest_of_equals(arms) > 0.01
    assert highest_of_equals(arms, np.zeros(12, dtype=np.int64)) == 0.0
