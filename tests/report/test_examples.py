"""Are the pictures behind a cell, the worst mistakes and the hardest images those that the seeds predicted?"""

import numpy as np

from sadari.report.contents import Example
from sadari.report.examples import PER_CELL, Agreement, ArmPredictions, cells, mistakes
from sadari.values import Predictions


def predictions_of(labels: list[int], *seeds: list[list[float]]) -> ArmPredictions:
    """From the probabilities of each seed, one row per image."""
    classes = tuple("abc"[: len(seeds[0][0])])
    ids = np.array([str(at) for at in range(len(labels))])
    return ArmPredictions.of(
        [Predictions(ids, np.array(labels), np.array(rows, dtype=np.float32), classes, 0.0) for rows in seeds]
    )


def test_a_cell_holds_the_images_that_any_seed_puts_there_with_how_many_do() -> None:
    first = [[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]]
    second = [[0.7, 0.3], [0.6, 0.4], [0.1, 0.9]]
    found = cells(predictions_of([0, 0, 1], first, second), most=100)
    assert found["0,0"].shown == (Example(1, 0, 0.4, 1), Example(0, 0, 0.8, 2))  # the least sure first
    assert found["0,1"].shown == (Example(1, 1, 0.6, 1),)
    assert found["1,1"].shown == (Example(2, 1, 0.8, 2),)
    assert {name: cell.images for name, cell in found.items()} == {"0,0": 2, "0,1": 1, "1,1": 1}


def test_wrong_cells_show_the_surest_and_say_how_many_there_are() -> None:
    sure = np.linspace(0.6, 0.9, 2 * PER_CELL)
    found = cells(predictions_of([0] * len(sure), [[1 - each, each] for each in sure]), most=100)["0,1"]
    assert found.images == 2 * PER_CELL
    assert [each.picture for each in found.shown] == list(range(2 * PER_CELL - 1, PER_CELL - 1, -1))


def test_few_pictures_go_to_the_largest_cells_first_without_leaving_the_others_out() -> None:
    probabilities = [[0.1, 0.9, 0.0]] * 10 + [[0.1, 0.0, 0.9]] * 2
    found = cells(predictions_of([0] * 12, probabilities), most=6)
    assert {name: len(cell.shown) for name, cell in found.items()} == {"0,1": 4, "0,2": 2}
    assert {name: cell.images for name, cell in found.items()} == {"0,1": 10, "0,2": 2}


def test_the_worst_mistakes_are_wrong_and_sure() -> None:
    arm = predictions_of([0, 0, 1, 1], [[0.1, 0.9], [0.4, 0.6], [0.0, 1.0], [0.8, 0.2]])
    assert mistakes(arm) == (Example(0, 1, 0.9, 1), Example(3, 0, 0.8, 1), Example(1, 1, 0.6, 1))


def test_the_hardest_images_are_wrong_in_every_run_of_every_arm_that_looks() -> None:
    labels = [0, 0, 1, 1]
    one = predictions_of(labels, [[0.1, 0.9], [0.4, 0.6], [0.0, 1.0], [0.8, 0.2]])
    other = predictions_of(labels, [[0.2, 0.8], [0.9, 0.1], [0.0, 1.0], [0.7, 0.3]])
    majority = predictions_of(labels, [[0.9, 0.1]] * 4)  # right of image 0, without a look at it
    agreement = Agreement()
    for each in (majority, one, other):
        agreement.add(each)
    shown, count = agreement.hardest()
    assert count == 2
    assert shown == (Example(0, 1, 0.85, 2), Example(3, 0, 0.75, 2))
    nobody = Agreement()
    nobody.add(majority)
    assert nobody.hardest() == ((), 0)
