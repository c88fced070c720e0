"""Do claims about other figures than accuracy get the verdict that runs allow, and say what runs lack?"""

from dataclasses import replace

import pytest

from sadari.comparison.analysis.measuring import SPLIT_OF
from sadari.comparison.claims.claim import FIGURES as FIGURES_OF_CLAIMS
from sadari.comparison.claims.claim import SHARES
from sadari.evaluation.influence import Scale
from sadari.evaluation.metrics import METRICS
from support.made_runs import IMAGES, SEEDS, judged, runs, without_chance

FIGURES = {
    "slow": runs("slow", 0.9, loss=[0.5, 0.51, 0.52, 0.5, 0.51], seconds=[30.0, 31.0, 29.0, 30.5, 30.0], train=0.99,
                 curve=((0.5, 0.80), (0.3, 0.88), (0.2, 0.92))),
    "fast": runs("fast", 0.9, loss=[0.3, 0.31, 0.32, 0.3, 0.31], seconds=[10.0, 11.0, 9.0, 10.5, 10.0], train=0.92,
                 curve=((0.2, 0.91), (0.3, 0.90), (0.5, 0.89)), val=[0.95, 0.96, 0.95, 0.94, 0.95]),
    "blind": runs("blind", 0.9, val=None, curve=()),
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "word", "says"),
    [
        ("loss(fast) < loss(slow)", "supported", "loss of fast minus that of slow: -0.2"),
        ("loss(fast) > loss(slow)", "refuted", ""),
        ("loss(fast) = loss(slow) within 0.3", "supported", "equal within 0.3: p < 0.001"),
        ("loss(fast) = loss(slow) within 0.2", "not shown", ""),
        ("loss(fast) = loss(slow) within 0.1", "refuted", "further apart than 0.1: p < 0.001"),
        ("loss(fast) < 0.4", "supported", "against 0.4"),
        ("loss(fast) = 0.31 within 0.02", "supported", "equal within 0.02 of 0.31"),
        ("loss(fast) = 0.304 within 0.001", "not shown", ""),
        ("seconds(slow) > seconds(fast)", "supported", "seconds of training"),
        ("gap(slow) > gap(fast)", "supported", "points"),
        ("train_accuracy(slow) > 0.98", "supported", ""),
        ("drop(fast) > 0.02", "supported", "drop from validation"),
        ("turn(slow) > turn(fast)", "supported", "epoch of the least validation loss of slow minus that of fast: +2"),
        ("rise(slow) < rise(fast)", "supported", "-1.5"),
        ("fast reaches val 0.90 within 1 epoch", "not shown", "0.9100 (0.8907 to 0.9262)"),
        ("fast reaches val 0.88 within 1 epoch", "supported", "5 of 5 seeds reach it"),
        ("slow reaches val 0.90 within 2 epochs", "refuted", "0 of 5 seeds reach it"),
        ("slow reaches val 0.90 within 3 epochs", "supported", "within 3 epochs: 0.9200"),
        ("blind reaches val 0.9 within 2 epochs", "not shown", "blind has no validation images"),
        ("drop(blind) > 0", "not shown", "blind has no drop"),
        ("turn(blind) > turn(fast)", "not shown", "blind has no turn"),
        ("argmin(loss over arms) = fast", "not shown", "of blind"),
        ("argmax(seconds over arms) = slow", "supported", "seconds of training of slow minus that of"),
    ],
)
def test_other_figures_get_the_verdict_they_allow(text: str, word: str, says: str) -> None:
    [found] = judged(text, FIGURES)
    assert found.verdict == word, found.sentence
    assert says in found.sentence


def test_a_figure_that_is_no_number_shows_nothing() -> None:
    arms = {"a": runs("a", 0.9, loss=[float("nan")] * SEEDS), "b": runs("b", 0.9)}
    [found] = judged("loss(a) > loss(b)", arms)
    assert (found.verdict, found.findings) == ("not shown", ())


@pytest.mark.parametrize(
    "figure", ["macro_f1", "macro_recall", "macro_precision", "balanced_accuracy", "weighted_f1", "drop", "gap"]
)
def test_one_image_of_thirty_decides_nothing_of_models_without_chance(figure: str) -> None:
    arms = {"a": without_chance("a", range(24, 30), 30), "b": without_chance("b", [3, *range(24, 30)], 30)}
    [found] = judged(f"{figure}(a) > {figure}(b)", arms)
    assert found.verdict == "not shown", found.sentence
    [finding] = found.findings
    assert finding.low < 0 < finding.high and finding.p > 0.05
    assert found.sentence.count("p = ") == 1


