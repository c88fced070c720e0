"""Are seeds added until every pair is decided, and is every look counted and told?"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tomli_w

import sadari
from sadari.comparison import compare as room
from sadari.comparison.claims.parse import parse_claim
from sadari.comparison.compare import compare
from sadari.comparison.executor import SerialExecutor
from sadari.comparison.plan import plan_comparison
from sadari.comparison.reopen import reopen
from sadari.comparison.request import Comparison, read_stored
from sadari.comparison.result import ComparisonResult
from sadari.comparison.seeds.chosen import Seeds, with_looks
from sadari.comparison.splits.redraw import Redraw
from sadari.comparison.study import read_study
from sadari.errors import UsageError
from sadari.report.build import build_report
from support import fake_training
from support.fake_training import FakeTrainer
from support.jobs import Listener, named_arms
from support.terminal import Terminal

LEVELS = {3: 0.01, 5: 0.015, 10: 0.04}


@pytest.fixture(autouse=True)
def skills(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make cnn no better than mlp, and softmax clearly worse than both; measure no real run beforehand."""
    monkeypatch.setattr(room, "expected_duration", lambda *_, **__: "about a minute")
    monkeypatch.setattr(fake_training, "SKILLS", {"majority": 0.1, "softmax": 0.6, "mlp": 0.85, "cnn": 0.85})


def asked(*models: str, seeds: str = "auto:5") -> Comparison:
    arms, _ = named_arms(models, {}, {"epochs": "2"})
    chosen = Seeds.of(seeds)
    return with_looks(Comparison("digits", arms, chosen.those), chosen)


def run(request: Comparison, folder: Path, trainer: FakeTrainer | None = None, **named: Any) -> ComparisonResult:
    return compare(request, out=folder, executor=SerialExecutor(trainer or FakeTrainer()), **named)


def trained(trainer: FakeTrainer) -> list[tuple[str, int]]:
    return [(job.model.name, job.seed) for job in trainer.calls]


@pytest.mark.parametrize(
    ("text", "those", "looks"),
    [("5", 5, ()), ("auto", 3, (3, 5, 10)), ("auto:5", 3, (3, 5)), ("auto:7", 3, (3, 5, 7)), ("auto:4", 3, (3, 4))],
)
def test_seeds_are_a_number_or_auto(text: str, those: int, looks: tuple[int, ...]) -> None:
    assert Seeds.of(text) == Seeds(tuple(range(those)), looks)


@pytest.mark.parametrize("text", ["0", "-1", "x", "auto:", "auto:x", "auto10", "1.5", ""])
def test_what_is_neither_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="seeds are a number from 1 up, auto or auto:10, not"):
        Seeds.of(text)


@pytest.mark.parametrize("text", ["auto:3", "auto:0", "auto:101"])
def test_a_maximum_that_leaves_no_second_look_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="up to 4 to 100 of them, not"):
        Seeds.of(text)


def test_what_cannot_be_decided_by_looks_is_refused() -> None:
    with pytest.raises(UsageError, match="there is only one"):
        asked("mlp")
    two = Comparison("digits", named_arms(["mlp", "softmax"], {}, {})[0], (0, 1, 2), ensemble=True)
    with pytest.raises(UsageError, match="an ensemble is made of the runs of all arms"):
        with_looks(two, Seeds.of("auto"))
    with pytest.raises(UsageError, match="--splits takes a number of --seeds, for each of them, not auto:10"):
        plan_comparison("digits", ["mlp", "cnn"], seeds="auto", varied={}, overrides={}, redraw=Redraw(splits=3))
    with pytest.raises(UsageError, match="a search for the best model trains at most as many seeds"):
        sadari.compare("digits", "best", budget="10m", seeds="auto")


def test_it_stops_at_the_look_that_decides_every_pair(tmp_path: Path) -> None:
    trainer, heard = FakeTrainer(), Listener()
    result = run(asked("softmax", "mlp", seeds="auto"), tmp_path / "c", trainer, progress=heard)
    assert {seed for _, seed in trained(trainer)} == {0, 1, 2}
    [found] = result.verdicts
    assert found.verdict == "better" and found.p < 0.05
    assert "3 seeds, first of 3 looks; these models, this training set)" in found.sentence
    extent = "6 runs at least, 20 at most: it looks after 3, 5 and 10 seeds whether more are needed; about a minute"
    assert extent in heard.said
    assert "look 1 of 3, after 3 seeds: 1 of 1 pair decided - mlp beats softmax" in heard.said
    looks = json.loads((tmp_path / "c" / "comparison.json").read_text())["looks"]
    assert looks["planned"] == [3, 5, 10]
    [first] = looks["at"]
    assert first["seeds"] == 3 and first["level"] == pytest.approx(0.01) and first["open"] == []
    assert [(each["a"], each["b"], each["verdict"]) for each in first["decided"]] == [("mlp", "softmax", "better")]
    assert looks["sentence"] in result.about_seeds[0].lower()
    assert (
        "each p and interval counts the looks after 3, 5 and 10 seeds, at levels of 0.010, 0.015 and 0.040"
        in (looks["sentence"])
    )


