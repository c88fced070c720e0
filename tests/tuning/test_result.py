"""Does the result say what was found: the gain over the default, and how much the best of many trials flatters?"""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import sadari
from sadari.evaluation.selection import flattery
from sadari.evaluation.statistics import interval, verdict
from sadari.run_lookup import find_run
from sadari.tuning.finals import DEFAULT
from sadari.tuning.result import FILE, TuneResult
from sadari.values import Verdict
from support.jobs import Listener
from support.tuning import DATA, SEARCH, SMALL


def test_the_best_and_the_default_are_judged_with_fresh_seeds(whole: TuneResult) -> None:
    assert whole.final is not None and whole.tuned is not None
    assert set(whole.final.records) == {DEFAULT, *(name for name in whole.final.records if name.startswith("trial "))}
    assert 2 <= len(whole.final.records) <= 4
    for name, records in whole.final.records.items():
        assert [each.job.seed for each in records] == [1], "not the trials' own seed"
        assert records[0].summary["judged_on"] == "test"
        job = records[0].job
        if name != DEFAULT:
            trial = whole.trials[int(name.removeprefix("trial "))]
            assert job.settings == replace(trial.run(whole.out).job.settings, tensorboard=job.settings.tensorboard)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("better", "is shown to be better than the default: +2.0 points, +1.0 to +3.0"),
        ("worse", "is shown to be worse than the default: +2.0 points"),
        ("no difference shown", "is not shown to be better than the default: +2.0 points"),
    ],
)
def test_the_gain_is_that_of_the_verdict_whichever_way_round(word: str, said: str, whole: TuneResult) -> None:
    assert whole.final is not None and whole.tuned is not None
    name = whole.tuned.name
    one = Verdict(name, DEFAULT, 0.02, 0.01, 0.03, 0.01, word)
    turned = {"better": "worse", "worse": "better"}.get(word, word)
    other = Verdict(DEFAULT, name, -0.02, -0.03, -0.01, 0.01, turned)
    for found in (one, other):
        result = replace(whole, final=replace(whole.final, verdicts=(found,)))
        assert result.gain.startswith(f"{name} {said}")
        assert result.verdict is not None and result.verdict.verdict == word


def test_without_the_final_comparison_the_sentence_says_so(whole: TuneResult) -> None:
    unfinished = replace(whole, final=None)
    assert unfinished.gain == "The best settings are not judged on test images yet; the same command goes on."
    assert unfinished.curse == "" and unfinished.flattery is None
    assert unfinished.document()["final"] is None


def test_the_winners_curse_is_that_of_the_stored_answers(whole: TuneResult) -> None:
    assert whole.flattery is not None and whole.best is not None and whole.final is not None
    on_val, on_test = whole.flattery
    records = whole.final.records[DEFAULT if whole.best.default else whole.best.name]
    assert on_val.chosen == whole.best.accuracy
    assert on_val.anew == pytest.approx(np.mean([each.scores("val")["accuracy"] for each in records]))
    assert on_test.anew == pytest.approx(np.mean([each.scores("test")["accuracy"] for each in records]))
    assert on_val.low <= on_val.points <= on_val.high and on_test.low <= on_test.points <= on_test.high
    assert f"The best of 6 trials {'flatters' if on_val.shown or on_test.shown else 'is not shown to flatter'}" in (
        whole.curse
    )
    assert f"{100 * on_val.chosen:.1f} % on validation" in whole.curse and "1 fresh seed" in whole.curse


def test_flattery_has_the_interval_of_a_difference() -> None:
    chance = np.random.default_rng(0)
    chosen, anew = chance.random(400) < 0.9, chance.random((3, 400)) < 0.85
    found = flattery(chosen, anew, same_images=True)
    wanted = verdict("a", chosen[None, :], "b", anew)
    assert (found.points, found.low, found.high) == pytest.approx((wanted.difference, wanted.low, wanted.high))
    other = flattery(chosen, anew, same_images=False)
    assert other.points == found.points
    halves = [(each.high - each.low) / 2 for each in (interval(chosen[None, :]), interval(anew))]
    assert (other.high - other.low) / 2 == pytest.approx(math.hypot(*halves), rel=0.05)


def test_the_best_of_equals_flatters_and_the_interval_covers() -> None:
    """Forty settings that are equally good: the best one's own figure is above its truth, and it is seen."""
    chance, shown, covered, rounds = np.random.default_rng(1), 0, 0, 60
    for _ in range(rounds):
        trials = chance.random((40, 300)) < 0.9
        best = trials[trials.mean(axis=1).argmax()]
        found = flattery(best, chance.random((3, 500)) < 0.9, same_images=False)
        shown += found.points > 0
        honest = flattery(trials[0], chance.random((3, 500)) < 0.9, same_images=False)
        covered += honest.low <= 0 <= honest.high
    assert shown >= 0.95 * rounds
    assert covered >= 0.88 * rounds, "a trial that nobody chose does not flatter"


def test_it_is_had_as_a_frame_as_json_and_in_a_notebook(whole: TuneResult) -> None:
    frame = whole.to_frame()
    assert list(frame["trial"]) == [each.number for each in whole.trials]
    assert set(SEARCH) <= set(frame.columns)
    document = json.loads(whole.to_json())
    assert document["trials"][1]["params"] == dict(whole.trials[1].params)
    assert document["sentences"] == list(whole.sentences)
    assert json.loads((whole.out / FILE).read_text())["best"] == document["best"]
    html = whole._repr_html_()
    assert whole.gain in html.replace("&#x27;", "'") and "learning_rate" in html
    assert repr(whole).startswith("<TuneResult mlp: 6 trials")


def test_importances_sum_to_one_over_what_was_searched(whole: TuneResult) -> None:
    assert set(whole.importances) == set(SEARCH)
    assert sum(whole.importances.values()) == pytest.approx(1.0)
    assert list(whole.importances.values()) == sorted(whole.importances.values(), reverse=True)


def test_a_folder_of_a_search_stands_for_its_best_run(whole: TuneResult) -> None:
    assert find_run(whole.out, Listener()).parent == whole.out / "final"


def test_python_has_it_too(tmp_path: Path) -> None:
    settings = {key: each for key, each in SMALL.items() if key != "epochs"}
    search = {"learning_rate": "0.001:0.1:log", "optimizer": ["adam", "sgd"]}
    result = sadari.tune(DATA, "mlp", search=search, trials=2, seeds=1, out=tmp_path / "out", epochs=2, **settings)
    assert [each.number for each in result.trials] == [0, 1]
    assert {each.key for each in _axes(result)} == set(search)
    assert sadari.reopen_tuning(tmp_path / "out").sentences == result.sentences
    page = sadari.write_report(result)
    assert page == result.out / "report.html" and page.is_file()


def _axes(result: TuneResult) -> tuple:  # type: ignore[type-arg]
    from sadari.report.tuned.figures import trials_plot

    return trials_plot(result).axes