@pytest.mark.parametrize("figure", ["macro_f1", "calibration_error", "loss", "drop"])
def test_models_that_say_the_same_differ_in_nothing(figure: str) -> None:
    arms = {name: without_chance(name, range(24, 30), 30) for name in ("a", "b")}
    [found] = judged(f"{figure}(a) > {figure}(b)", arms)
    assert (found.verdict, found.findings[0].p) == ("not shown", 1.0)


@pytest.mark.parametrize("figure", ["accuracy", "macro_f1", "drop"])
def test_seeds_that_change_nothing_are_one_network(figure: str) -> None:
    alike = {name: without_chance(name, wrong, IMAGES) for name, wrong in (("a", [1]), ("b", [3, 4]))}
    arms = {**alike, "c": runs("c", 0.9, seeds=3)}
    two, one, mixed = judged([f"{figure}(a) > {figure}(b)", f"{figure}(a) > 0.1", "a > c"], arms)
    assert mixed.sentence.endswith("; 3 seeds; these models, this training set.")
    assert two.sentence.endswith("; 3 seeds that answer alike; these models, this training set.")
    assert one.sentence.endswith("; 3 seeds that answer alike; these models, this training set.")


def test_what_is_right_on_val_is_paired_where_it_is_stored_and_said_where_it_is_not() -> None:
    """Two models that differ on 12 of 1,000 val images: paired that is evidence, from their shares alone it is none."""
    arms = {"a": without_chance("a", [], 2000), "b": without_chance("b", [], 2000, val=range(12))}
    [paired] = judged("val_accuracy(a) > val_accuracy(b)", arms)
    [lost] = judged("drop(a) > drop(b)", arms)
    val = {"a": 0.9, "b": 0.8988}
    old = {name: [replace(run, correct_val=None, val=val[name]) for run in of] for name, of in arms.items()}
    [widest] = judged("val_accuracy(a) > val_accuracy(b)", old)
    assert (paired.verdict, lost.verdict, widest.verdict) == ("supported", "supported", "not shown")
    assert widest.sentence.endswith(
        "do not store which images of val or train were right, so that the interval is at its widest."
    )
    assert "do not store" not in paired.sentence + lost.sentence


def test_every_metric_and_every_figure_of_images_can_be_claimed() -> None:
    for name in (*METRICS.names(), *SPLIT_OF):
        assert name in FIGURES_OF_CLAIMS
    assert {name for name in SHARES if name in METRICS} == {each.name for each in METRICS if each.scale is Scale.SHARE}


def test_where_val_judges_nothing_is_lost_from_val() -> None:
    arms = {name: runs(name, 0.9) for name in ("a", "b")}
    judges = {"judged_on": "val", "scores": {"val": {"accuracy": 0.9}, "train": {"accuracy": 0.9}}}
    for each in arms["a"] + arms["b"]:
        object.__setattr__(each, "changed", judges)
    lost, same = judged(["drop(a) > 0", "val_accuracy(a) > 0.8"], arms)
    assert lost.verdict == "not shown" and "a has no drop" in lost.sentence
    assert same.verdict == "supported"


def test_epochs_that_were_not_trained_refute_nothing() -> None:
    [said] = judged("slow reaches val 0.99 within 50 epochs", FIGURES)
    assert said.verdict == "not shown"
    assert "only 3 of 50 epochs were trained" in said.sentence


def test_a_question_that_too_few_epochs_answer_is_one_of_the_family() -> None:
    asked = "loss(fast) < 0.4"
    [alone] = judged(asked, FIGURES)
    beside, unfinished = judged([asked, "slow reaches val 0.9201 within 50 epochs"], FIGURES)
    assert unfinished.verdict == "not shown" and len(unfinished.findings) == 1
    assert beside.findings[0].p == 2 * alone.findings[0].p
    [held] = judged("slow reaches val 0.5 within 50 epochs", FIGURES)
    assert held.verdict == "supported"


def test_seconds_of_different_numbers_of_threads_are_not_compared() -> None:
    slow = [replace(each, had=2) for each in FIGURES["slow"]]
    records = {"fast": FIGURES["fast"], "slow": slow, "mixed": [*FIGURES["fast"], *slow]}
    claims = ["seconds(slow) > seconds(fast)", "seconds(mixed) > 1", "seconds(slow) > 1", "loss(fast) < loss(slow)"]
    different, mixed, alike, loss = judged(claims, records)
    assert different.verdict == mixed.verdict == "not shown"
    assert "slow and fast had as many threads; train them in a new folder with --workers 1" in different.sentence
    assert alike.verdict == loss.verdict == "supported"
