"""Do the sentences about learning curves follow from the curves, and not from their noise?"""

from typing import Any

import numpy as np
import pytest

from sadari.comparison.analysis.curves import Course
from sadari.comparison.analysis.diagnosis import (
    NEITHER,
    OVER,
    UNDER,
    UNKNOWN,
    Diagnosis,
    diagnose,
    mean_curve,
    rise_after_turn,
    turning_epoch,
)

EPOCHS = 12
FALLING = np.linspace(1.0, 0.4, EPOCHS)
TURNING = np.concatenate([np.linspace(1.0, 0.4, 5), np.linspace(0.43, 0.6, EPOCHS - 5)])
FLAT = np.concatenate([np.linspace(1.0, 0.4, 5), np.full(EPOCHS - 5, 0.4)])
LEARNING = np.linspace(0.9, 0.1, EPOCHS)  # what the training loss does


def history(
    val: Any, train: Any = LEARNING, val_accuracy: Any = None, train_accuracy: float = 0.9
) -> list[dict[str, float]]:
    """Make the history of one seed; its validation accuracy is 0.8 unless given."""
    accuracy = np.full(len(val), 0.8) if val_accuracy is None else val_accuracy
    rows = zip(val, train[: len(val)], accuracy, strict=True)
    return [
        {
            "epoch": epoch,
            "train_loss": float(t),
            "train_accuracy": train_accuracy,
            "val_loss": float(v),
            "val_accuracy": float(a),
        }
        for epoch, (v, t, a) in enumerate(rows, start=1)
    ]


def seeds(val: Any, count: int = 3, wiggle: float = 0.005, **columns: Any) -> list[list[dict[str, float]]]:
    generator = np.random.default_rng(0)
    return [history(np.asarray(val) + generator.normal(0, wiggle, len(val)), **columns) for _ in range(count)]


def test_over_fitting_is_told_with_its_numbers() -> None:
    accuracy = np.concatenate([np.linspace(0.5, 0.8, 5), np.linspace(0.802, 0.82, EPOCHS - 5)])
    found = diagnose("cnn", seeds(TURNING, val_accuracy=accuracy), train_accuracy=0.99, val_accuracy=0.82)
    assert (found.verdict, found.turn, found.epochs, found.seeds) == (OVER, 5, EPOCHS, 3)
    assert found.turned and not found.falling and found.training_fell
    assert found.rise == pytest.approx(0.5, abs=0.03)
    assert found.gained == pytest.approx(0.02)
    assert found.gap == pytest.approx(0.17)
    assert (found.more_epochs, found.more_data) == (False, True)
    course, advice = found.sentences
    assert course.startswith("cnn over-fits: its validation loss turned after epoch 5 of 12 and ended ")
    assert course.endswith(
        "% higher, while its training loss fell on; validation accuracy gained 2.0 points after that."
    )
    assert advice == (
        "More epochs would buy accuracy with worse probabilities; more images, augmentation or dropout might help: "
        "it errs on 1.0 % of its own training images and on 18.0 % of the validation images."
    )


def test_without_a_gain_more_epochs_are_said_not_to_help() -> None:
    generator = np.random.default_rng(1)
    accuracy = [0.8 + generator.normal(0, 0.01, EPOCHS) for _ in range(3)]
    found = diagnose("cnn", [history(TURNING, val_accuracy=each) for each in accuracy])
    assert found.verdict == OVER and not found.gain_shown
    assert "no change of validation accuracy is shown since (" in found.sentences[0]
    assert found.sentences[1].startswith("More epochs would not help; ")


def test_a_loss_of_accuracy_is_called_one() -> None:
    lower = np.concatenate([np.full(5, 0.8), np.linspace(0.795, 0.77, EPOCHS - 5)])
    [course, _] = diagnose("cnn", seeds(TURNING, val_accuracy=lower)).sentences
    assert "; validation accuracy lost 3.0 points after that." in course


def test_a_curve_that_still_falls_asks_for_more_epochs() -> None:
    found = diagnose("cnn", seeds(FALLING), train_accuracy=0.7, val_accuracy=0.69)
    assert (found.verdict, found.more_epochs, found.more_data) == (UNDER, True, False)
    assert found.fall == pytest.approx(1 - 0.4 / FALLING[-4], abs=0.02)
    assert found.sentences == (
        "cnn still gains: its validation loss fell by 29 % over the last 3 epochs of 12.",
        "More epochs are worth trying; it under-fits so far: it errs on 30.0 % of its own training images and on "
        "31.0 % of the validation images.",
    )


