"""What does a user of `sadari compare A B --models ...` see, where is it stored, and how does it go on?"""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

import sadari
from sadari.cli import report
from sadari.comparison.across.request import read_sets
from sadari.comparison.across.result import AcrossResult, AcrossVerdict
from sadari.errors import SadariError, UsageError
from sadari.evaluation.draws.data_sets import over_sets
from sadari.evaluation.draws.ranks import rank
from sadari.report.across import write_across
from support.compare_command import typed
from support.fake_training import FakeTrainer

SHAPES = "shapes:images=200,size=16"
MORE = "shapes:images=120,size=16"
SETS = ("compare", "digits", SHAPES, MORE)
FOLDER = Path("runs/digits-shapes-shapes-2-compare-1")


def reported(folder: Path) -> Result:
    app = typer.Typer()
    app.command()(report.report)
    return CliRunner().invoke(app, [str(folder)])


def test_several_sets_have_a_comparison_each_and_one_table(trainer: FakeTrainer) -> None:
    result = typed(*SETS, "--models", "softmax,mlp,majority", "--seeds", "2")
    assert result.exit_code == 0, result.output
    assert [name for name in ("digits", "shapes", "shapes-2") if (FOLDER / name / "comparison.json").is_file()]
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["model", "mean", "rank", "mean", "digits", "shapes", "shapes-2"]
    assert [line.split()[0] for line in lines[1:4]] == ["mlp", "softmax", "majority"]
    assert "across 3 data sets" in result.stdout
    assert "P(mlp better)" in result.stdout
    assert "comparisons; each interval is that of its pair alone)" in result.stdout
    assert "3 data sets are few: an interval is 4.3 standard errors to each side" in result.stdout
    assert f"report  {FOLDER / 'report.html'}" in lines
    assert len(trainer.calls) == 3 * 3 * 2


@pytest.mark.usefixtures("trainer")
def test_the_result_is_stored_and_is_what_json_prints() -> None:
    result = typed(*SETS, "--models", "softmax,mlp", "--seeds", "2", "--json")
    document = json.loads(result.stdout)
    stored = json.loads((FOLDER / "comparison.json").read_text(encoding="utf-8"))
    assert document | {"report": None} == stored
    assert document["report"] == str(Path.cwd() / FOLDER / "report.html")
    assert [each["name"] for each in document["sets"]] == ["digits", "shapes", "shapes-2"]
    [verdict] = document["verdicts"]
    assert (verdict["a"], verdict["b"]) == ("mlp", "softmax")
    assert set(verdict["differences"]) == {"digits", "shapes", "shapes-2"}
    assert verdict["low"] < verdict["difference"] < verdict["high"]
    assert document["ranks"]["test"] == "Wilcoxon's signed ranks"


@pytest.mark.usefixtures("trainer")
def test_the_page_links_to_the_reports_of_the_sets() -> None:
    typed(*SETS, "--models", "softmax,mlp,majority", "--seeds", "2")
    page = (FOLDER / "report.html").read_text(encoding="utf-8")
    for name in ("digits", "shapes", "shapes-2"):
        assert f'href="{name}/report.html"' in page
        assert (FOLDER / name / "report.html").is_file()
    assert 'src="data:image/svg+xml;base64,' in page
    assert (FOLDER / "plots" / "critical-difference.png").is_file()
    (FOLDER / "report.html").unlink()
    again = reported(FOLDER)
    assert again.exit_code == 0, again.output
    assert again.stdout.startswith("mlp is shown to be better than all others across 3 data sets.")
    assert (FOLDER / "report.html").read_text(encoding="utf-8").count("<tr>") == page.count("<tr>")


