"""Does the sentence of the first screen say as much as the verdicts show, and no more?"""

from dataclasses import replace

from sadari.comparison.result import ComparisonResult
from sadari.evaluation.arms.best import Winner
from sadari.report.sentences import conclusions, verdict_sentence
from sadari.values import Interval, Verdict


def spoken(result: ComparisonResult, *words: tuple[str, str, float, str], **changes: object) -> str:
    """The sentence for these verdicts: (a, b, difference, verdict)."""
    verdicts = tuple(Verdict(a, b, d, d - 0.01, d + 0.01, 0.0004, word) for a, b, d, word in words)
    return verdict_sentence(replace(result, verdicts=verdicts, **changes))  # type: ignore[arg-type]


NO = "no difference shown"


def test_the_best_of_all_is_called_so_only_where_it_beats_all(stamped_result: ComparisonResult) -> None:
    both = (("mlp", "softmax", 0.1, "better"), ("majority", "mlp", -0.7, "worse"))
    sentence = spoken(stamped_result, *both)
    assert sentence.startswith("mlp is shown to be the best of 3: ")
    assert (
        "10.0 points more (9.0 to 11.0; p < 0.001) than softmax, the next one (these models, this training set)."
        in sentence
    )
    sentence = spoken(stamped_result, ("mlp", "softmax", 0.1, NO), both[1])
    assert sentence.startswith("mlp has the highest accuracy, ")
    assert "but no difference from softmax is shown; mlp beats majority (these models, this training set)." in sentence
    sentence = spoken(stamped_result, ("mlp", "softmax", 0.0, "equal within 0.005"), both[1])
    assert sentence.startswith("mlp and softmax share the highest accuracy")
    assert "the best of" not in sentence


def test_an_arm_that_was_shown_to_beat_the_best_with_fewer_seeds_is_named(stamped_result: ComparisonResult) -> None:
    sentence = spoken(stamped_result, ("mlp", "softmax", -0.1, "worse"), ("mlp", "majority", 0.01, NO))
    assert "softmax is shown to beat it with fewer of its seeds, and no difference from majority is shown" in sentence
    assert sentence.startswith("mlp has the highest accuracy, ") and "from softmax" not in sentence
    sentence = spoken(stamped_result, ("mlp", "softmax", -0.1, "worse"), ("mlp", "majority", 0.7, "better"))
    assert "right, but softmax is shown to beat it with fewer of its seeds; mlp beats majority (" in sentence


def test_the_sentence_knows_two_one_failed_and_none(stamped_result: ComparisonResult) -> None:
    mlp, softmax, majority = stamped_result.arms
    two = spoken(stamped_result, ("softmax", "mlp", -0.1, "worse"), arms=(mlp, softmax))
    assert two.startswith("mlp is shown to be the better of the two: ")
    assert "10.0 points more (9.0 to 11.0" in two
    one = spoken(stamped_result, arms=(mlp,))
    assert one.startswith("mlp gets 8") and "95 % interval" in one and "2 seeds" in one
    failed = replace(majority, status="failed", reason="no memory", accuracy=None)
    assert spoken(stamped_result, arms=(mlp, failed)).endswith(" majority failed and is not compared.")
    none = spoken(stamped_result, arms=(failed,))
    assert none == "No model is done, so there is nothing to compare: majority failed."


def test_one_seed_speaks_of_these_networks_only(stamped_result: ComparisonResult) -> None:
    single = tuple(replace(arm, seeds=(0,)) for arm in stamped_result.arms[:2])
    sentence = spoken(stamped_result, ("mlp", "softmax", 0.1, "better"), arms=single)
    assert sentence.endswith("; one seed each, so this is about these trained networks only.")
    assert "one trained network" in spoken(stamped_result, arms=single[:1])


def test_models_without_chance_count_as_one_network(stamped_result: ComparisonResult) -> None:
    alone = replace(stamped_result.arms[0], alike=True)
    assert spoken(stamped_result, arms=(alone,)).endswith(
        "; 2 seeds that answer alike; these models, this training set)."
    )
    assert alone.cells()[-1] == "2 alike"


def test_training_images_have_no_interval(stamped_result: ComparisonResult) -> None:
    assert stamped_result.arms[0].accuracy is not None
    mean = stamped_result.arms[0].accuracy.mean
    alone = replace(stamped_result.arms[0], accuracy=Interval(mean, 0.01, mean, mean))
    assert "interval" not in spoken(stamped_result, arms=(alone,))
    assert "-" in alone.cells()


def test_the_best_of_several_is_told_how_much_that_flatters(stamped_result: ComparisonResult) -> None:
    lucky = replace(
        stamped_result, overstated=0.0061, winner=Winner("mlp", 0.8, 0.71, 0.85, ("mlp", "softmax"), ("mlp", "softmax"))
    )
    assert lucky.flattery == (
        "The accuracy of mlp flatters, as the highest of several that are not shown apart: by 0.6 points if these are "
        "equally good; counting that, its true accuracy is in 0.710 - 0.850; choosing by validation images gains "
        "nothing of that."
    )
    assert lucky.flattery in conclusions(lucky, "")
    assert lucky.document()["best_overstated"] == 0.0061
    assert replace(lucky, overstated=0.0004).flattery == ""


def test_the_headline_says_which_arms_may_be_the_best(stamped_result: ComparisonResult) -> None:
    names = [arm.name for arm in stamped_result.arms]
    open_ = [("mlp", "softmax", 0.1, NO), ("mlp", "majority", 0.7, "better")]

    def said(*may: str, verdicts: list[tuple[str, str, float, str]] = open_) -> str:
        winner = Winner("mlp", 0.8, 0.7, 0.9, ("mlp", "softmax", "majority"), may)
        return spoken(stamped_result, *verdicts, winner=winner)

    assert said("mlp", "softmax").endswith(". mlp and softmax may be the best; majority is not.")
    open_[1] = ("mlp", "majority", 0.7, NO)  # the pairs, corrected by Holm's method, show less than all at once
    assert said("mlp", "softmax").endswith(". Tested all at once, mlp and softmax may be the best; majority is not.")
    assert said(*names).endswith(". Any of the 3 may be the best.")
    assert said("mlp").endswith(". Tested all at once, only mlp may be the best.")
    shown = [("mlp", "softmax", 0.1, "better"), ("mlp", "majority", 0.7, "better")]
    assert "may be" not in said("mlp", verdicts=shown)


def test_many_names_are_counted(stamped_result: ComparisonResult) -> None:
    mlp = stamped_result.arms[0]
    arms = [replace(mlp, name=f"m{at}", accuracy=Interval(0.9 - at / 100, 0, 0.8, 0.95)) for at in range(7)]
    verdicts = [("m0", arm.name, 0.01, NO) for arm in arms[1:]]
    assert "no difference from m1, m2, m3 and 3 others is shown" in spoken(stamped_result, *verdicts, arms=tuple(arms))


def test_the_conclusions_repeat_no_verdict(stamped_result: ComparisonResult) -> None:
    said = conclusions(stamped_result, "Beware.")
    assert [each for each in said if each != stamped_result.flattery][-3:-1] == ["Beware.", stamped_result.choice]
    assert said[-1] == stamped_result.borrowed
    assert not any(verdict.sentence in said for verdict in stamped_result.verdicts)