def test_p_and_interval_are_those_of_the_look(tmp_path: Path) -> None:
    sequential = run(asked("softmax", "mlp", seeds="auto"), tmp_path / "a")
    fixed = run(asked("softmax", "mlp", seeds="3"), tmp_path / "b")
    [one], [other] = sequential.verdicts, fixed.verdicts
    assert one.difference == other.difference
    assert one.high - one.low > 1.2 * (other.high - other.low)
    assert one.p >= other.p
    wide, narrow = (each.best.accuracy for each in (sequential, fixed) if each.best)
    assert wide is not None and narrow is not None and wide.low < narrow.low and wide.high > narrow.high
    both = {
        name: {each.figure: each for each in result.differences} for name, result in (("a", sequential), ("b", fixed))
    }
    assert both["a"]["macro_f1"].low < both["b"]["macro_f1"].low


def test_what_is_not_decided_goes_on_and_what_is_decided_stays(tmp_path: Path) -> None:
    trainer, heard = FakeTrainer(), Listener()
    result = run(asked("softmax", "mlp", "cnn"), tmp_path / "c", trainer, progress=heard)
    assert [seed for name, seed in trained(trainer) if name == "softmax"] == [0, 1, 2]
    assert [seed for name, seed in trained(trainer) if name == "mlp"] == [0, 1, 2, 3, 4]
    assert "not decided: mlp and cnn; cnn, mlp go on to 5 seeds".replace("cnn, mlp", "cnn and mlp") in heard.said
    assert heard.said[-1] == "not decided: mlp and cnn"
    said = {frozenset((each.a, each.b)): each for each in result.verdicts}
    assert "3 seeds, first of 2 looks" in said[frozenset(("softmax", "mlp"))].sentence
    assert "5 seeds, second of 2 looks" in said[frozenset(("mlp", "cnn"))].sentence
    assert {arm.name: len(arm.seeds) for arm in result.arms} == {"softmax": 3, "mlp": 5, "cnn": 5}
    stored = read_stored(tmp_path / "c")
    assert stored is not None and stored["looks"] == [3, 5] and stored["seeds"] == [0, 1, 2, 3, 4]
    assert reopen([tmp_path / "c"]).document() == {**result.document(), "out": str(tmp_path / "c")}


