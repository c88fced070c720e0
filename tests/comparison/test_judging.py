"""Does a claim get the verdict that the runs behind it allow, and no more?"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from sadari.comparison.analysis.measuring import SPLIT_OF
from sadari.comparison.arm_result import DONE, FAILED, ArmResult
from sadari.comparison.claims.claim import FIGURES as FIGURES_OF_CLAIMS
from sadari.comparison.claims.claim import SHARES
from sadari.comparison.claims.judging import judge_claims
from sadari.comparison.claims.parse import parse_claim
from sadari.comparison.claims.verdict import ClaimVerdict
from sadari.evaluation.influence import Scale
from sadari.evaluation.metrics import METRICS
from sadari.evaluation.statistics import verdict
from sadari.run import RunRecord
from sadari.values import Answers, Predictions, Split

IMAGES = 2000
SEEDS = 5


@dataclass(frozen=True)
class MadeRun(RunRecord):
    """A run whose files are values. correct: which images it classified correctly."""

    correct: NDArray[np.bool_] = field(default_factory=lambda: np.ones(IMAGES, dtype=bool))
    correct_val: NDArray[np.bool_] | None = None
    loss: float = 0.3
    seconds: float = 10.0
    train: float = 0.95
    val: float | None = 0.9
    had: int = 1  # threads
    changed: Mapping[str, Any] = field(default_factory=dict)  # of the summary
    curve: tuple[tuple[float, float], ...] = ((0.5, 0.8), (0.4, 0.9))  # val_loss, val_accuracy

    @property
    def answers(self) -> Answers:
        count = len(self.correct)
        said = np.where(self.correct, 0, 1)
        return Answers(np.arange(count).astype(str), np.zeros(count, dtype=np.int64), said, ("a", "b"))

    @property
    def predictions(self) -> Predictions:
        """Return probabilities whose log loss is about `loss`, a little more or less by image."""
        own = np.exp(-self.loss * (1 + 0.1 * np.cos(np.arange(len(self.correct)))))
        answers = self.answers
        probabilities = np.column_stack([own, 1 - own]).astype(np.float32)
        return Predictions(answers.ids, answers.labels, probabilities, answers.classes, 1.0)

    @property
    def split(self) -> Split:
        return Split(np.arange(5000), np.arange(5000, 6000), np.arange(6000, 8000), "made for a test")

    def correct_on(self, split_name: str) -> NDArray[np.bool_] | None:
        return self.correct_val if split_name == "val" else None

    @property
    def summary(self) -> dict[str, Any]:
        judged = {"accuracy": float(self.correct.mean()), "loss": self.loss, "macro_f1": 0.5}
        val = None if self.val is None else {"accuracy": self.val}
        scores = {"train": {"accuracy": self.train}, "val": val, "test": judged}
        return {
            "judged_on": "test",
            "scores": scores,
            "seconds": {"train": self.seconds},
            "images": {"train": 5000, "val": 1000},
            **self.changed,
        }

    @property
    def threads(self) -> int:
        return self.had

    @property
    def history(self) -> list[dict[str, float]]:
        return [
            {"epoch": epoch, "val_loss": loss, "val_accuracy": accuracy}
            for epoch, (loss, accuracy) in enumerate(self.curve, start=1)
        ]


def runs(name: str, accuracy: float, seeds: int = SEEDS, **figures: Any) -> list[MadeRun]:
    """Make runs of about `accuracy`, a little more or less by seed, correct on mostly the same images."""
    made = []
    for seed in range(seeds):
        right = round((accuracy + 0.002 * (seed - (seeds - 1) / 2)) * IMAGES)
        correct = np.roll(np.arange(IMAGES) < right, 3 * seed)
        of_seed = {key: value[seed] if isinstance(value, list) else value for key, value in figures.items()}
        made.append(MadeRun(Path(f"{name}-{seed}"), correct=correct, **of_seed))
    return made


def arm(name: str, records: Sequence[RunRecord], reason: str = "") -> ArmResult:
    return ArmResult(
        name=name, model=name, settings={}, status=FAILED if reason else DONE, reason=reason, params=1,
        seeds=tuple(range(len(records))), accuracy=None, val_accuracy=None, train_accuracy=None, gap=None,
        macro_f1=None, loss=None, seconds=None, images_per_second=None, runs=(), alike=_are_alike(records),
    )  # fmt: skip


def _are_alike(records: Sequence[RunRecord]) -> bool:
    """Return whether these made-up runs, which have no probabilities, stand for one network."""
    return len(records) > 1 and bool(np.all([each.answers.correct == records[0].answers.correct for each in records]))


def judged(
    texts: str | Sequence[str], records: Mapping[str, Sequence[RunRecord]], failed: Mapping[str, str] | None = None
) -> tuple[ClaimVerdict, ...]:
    listed = [texts] if isinstance(texts, str) else texts
    claims = [parse_claim(text, list(records)) for text in listed]
    arms = [arm(name, found, (failed or {}).get(name, "")) for name, found in records.items()]
    return judge_claims(claims, arms, records)


THREE = {"low": runs("low", 0.80), "high": runs("high", 0.90), "twin": runs("twin", 0.8999)}


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("high > low", "supported"),
        ("low < high", "supported"),
        ("low > high", "refuted"),
        ("high < low", "refuted"),
        ("high > twin", "not shown"),
        ("twin > high", "not shown"),
        ("high > low within 0.05", "supported"),
        ("low < high within 0.05", "supported"),
        ("high > twin within 0.02", "refuted"),  # equal within what counts
        ("high < twin within 0.02", "refuted"),
        ("high > low within 0.2", "refuted"),  # better, but by less than what counts
        ("high > low within 0.1", "not shown"),  # as much as what counts
        ("low < high within 0.1", "not shown"),
        ("low > high within 0.05", "refuted"),
        ("high > 0.8 within 0.05", "supported"),
        ("high > 0.8 within 0.1", "not shown"),
        ("high > 0.8 within 0.15", "refuted"),
        ("low < 0.9 within 0.05", "supported"),
        ("low < 0.9 within 0.15", "refuted"),
        ("high > 0.95 within 0.2", "refuted"),  # a bound above 1, where no accuracy is
        ("high >= low", "supported"),
        ("low >= high", "refuted"),
        ("low <= high", "supported"),
        ("high >= twin", "not shown"),
        ("twin >= high within 0.02", "supported"),
        ("high <= twin within 0.02", "supported"),
        ("low >= high within 0.02", "refuted"),
        ("low >= high within 0.1", "not shown"),
        ("high = twin within 0.02", "supported"),
        ("high = twin within 0.0001", "not shown"),
        ("high = low within 0.02", "refuted"),
        ("high = low within 0.1", "not shown"),
        ("high >= 0.8", "supported"),
        ("high > 0.8", "supported"),
        ("high < 0.8", "refuted"),
        ("high >= 0.95", "refuted"),
        ("high >= 0.9", "not shown"),
        ("high >= 0.9 within 0.05", "supported"),
        ("high = 0.9 within 0.05", "supported"),
        ("high = 0.5 within 0.05", "refuted"),
        ("low >= 0.01 within 0.5", "supported"),  # a bound below 0, where no accuracy is
        ("argmax(accuracy over arms) = low", "refuted"),
        ("argmin(accuracy over arms) = low", "supported"),
        ("argmax(accuracy over arms) = high", "not shown"),  # its twin stands in the way
    ],
)
def test_accuracies_get_the_verdict_they_allow(text: str, word: str) -> None:
    [found] = judged(text, THREE)
    assert (found.claim, found.verdict) == (text, word)
    assert found.sentence.endswith("5 seeds; these models, this training set.")


def test_the_numbers_are_those_of_the_statistics() -> None:
    [found] = judged("high > low", THREE)
    high, low = (np.stack([run.correct for run in THREE[name]]) for name in ("high", "low"))
    known = verdict("high", high, "low", low)
    [finding] = found.findings
    assert (finding.value, finding.low, finding.high, finding.p) == (known.difference, known.low, known.high, known.p)
    points = f"{100 * known.difference:+.1f} points ({100 * known.low:+.1f} to {100 * known.high:+.1f})"
    assert (
        found.sentence
        == f"accuracy of high minus that of low: {points}; p < 0.001; 5 seeds; these models, this training set."
    )


def test_all_p_of_a_study_are_corrected_together_each_question_once() -> None:
    twins = {"a": runs("a", 0.9), "b": runs("b", 0.9035), "c": runs("c", 0.9001)}
    [alone] = judged("b > a", twins)
    again, turned, other = judged(["b > a", "a < b", "c > a"], twins)
    assert 0 < alone.findings[0].p < 0.5
    assert again.findings[0].p == pytest.approx(
        2 * alone.findings[0].p
    )  # two questions, the smaller p of which is this
    assert turned.findings[0].p == again.findings[0].p
    assert other.findings[0].p >= again.findings[0].p


def test_better_by_more_than_a_margin_is_one_question_against_the_margin() -> None:
    [found] = judged("high > low within 0.05", THREE)
    [turned] = judged("low < high within 0.05", THREE)
    [finding] = found.findings
    assert (finding.bound, finding.margin) == (0.05, None)
    assert turned.findings[0].bound == -0.05
    assert "; p < 0.001 against 5 points; 5 seeds; these models, this training set." in found.sentence
    assert "; p < 0.001 against -5 points; 5 seeds; these models, this training set." in turned.sentence


def test_a_difference_below_the_margin_is_seldom_said_to_be_above_it() -> None:
    """Check 200 comparisons of 5 seeds whose true difference is 0.018 where 0.02 counts as none."""
    generator, words = np.random.default_rng(0), Counter[str]()
    for _ in range(200):
        hard = generator.random((2, IMAGES))
        made = {
            name: [
                MadeRun(Path(f"{name}{seed}"), correct=(hard[0] if seed % 2 else hard[1]) < share + noise)
                for seed, noise in enumerate(generator.normal(0, 0.002, 4))
            ]
            for name, share in (("a", 0.959), ("b", 0.941))
        }
        words[judged("a > b within 0.02", made)[0].verdict] += 1
    assert words["supported"] <= 0.05 * 200 + 3 * (200 * 0.05 * 0.95) ** 0.5


def test_equality_is_two_one_sided_tests() -> None:
    [found] = judged("high = twin within 0.02", THREE)
    [other] = judged("high >= twin within 0.02", THREE)
    assert found.findings[0].p == pytest.approx(other.findings[0].p / 2, rel=0.2)  # the nearer end, one side of it
    [wide] = judged("high = low within 0.05", THREE)
    [side] = judged("high > low", {**THREE, "low": THREE["low"]})
    assert wide.verdict == "refuted"
    assert wide.findings[0].p > side.findings[0].p


def test_correction_takes_a_verdict_back() -> None:
    """Check that a p of 0.03 among many questions shows nothing."""
    arms = {f"arm{number}": runs(f"arm{number}", 0.90 + 0.0005 * number) for number in range(12)}
    pairs = [f"arm{number} > arm0" for number in range(1, 12)]
    alone = {text: judged(text, arms)[0].verdict for text in pairs}
    together = {each.claim: each.verdict for each in judged(pairs, arms)}
    taken = [text for text in pairs if alone[text] == "supported" and together[text] == "not shown"]
    assert taken
    assert all(alone[text] == "supported" for text in pairs if together[text] == "supported")


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


def test_an_argmax_tells_what_stands_in_its_way_first() -> None:
    arms = {f"net rate={rate}": runs(rate, accuracy) for rate, accuracy in (("1", 0.7), ("2", 0.9), ("3", 0.8))}
    [best] = judged("argmax(rate) = 2", arms)
    [second] = judged("argmax(rate) = 3", arms)
    assert (best.verdict, second.verdict) == ("supported", "refuted")
    assert best.sentence.startswith("accuracy at rate 2 minus that at 3: +10.0 points (")
    assert second.sentence.startswith("accuracy at rate 3 minus that at 2: -10.0 points (")
    assert best.sentence.index("at 3:") < best.sentence.index("at 1:")
    assert len(best.findings) == 2


def test_a_failed_arm_shows_nothing_but_that_it_failed() -> None:
    records = {**THREE, "dead": [], "half": runs("half", 0.99, seeds=2)}
    why = {"dead": "seed 0: the loss is no longer a number", "half": "seed 2: the memory is full"}
    texts = ["high > dead", "half > low", "argmax(accuracy over arms) = high", "dead fails", "half fails", "low fails"]
    found = judged(texts, records, why)
    assert [each.verdict for each in found] == ["not shown"] * 3 + ["supported", "not shown", "refuted"]
    assert found[0].sentence == "nothing can be said: dead failed (seed 0: the loss is no longer a number)."
    assert "2 seeds were trained to the end" in found[4].sentence
    assert not any(each.findings for each in found)


def test_one_seed_speaks_of_one_network_and_shows_nothing_of_other_seconds() -> None:
    arms = {"a": runs("a", 0.9, seeds=1, loss=0.2), "b": runs("b", 0.7, seeds=1, loss=0.6)}
    texts = ["a > b", "loss(a) < loss(b)", "a reaches val 0.5 within 1 epoch", "seconds(a) < seconds(b)"]
    *of_images, faster = judged(texts, arms)
    assert [each.verdict for each in of_images] == ["supported"] * 3
    assert of_images[1].sentence.endswith("of these trained networks only, one seed.")
    assert faster.verdict == "not shown"
    assert "a has a single seed" in faster.sentence


def test_a_figure_that_is_no_number_shows_nothing() -> None:
    arms = {"a": runs("a", 0.9, loss=[float("nan")] * SEEDS), "b": runs("b", 0.9)}
    [found] = judged("loss(a) > loss(b)", arms)
    assert (found.verdict, found.findings) == ("not shown", ())


def without_chance(name: str, wrong: Sequence[int], count: int, val: Sequence[int] = ()) -> list[MadeRun]:
    """Make three seeds of a model that leaves nothing to chance; wrong, val: which test and val images it has wrong."""
    correct, correct_val = ~np.isin(np.arange(count), wrong), ~np.isin(np.arange(1000), val)
    run = MadeRun(Path(name), correct=correct, correct_val=correct_val, val=float(correct_val.mean()))
    return [run] * 3


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


def test_one_seed_of_one_arm_speaks_of_that_network() -> None:
    [found] = judged("a > 0.5", {"a": runs("a", 0.9, seeds=1)})
    assert found.sentence.endswith("; of this trained network only, one seed.")


def test_two_seeds_that_say_nothing_print_no_interval_of_everything() -> None:
    correct = np.ones(IMAGES, dtype=bool)
    arms = {
        "a": [MadeRun(Path("a0"), correct=correct), MadeRun(Path("a1"), correct=~correct)],
        "b": runs("b", 0.9, seeds=2),
    }
    alone, beside = judged(["a > 0.2", "a > b"], arms)
    assert alone.sentence.startswith("accuracy of a: 0.5000 (any other is possible); ")
    assert "-40.0 points (any other is possible); " in beside.sentence


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


def test_the_words_of_the_author_are_kept() -> None:
    claim = replace(parse_claim("high > low", list(THREE)), words="deeper is better")
    [found] = judge_claims([claim], [arm(name, each) for name, each in THREE.items()], THREE)
    assert found.words == "deeper is better"


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
