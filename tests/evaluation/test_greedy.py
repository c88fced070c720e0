"""Does greedy selection find the bag that a naive loop finds, and is it never worse than the best model?"""

from math import log

import numpy as np
import pytest
from numpy.typing import NDArray

from sadari.evaluation.greedy import LEAST_GAIN, MOST_IN_BAG, choose_members
from sadari.evaluation.metrics import LEAST_PROBABILITY

Library = dict[str, NDArray[np.float64]]


def library(seed: int, models: int = 5, images: int = 30) -> Library:
    generator = np.random.default_rng(seed)
    return {f"model{number}": generator.beta(1 + number, 1, images) for number in range(models)}


def loss(found: dict[str, int], of_truth: Library) -> float:
    """The log loss of the average, image by image."""
    total, images = sum(found.values()), len(next(iter(of_truth.values())))
    losses = []
    for image in range(images):
        share = sum(count * float(of_truth[name][image]) for name, count in found.items()) / total
        losses.append(-log(min(max(share, LEAST_PROBABILITY), 1.0)))
    return sum(losses) / images


def naive(of_truth: Library) -> dict[str, int]:
    """The reference: the same choice by nothing but loops over dictionaries, every bag judged anew."""

    def counted(bag: list[str]) -> dict[str, int]:
        return {name: bag.count(name) for name in sorted(of_truth) if name in bag}

    def of(bag: list[str]) -> float:
        return loss(counted(bag), of_truth)

    order = sorted(sorted(of_truth), key=lambda name: of([name]))[:MOST_IN_BAG]
    bag = min((order[:count] for count in range(1, len(order) + 1)), key=of)
    best = list(bag)
    while len(bag) < MOST_IN_BAG:
        bag = min(([*bag, name] for name in sorted(of_truth)), key=of)
        if of(bag) < of(best) - LEAST_GAIN:
            best = list(bag)
    return counted(best)


@pytest.mark.parametrize("seed", range(4))
def test_it_finds_what_a_naive_loop_finds(seed: int) -> None:
    models = library(seed, models=4, images=12)
    assert choose_members(models) == naive(models)


@pytest.mark.parametrize("seed", range(8))
def test_it_is_never_worse_than_the_best_model_nor_than_the_average_of_all(seed: int) -> None:
    models = library(seed)
    found = loss(choose_members(models), models)
    assert found <= min(loss({name: 1}, models) for name in models) + 1e-12
    assert found <= loss(dict.fromkeys(models, 1), models) + 1e-12


@pytest.mark.parametrize("seed", range(4))
def test_the_order_of_the_models_makes_no_difference(seed: int) -> None:
    models = library(seed)
    names = list(np.random.default_rng(seed).permutation(list(models)))
    again = choose_members({str(name): models[str(name)] for name in names})
    assert again == choose_members(models) and list(again) == sorted(again)


def test_an_example_by_hand() -> None:
    # Alone a: ln 2 + 0.105 over 2, b the same, c worse. Half of each: -ln 0.7 = 0.357 of every image; a alone 0.399.
    a, b, c = np.array([0.9, 0.5]), np.array([0.5, 0.9]), np.array([0.1, 0.1])
    assert choose_members({"a": a, "b": b, "c": c}) == {"a": 1, "b": 1}


def test_a_model_alone_and_equal_models_are_taken_once() -> None:
    only = np.array([0.4, 0.8])
    assert choose_members({"only": only}) == {"only": 1}
    assert choose_members({"z": only, "b": only}) == {"b": 1}


def test_weights_are_finer_than_halves_where_that_is_better() -> None:
    strong, weak = np.array([0.9, 0.9, 0.9, 0.05]), np.array([0.4, 0.4, 0.4, 0.9])
    found = choose_members({"strong": strong, "weak": weak})
    assert found["strong"] > found["weak"] > 0


def test_impossible_true_classes_cost_no_infinity() -> None:
    assert choose_members({"sure": np.array([0.0, 1.0]), "fair": np.array([0.5, 0.5])})["fair"] > 0


@pytest.mark.parametrize("models", [{}, {"a": np.array([])}, {"a": np.ones(2), "b": np.ones(3)}])
def test_nothing_to_choose_from_is_refused(models: Library) -> None:
    with pytest.raises(ValueError):
        choose_members(models)