@pytest.mark.parametrize("model", ["mlp", "cnn"])
def test_killed_in_a_look_it_goes_on_to_the_same_result(tmp_path: Path, model: str) -> None:
    class Killed(FakeTrainer):
        def __call__(self, job: Any, out: Path, **named: Any) -> Any:
            if job.seed == 4 and job.model.name == model:
                raise KeyboardInterrupt
            return super().__call__(job, out, **named)

    request = asked("softmax", "mlp", "cnn")
    whole = run(request, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(request, tmp_path / "cut", Killed())
    again = FakeTrainer()
    result = run(request, tmp_path / "cut", again)
    assert trained(again)[-1] == ("cnn", 4) and ("softmax", 0) not in trained(again)
    assert _without_paths(result, tmp_path / "cut") == _without_paths(whole, tmp_path / "whole")
    nothing = FakeTrainer()
    third = compare(request, out=tmp_path / "cut", executor=SerialExecutor(nothing))
    assert nothing.calls == [] and third.document() == result.document()


def _without_paths(result: ComparisonResult, folder: Path) -> str:
    return json.dumps(result.document()).replace(str(folder), "")


def test_without_out_the_same_command_finds_its_folder(tmp_path: Path) -> None:
    request = asked("mlp", "cnn")
    first = compare(request, runs=tmp_path, executor=SerialExecutor(FakeTrainer()))
    again = compare(request, runs=tmp_path, executor=SerialExecutor(FakeTrainer()))
    assert first.out == again.out and len(first.arms[0].seeds) == 5
    assert first.command.endswith("--models mlp,cnn --seeds auto:5 --epochs 2")


def test_a_model_that_no_seed_changes_trains_once(tmp_path: Path) -> None:
    trainer = FakeTrainer()
    result = run(asked("majority", "mlp", "cnn"), tmp_path / "c", trainer)
    assert [seed for name, seed in trained(trainer) if name == "majority"] == [0]
    [found] = [each for each in result.verdicts if {each.a, each.b} == {"majority", "mlp"}]
    assert "3 seeds of mlp, one trained network of majority, which no seed changes, first of 2 looks" in found.sentence
    assert "only" not in found.sentence


def test_with_a_margin_equal_is_decided_too(tmp_path: Path) -> None:
    trainer = FakeTrainer()
    result = run(asked("mlp", "cnn"), tmp_path / "c", trainer, margin=0.2)
    assert result.verdicts[0].verdict == "equal within 0.2"
    assert {seed for _, seed in trained(trainer)} == {0, 1, 2}


def test_seeds_that_are_added_by_hand_are_a_look(tmp_path: Path) -> None:
    once = run(asked("mlp", "cnn", seeds="3"), tmp_path / "c")
    assert once.looked.sentence == "" and once.looked.document()["at"] == [{"seeds": 3, "level": 0.05}]
    again = run(asked("mlp", "cnn", seeds="3"), tmp_path / "c")
    assert again.document() == once.document()
    more = run(asked("mlp", "cnn", seeds="10"), tmp_path / "c")
    [said] = more.about_seeds
    assert said == (
        "Judged after 3 and 10 seeds: so many looks call equal models different in up to 9 % instead of 5 %, which p "
        "and intervals do not count; --seeds auto plans its looks, and keeps to 5 %."
    )
    document = json.loads((tmp_path / "c" / "comparison.json").read_text())["looks"]
    assert [each["seeds"] for each in document["at"]] == [3, 10] and document["false_alarms"] == pytest.approx(
        0.0893, abs=1e-3
    )
    assert reopen([tmp_path / "c"]).about_seeds == more.about_seeds


def test_a_comparison_of_before_was_judged_once(tmp_path: Path) -> None:
    run(asked("mlp", "cnn", seeds="3"), tmp_path / "c")
    path = tmp_path / "c" / "comparison.toml"
    stored = read_stored(tmp_path / "c")
    assert stored is not None and stored.pop("judged") == [{"seeds": 3, "level": 0.05}]
    path.write_text(tomli_w.dumps(stored))
    assert "Judged after 3 and 5 seeds" in run(asked("mlp", "cnn", seeds="5"), tmp_path / "c").about_seeds[0]


def test_looks_beyond_the_plan_are_told(tmp_path: Path) -> None:
    planned = run(asked("mlp", "cnn"), tmp_path / "c")
    assert planned.looked.false_alarms == 0.05
    beyond = run(asked("mlp", "cnn", seeds="10"), tmp_path / "c")
    assert beyond.looked.false_alarms > 0.08 and "Judged after 3, 5 and 10 seeds" in beyond.about_seeds[0]


def test_the_study_and_python_take_auto(tmp_path: Path) -> None:
    file = tmp_path / "s.toml"
    file.write_text('data = "digits"\nseeds = "auto:5"\n[[arms]]\nmodel = "mlp"\n[[arms]]\nmodel = "logistic"\n')
    described = read_study(file)
    assert described.request.looks == (3, 5) and [arm.once for arm in described.request.arms] == [False, True]
    changed = read_study(file, seeds=Seeds.of("auto"))
    assert changed.request.looks == (3, 5, 10) and "seeds auto:10 instead of auto:5" in changed.notes[0]
    plan = plan_comparison("digits", ["mlp", "cnn"], seeds="auto", varied={}, overrides={})
    assert isinstance(plan.request, Comparison) and plan.request.looks == (3, 5, 10)


def test_looks_and_arms_that_stopped_are_stored() -> None:
    request = replace(asked("mlp", "cnn"), judged=((3, 0.01),), stopped={"cnn": 3})
    assert "looks = [\n    3,\n    5,\n]" in request.to_toml()
    assert request.seeds_of(request.arms[1]) == (0, 1, 2)


def test_claims_and_the_report_count_looks_too(tmp_path: Path) -> None:
    request = asked("softmax", "mlp", "majority")
    claims = [parse_claim("mlp > softmax", ["softmax", "mlp", "majority"])]
    result = run(request, tmp_path / "c", claims=claims)
    [claim], [pair] = result.claims, [each for each in result.verdicts if {each.a, each.b} == {"mlp", "softmax"}]
    assert claim.findings[0].p <= pair.p < 0.05 and claim.findings[0].low == pytest.approx(pair.low)
    assert reopen([tmp_path / "c"]).claims == result.claims
    page = build_report(result)
    assert result.about_seeds[0] in page.conclusions
    assert {each.result.name: each.about_seeds for each in page.arms} == {
        "mlp": "0 of 3 seeds collapsed; up to 63 % may.",
        "softmax": "0 of 3 seeds collapsed; up to 63 % may.",
        "majority": "",
    }


def test_comparisons_that_are_joined_keep_their_looks(tmp_path: Path) -> None:
    run(asked("mlp", "cnn"), tmp_path / "a")
    run(asked("softmax", "majority", seeds="5"), tmp_path / "b")
    joined = reopen([tmp_path / "a", tmp_path / "b"])
    assert joined.about_seeds[0].startswith("Judged after 3 and 5 seeds")
    run(asked("mlp", "cnn", seeds="3"), tmp_path / "d")
    assert reopen([tmp_path / "b", tmp_path / "d"]).looked.sentence == ""


def test_a_comparison_that_adds_seeds_while_there_is_time_has_no_looks(tmp_path: Path) -> None:
    run(asked("mlp", "cnn", seeds="1"), tmp_path / "c", seen=False)
    assert run(asked("mlp", "cnn", seeds="3"), tmp_path / "c", seen=False).looked.sentence == ""


@pytest.mark.parametrize("words", [("--seeds", "auto:3"), ("--seeds", "many"), ("--seeds", "0")])
def test_the_command_line_refuses_other_seeds_in_one_sentence(sadari: Terminal, words: tuple[str, ...]) -> None:
    answer = sadari("compare", "digits", "--models", "mlp,softmax", *words)
    assert answer.status == 2 and answer.err.count("\n") == 1 and "auto:10" in answer.err