def test_the_same_command_goes_on_and_more_seeds_join(trainer: FakeTrainer) -> None:
    command = (*SETS, "--models", "softmax,mlp")
    typed(*command, "--seeds", "2")
    made = len(trainer.calls)
    typed(*command, "--seeds", "2")
    assert len(trainer.calls) == made
    typed(*command, "--seeds", "3")
    assert len(trainer.calls) == made + 3 * 2
    typed(*command, "--seeds", "2")  # of more seeds there, fewer are another comparison, as on one set
    assert (Path("runs") / "digits-shapes-shapes-2-compare-2").is_dir()
    typed("compare", "digits", SHAPES, "--models", "softmax,mlp", "--seeds", "2")
    assert sorted(path.name for path in Path("runs").iterdir()) == [
        "digits-shapes-compare-1",
        "digits-shapes-shapes-2-compare-1",
        "digits-shapes-shapes-2-compare-2",
    ]


@pytest.mark.usefixtures("trainer")
def test_the_page_writes_p_on_its_side_of_the_line_and_no_chance_as_certain(tmp_path: Path) -> None:
    found = sadari.compare(["digits", SHAPES], ["softmax", "mlp"], seeds=2)
    verdict = replace(found.verdicts[0], p=0.04999, difference=-0.0001, next_better=0.9999)
    text = write_across(replace(found, verdicts=(verdict,)), tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<td>0.04999</td>" in text and "<td>+0.0</td>" in text and "<td>&gt; 0.99</td>" in text


def test_what_was_interrupted_goes_on(trainer: FakeTrainer) -> None:
    trainer.fails = {"mlp": KeyboardInterrupt()}
    stopped = typed(*SETS, "--models", "softmax,mlp", "--seeds", "2")
    assert stopped.exit_code == 130
    assert "go on with" in stopped.stderr
    assert read_sets(FOLDER) is not None
    with pytest.raises(SadariError, match="is not finished"):
        sadari.reopen_sets(FOLDER)
    trainer.fails = {}
    assert typed(*SETS, "--models", "softmax,mlp", "--seeds", "2").exit_code == 0


def test_an_arm_that_fails_on_a_set_is_left_out_across_them(trainer: FakeTrainer) -> None:
    trainer.fails = {"cnn": SadariError("not here")}
    result = typed(*SETS, "--models", "softmax,mlp,cnn", "--seeds", "2")
    assert result.exit_code == 1
    assert "cnn is not done on digits, shapes, shapes-2, so it is left out across sets." in result.stdout
    assert "mlp" in result.stdout.splitlines()[1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("compare", "digits", "digits", "--models", "softmax,mlp"), "'digits' is named twice"),
        (("compare", "digits", SHAPES, "--models", "softmax"), "two models or more"),
        (("compare", "digits", SHAPES, "--models", "best", "--budget", "1m"), "searches on one data set"),
        (("compare", "digits", SHAPES, "--models", "softmax,mlp", "--out", "."), "is not empty"),
        (("compare", "digits", SHAPES, "--models", "softmax,mlp", "--folds", "3"), "one split each"),
        (("compare", "digits", SHAPES, "--models", "softmax,mlp", "--seeds", "auto"), "a number of seeds"),
        (("compare", "digits", SHAPES, "--models", "softmax,mlp", "--margin", "2"), "between 0 and 1"),
        (("compare", "digits", "nowhere", "--models", "softmax,mlp"), "unknown data set 'nowhere'"),
    ],
)
def test_what_makes_no_sense_is_one_sentence(trainer: FakeTrainer, words: tuple[str, ...], said: str) -> None:
    Path("something").touch()
    result = typed(*words)
    assert isinstance(result.exception, UsageError)
    assert said in str(result.exception)
    assert not trainer.calls
    assert not Path("runs").exists()


def test_a_set_that_cannot_be_used_is_said_before_any_set_trains(trainer: FakeTrainer) -> None:
    result = typed("compare", "digits", "nowhere", "--models", "softmax,mlp", "--seeds", "2")
    assert isinstance(result.exception, UsageError)
    assert "nowhere" in str(result.exception)
    assert not trainer.calls
    assert not Path("runs").exists()