def test_one_may_need_both_more_epochs_and_more_data() -> None:
    found = diagnose("cnn", seeds(FALLING), train_accuracy=0.99, val_accuracy=0.85)
    assert (found.verdict, found.more_epochs, found.more_data) == (NEITHER, True, True)
    assert "are worth trying, and so are more images, augmentation or dropout" in found.sentences[1]


def test_a_model_too_small_for_its_own_images_under_fits() -> None:
    found = diagnose("mlp", seeds(FLAT), train_accuracy=0.8, val_accuracy=0.79)
    assert (found.verdict, found.more_epochs, found.more_data) == (UNDER, False, False)
    assert "so a larger network would help more than epochs or images" in found.sentences[1]


def test_a_gap_without_a_turn_asks_for_data() -> None:
    found = diagnose("mlp", seeds(FLAT), train_accuracy=0.98, val_accuracy=0.9)
    assert (found.verdict, found.more_epochs, found.more_data) == (NEITHER, False, True)
    assert found.sentences[0].startswith("mlp has levelled off: ")
    assert "more images, augmentation or dropout might help" in found.sentences[1]


@pytest.mark.parametrize(
    ("train", "val", "verdict", "more_data"),
    [
        (0.955, 0.912, NEITHER, True),  # fits its own images well enough, though it errs on them more than on the gap
        (0.955, 0.950, NEITHER, False),
        (0.940, 0.890, UNDER, False),
        (0.940, 0.870, NEITHER, True),
        (0.900, 0.950, UNDER, False),  # dropout and augmentation can make training look worse than validation
    ],
)
def test_errors_on_its_own_images_and_on_others_decide(train: float, val: float, verdict: str, more_data: bool) -> None:
    found = diagnose("cnn", seeds(FLAT), train_accuracy=train, val_accuracy=val)
    assert (found.verdict, found.more_data) == (verdict, more_data)


def test_a_model_that_has_learned_all_there_is_needs_nothing() -> None:
    found = diagnose("mlp", seeds(FLAT), train_accuracy=0.995, val_accuracy=0.99)
    assert (found.verdict, found.more_epochs, found.more_data) == (NEITHER, False, False)
    assert found.sentences[1].startswith("Neither more epochs nor more images promise much")


def test_training_that_grows_worse_itself_is_not_called_over_fitting() -> None:
    found = diagnose("cnn", seeds(TURNING, train=TURNING))
    assert found.verdict == NEITHER and found.turned
    assert "grows worse on its own training images too" in found.sentences[0]
    assert found.sentences[1] == "That is unstable training; a lower learning_rate is worth trying."


def test_what_is_augmented_already_is_not_told_to_begin() -> None:
    found = diagnose("cnn", seeds(TURNING), augmented=True)
    assert "more images, stronger augmentation or dropout" in found.sentences[1]


@pytest.mark.parametrize("val", [FALLING, TURNING, FLAT])
def test_classical_models_have_their_own_words(val: Any) -> None:
    for accuracies in ((0.8, 0.79), (0.99, 0.9), (0.995, 0.993)):
        found = diagnose("sgd", seeds(val), by_gradient=False, train_accuracy=accuracies[0], val_accuracy=accuracies[1])
        said = " ".join(found.sentences)
        assert "pass" in said and "passs" not in said
        for word in ("epoch", "network", "augmentation", "dropout", "learning_rate"):
            assert word not in said
    assert "stronger penalty" in diagnose("sgd", seeds(TURNING), by_gradient=False).sentences[1]


def test_a_single_pass_is_judged_by_its_accuracies_alone() -> None:
    found = diagnose("majority", seeds([2.3]), by_gradient=False, train_accuracy=0.1, val_accuracy=0.1)
    assert (found.turn, found.verdict) == (None, UNDER)
    [said] = found.sentences
    assert said.startswith("majority under-fits: it errs on 90.0 %")


