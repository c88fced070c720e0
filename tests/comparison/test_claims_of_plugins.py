"""Can the metric of a plug-in be claimed as any other figure, and what is said when the plug-in is gone?"""

import numpy as np
import pytest
from numpy.typing import NDArray

import sadari
from sadari.comparison.claims.judging import judge_claims
from sadari.comparison.claims.parse import parse_claim
from sadari.errors import UsageError
from sadari.plugins import offers
from sadari.values import Predictions
from support.made_runs import arm, judged, runs

ARMS = {"fast": runs("fast", 0.9, loss=0.2), "slow": runs("slow", 0.9, loss=0.4)}


@pytest.fixture(autouse=True)
def _offered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offers, "_decorated", {})

    @sadari.metric("own.log-loss", higher_is_better=False, scale="positive")
    def own_log_loss(predictions: Predictions) -> NDArray[np.float64]:
        true = predictions.probabilities[np.arange(len(predictions)), predictions.labels]
        return np.asarray(-np.log(true), dtype=np.float64)

    @sadari.metric("hits", unit=1.0)
    def hits(predictions: Predictions) -> NDArray[np.float64]:
        return np.asarray(predictions.predicted == predictions.labels, dtype=np.float64)


@pytest.mark.parametrize(
    ("text", "word", "says"),
    [
        ("own.log-loss(fast) < own.log-loss(slow)", "supported", "own.log-loss of fast minus that of slow: -0.2"),
        ("own.log-loss(fast) > own.log-loss(slow)", "refuted", ""),
        ("own.log-loss(fast) = own.log-loss(slow) within 0.3", "supported", "equal within 0.3: p < 0.001"),
        ("own.log-loss(slow) > 0.3", "supported", "own.log-loss of slow: 0.4"),
        ("argmin(own.log-loss over arms) = fast", "supported", "own.log-loss of fast minus that of slow"),
        ("hits(fast) > 0.8", "supported", "hits of fast: 1.0000"),  # the made-up networks are sure of every image
        ("hits(fast) > hits(slow)", "not shown", "hits of fast minus that of slow: +0.0 points ("),
    ],
)
def test_a_metric_of_a_plug_in_gets_the_verdict_it_allows(text: str, word: str, says: str) -> None:
    [found] = judged(text, ARMS)
    assert found.verdict == word, found.sentence
    assert says in found.sentence


def test_its_numbers_are_those_of_the_same_figure_of_sadari() -> None:
    own, built_in = judged(["own.log-loss(fast) < own.log-loss(slow)", "loss(fast) < loss(slow)"], ARMS)
    for name in ("value", "low", "high", "p"):
        assert getattr(own.findings[0], name) == pytest.approx(getattr(built_in.findings[0], name))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("own.log-los(fast) > 1", "unknown figure 'own.log-los'; did you mean 'own.log-loss'"),
        ("hits(fast) > 1.5", "hits is between 0 and 1, not 1.5"),
        ("hits(fast) > own.log-loss(slow)", "compares hits with own.log-loss"),
    ],
)
def test_what_cannot_be_claimed_of_it_is_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        parse_claim(text, list(ARMS))


def test_a_comparison_is_read_again_when_the_plug_in_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "own.log-loss(fast) < own.log-loss(slow)"
    monkeypatch.setattr(offers, "_decorated", {})
    with pytest.raises(UsageError, match=r"unknown figure 'own\.log-loss'"):
        parse_claim(text, list(ARMS))
    claims = [parse_claim(each, list(ARMS), stored=True) for each in (text, "loss(fast) < loss(slow)")]
    gone, other = judge_claims(claims, [arm(name, each) for name, each in ARMS.items()], ARMS)
    assert (gone.verdict, gone.sentence) == (
        "not shown",
        "nothing can be said: no plug-in here has the figure 'own.log-loss'.",
    )
    assert other.verdict == "supported"