def test_python_takes_a_list_of_sets(trainer: FakeTrainer) -> None:
    found = sadari.compare(["digits", SHAPES], ["softmax", "mlp"], seeds=2)
    assert isinstance(found, AcrossResult)
    frame = found.to_frame()
    assert list(frame.columns) == ["name", "mean_rank", "accuracy", "digits", "shapes"]
    assert list(frame["name"]) == ["mlp", "softmax"]
    assert found.results["digits"].best is not None
    again = sadari.reopen_sets(found.out)
    assert again.document() == found.document()
    assert sadari.write_report(again, "page.html").read_text(encoding="utf-8").count("report.html") >= 2
    with pytest.raises(UsageError, match="holds no comparison across"):
        sadari.reopen_sets("nowhere")
    with pytest.raises(UsageError, match="no data set to compare on"):
        sadari.compare([])
    with pytest.raises(UsageError, match="name it alone"):
        sadari.reopen(found.out)
    assert "digits, shapes" in repr(found)
    assert len(trainer.calls) == 2 * 2 * 2
    assert not isinstance(sadari.compare("digits", ["softmax", "mlp"], seeds=2), AcrossResult)


def test_the_best_by_rank_that_loses_in_the_mean_is_not_called_level() -> None:
    accuracies = {"cnn": (0.8, 0.8, 0.90), "mlp": (0.7, 0.7, 0.95)}
    ahead = dict(zip(("one", "two", "large"), (0.1, 0.1, -0.05), strict=True))
    over = over_sets(list(ahead.values()), [0.15, 0.15, 0.005])  # two small sets say little beside the large one
    assert over.p < 0.05
    verdict = AcrossVerdict(
        "cnn", "mlp", over.mean, over.low, over.high, over.p, over.between, 0.1, 0.1, 0.9, 0.005, ahead, "worse"
    )
    ranks = rank(list(zip(*accuracies.values(), strict=True)), list(accuracies))
    results = dict.fromkeys(ahead, None)
    found = AcrossResult(Path(), results, ("cnn", "mlp"), accuracies, (verdict,), ranks)  # type: ignore[arg-type]
    assert found.headline == (
        "cnn has the best mean rank across 3 data sets, but mlp is shown to be better in the mean difference."
    )


@pytest.mark.usefixtures("trainer")
def test_several_sets_as_latex_have_intervals_ranks_and_the_pairs() -> None:
    words = (*SETS, "--models", "softmax,mlp,majority", "--seeds", "2")
    result = typed(*words, "--latex")
    assert result.exit_code == 0, result.output
    assert result.stdout.count("\\begin{table}") == 2
    head = next(line for line in result.stdout.splitlines() if "Mean rank" in line)
    assert head.split(" & ")[3:] == ["digits", "shapes", "shapes-2 \\\\"]
    assert result.stdout.count("\\scriptsize [") == 9
    assert "Ranks: Friedman" in result.stdout and "3 data sets are few" in result.stdout
    assert "mlp over softmax" in result.stdout and "corrected for 3 pairs by Holm's method" in result.stdout
    assert "across 3 data sets" in result.stderr


@pytest.mark.usefixtures("trainer")
def test_the_page_has_an_interval_beside_each_accuracy() -> None:
    result = typed(*SETS, "--models", "softmax,mlp", "--seeds", "2")
    assert result.exit_code == 0, result.output
    page = (FOLDER / "report.html").read_text(encoding="utf-8")
    arm = json.loads((FOLDER / "comparison.json").read_text(encoding="utf-8"))["sets"][0]["arms"][0]["accuracy"]
    low, high = (100 * arm[end] for end in ("low", "high"))
    assert f'{100 * arm["mean"]:.1f} <span class="quiet">{low:.1f} to {high:.1f}</span>' in page
    assert page.count("<table") == 2
    assert page.count('class="wide" role="region"') == 2 + 1, "each table scrolls by itself, and the diagram of ranks"