def test_neighbours_among_features_do_not_under_fit() -> None:
    found = diagnose("knn", seeds([0.4]), by_gradient=False, on_features=True, train_accuracy=0.88, val_accuracy=0.87)
    assert (found.verdict, found.turn) == (NEITHER, None)
    [said] = found.sentences
    assert said == (
        "knn errs on 12.0 % of its own training images and on 13.0 % of the validation images; the features of another "
        "backbone, or a backbone that is trained further, might help."
    )


def test_a_class_layer_on_features_is_told_of_other_features_and_not_of_pixels() -> None:
    found = diagnose(
        "linear-probe", seeds(FLAT), by_gradient=False, on_features=True, train_accuracy=0.8, val_accuracy=0.79
    )
    assert found.verdict == UNDER
    assert (
        "so the features of another backbone, or a backbone that is trained further, would help" in found.sentences[1]
    )
    assert "pixels" not in " ".join(found.sentences)


def test_a_fall_that_is_hardly_worth_its_passes_is_no_gain() -> None:
    slow = np.concatenate([np.linspace(1.0, 0.30, 44), np.linspace(0.30, 0.2968, 14)])  # 1 % in the last 14 of 58
    train = np.linspace(0.9, 0.1, len(slow))
    found = diagnose("logistic", [history(slow, train)], by_gradient=False, train_accuracy=0.99, val_accuracy=0.95)
    assert not found.more_epochs
    assert "still gains" not in " ".join(found.sentences)
    tiny = np.concatenate([np.linspace(1.0, 0.010, 44), np.linspace(0.010, 0.004, 14)])  # 60 %, of next to nothing
    assert not diagnose("logistic", [history(tiny, train)], by_gradient=False).falling


def test_without_validation_nothing_is_claimed() -> None:
    rows = [{"epoch": 1.0, "train_loss": 1.0, "train_accuracy": 0.5}, {"epoch": 2.0, "train_loss": 0.5}]
    found = diagnose("cnn", [rows, rows], train_accuracy=0.9)
    assert found == Diagnosis("cnn", True, False, 2, 2)
    assert (found.verdict, found.more_epochs, found.more_data) == (UNKNOWN, False, False)
    assert found.sentences == ("cnn was trained without validation images, so its curves cannot show over-fitting.",)
    assert diagnose("cnn", []).sentences == ()


def test_without_the_kept_weights_the_last_epoch_is_judged() -> None:
    found = diagnose("cnn", seeds(FLAT, train_accuracy=0.95))
    assert found.train_accuracy == pytest.approx(0.95)
    assert found.gap == pytest.approx(0.15)


def test_seeds_that_stopped_early_shorten_the_judgement() -> None:
    found = diagnose("cnn", [*seeds(TURNING, count=2), history(TURNING[:8])])
    assert found.epochs == 8
    assert found.rise == pytest.approx(TURNING[7] / 0.4 - 1, abs=0.03)


# noise


def share(draw: Any, times: int = 300) -> float:
    generator = np.random.default_rng(3)
    return float(np.mean([draw(generator) for _ in range(times)]))


@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("noise", [0.03, 0.1])
def test_wiggles_of_a_levelled_curve_are_seldom_called_a_movement(count: int, noise: float) -> None:
    def drawn(generator: np.random.Generator) -> Course:
        of_seed = generator.normal(0, 0.05, (count, 1))  # seeds that differ throughout say nothing about epochs
        return Course(FLAT + of_seed + generator.normal(0, 0.4 * noise, (count, EPOCHS)))

    assert share(lambda generator: drawn(generator).turned) <= 0.05
    assert share(lambda generator: drawn(generator).falling) <= 0.10  # 5 %, and what a flat half lends to a single seed


@pytest.mark.parametrize("epochs", [12, 30])
def test_a_loss_that_wanders_is_seldom_called_a_turn(epochs: int) -> None:
    """The noise of one epoch is four fifths that of the one before; neighbours alone show too little of it."""
    level = np.concatenate([np.linspace(1.0, 0.4, epochs // 3), np.full(epochs - epochs // 3, 0.4)])

    def turned(generator: np.random.Generator) -> bool:
        noise = 0.04 * generator.standard_normal(epochs)
        for epoch in range(1, epochs):
            noise[epoch] = 0.8 * noise[epoch - 1] + 0.6 * noise[epoch]
        return Course((level + noise)[None]).turned

    assert share(turned, 150) <= 0.12  # 16 and 35 % by neighbours alone


def test_one_seed_is_not_sure_to_over_fit() -> None:
    [course, _] = diagnose("cnn", seeds(TURNING, count=1)).sentences
    assert course.startswith("cnn seems to over-fit: its validation loss turned after epoch 5 of 12 and ended ")
    assert course.endswith("; of one seed, whose loss may also wander: more seeds would tell.")


@pytest.mark.parametrize("count", [1, 2, 5])
def test_real_movements_are_seen(count: int) -> None:
    def seen(curve: Any, word: str) -> float:
        return share(
            lambda generator: getattr(Course(curve + generator.normal(0, 0.01, (count, EPOCHS))), word), times=100
        )

    assert seen(TURNING, "turned") > 0.95
    assert seen(FALLING, "falling") > 0.95


def test_what_only_one_seed_does_is_no_turn() -> None:
    others = [history(FLAT + 0.001 * np.sin(np.arange(EPOCHS) + phase)) for phase in (0, 1, 2, 3)]
    spiked = FLAT.copy()
    spiked[-1] = 0.7
    found = diagnose("cnn", [history(spiked), *others])
    assert found.rise is not None and found.rise > 0.1
    assert not found.turned
    assert "too little, or too noisy, to call it a turn" in found.sentences[0]


def test_seeds_that_all_say_the_same_are_one_curve() -> None:
    wiggly = 0.8 + 0.02 * np.sin(3 * np.arange(EPOCHS))
    alone = diagnose("logistic", [history(TURNING, val_accuracy=wiggly)])
    repeated = diagnose("logistic", [history(TURNING, val_accuracy=wiggly)] * 3)
    assert repeated.turned and not repeated.gain_shown
    assert (alone.turned, alone.gain_shown) == (repeated.turned, repeated.gain_shown)


def test_a_sure_but_small_rise_is_no_turn() -> None:
    assert not diagnose("cnn", seeds(np.where(np.arange(EPOCHS) < 4, 0.40, 0.41), wiggle=1e-6)).turned  # 2.5 %
    assert not diagnose("cnn", seeds(np.where(np.arange(EPOCHS) < 4, 0.002, 0.004), wiggle=1e-6)).turned  # 0.002 nats


def test_a_single_seed_of_few_epochs_is_not_said_to_turn() -> None:
    assert not diagnose("cnn", [history([2.0, 1.0, 5.0])]).turned
    assert diagnose("cnn", seeds([2.0, 1.0, 5.0])).turned


def test_two_epochs_of_one_seed_may_still_gain() -> None:
    assert diagnose("cnn", [history([2.0, 1.0])]).falling
    assert not diagnose("cnn", [history([2.0, 1.99])]).falling


# figures


def test_a_seed_by_itself() -> None:
    assert turning_epoch(history([3.0, 1.0, 2.0])) == 2
    assert rise_after_turn(history([3.0, 1.0, 2.5])) == pytest.approx(1.5)
    assert (turning_epoch(history([3.0, 2.0, 1.0])), rise_after_turn(history([3.0, 2.0, 1.0]))) == (3, 0.0)
    assert rise_after_turn(history([0.0, 0.0])) == 0.0
    assert turning_epoch([{"epoch": 1.0}]) is None
    assert rise_after_turn([{"epoch": 1.0}]) is None


def test_the_mean_is_over_the_epochs_that_all_seeds_have() -> None:
    assert mean_curve([history([3.0, 1.0, 2.0]), history([1.0, 2.0])], "val_loss").tolist() == [2.0, 1.5]
    assert mean_curve([history([3.0]), [{"epoch": 1.0}]], "val_loss").tolist() == []
    assert mean_curve([], "val_loss").tolist() == []


@pytest.mark.parametrize("losses", [[1.0, 3.0, 5.0], [2.0, 1.0, 0.96], [0.4]])
def test_a_few_epochs_of_one_seed_tell_nothing(losses: list[float]) -> None:
    found = diagnose("cnn", [history(np.array(losses))], train_accuracy=0.8, val_accuracy=0.7)
    said = " ".join(found.sentences)
    assert "So far it errs on 20.0 %" in said
    assert "levelled off" not in said
    assert "would" not in said
    assert len(losses) == 1 or "too few epochs of one seed" in said
