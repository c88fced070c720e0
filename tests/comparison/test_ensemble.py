"""Is an ensemble an arm like any other: chosen on validation images alone, made again only where its runs changed?"""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from sadari.api import comparisons
from sadari.cli.main import app
from sadari.cli.output.comparison import conclusions
from sadari.comparison.claims.parse import parse_claim
from sadari.comparison.command import command_of
from sadari.comparison.compare import compare
from sadari.comparison.executor import SerialExecutor
from sadari.comparison.plan import plan_comparison
from sadari.comparison.reopen import reopen
from sadari.comparison.request import ENSEMBLE_ARM, Comparison
from sadari.comparison.result import ComparisonResult
from sadari.comparison.study import read_study
from sadari.comparison.variants import ENSEMBLE, Arm, expand
from sadari.errors import SadariError, UsageError
from sadari.files import read_json, write_json
from sadari.inference.members import Ensemble
from sadari.job import Job
from sadari.models.catalog import find_model
from sadari.report.build import build_report
from sadari.run import RunRecord
from sadari.run_files import write_predictions
from sadari.run_lookup import find_run
from sadari.settings import Value
from sadari.training.train import train
from support.jobs import Listener, named_arm

SEEDS = (0, 1)
SHORT: dict[str, Value] = {"epochs": 2, "threads": 1, "tensorboard": "off", "batch_size": 32}
NAMES = ("fast", "slow", "majority")
RATES: dict[str, Value] = {"fast": 0.01, "slow": 0.004}  # two networks that are about as good, and one that is not


def arms(*names: str, **overrides: Value) -> tuple[Arm, ...]:
    found = []
    for name in names or NAMES:
        rate = {"learning_rate": RATES[name]} if name in RATES else {}
        arm = named_arm(name, "mlp" if name in RATES else name)
        chosen = {key: value for key, value in {**SHORT, **rate, **overrides}.items() if arm.model.uses(key)}
        found.append(replace(arm, overrides=chosen))
    return tuple(found)


def asked(*names: str, seeds: tuple[int, ...] = SEEDS, ensemble: bool = True, **overrides: Value) -> Comparison:
    return Comparison("digits", arms(*names, **overrides), seeds, ensemble=ensemble)


def run(request: Comparison, out: Path, **options: Any) -> ComparisonResult:
    return compare(request, out=out, executor=SerialExecutor(train), **options)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished comparison of three models with two seeds and their ensemble."""
    return run(asked(), tmp_path_factory.mktemp("ensemble") / "made").out


@pytest.fixture
def copied(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "copy"))


def ensembles(out: Path) -> list[RunRecord]:
    return [RunRecord(out / f"{ENSEMBLE}-seed{seed}") for seed in SEEDS]


def content(out: Path) -> dict[str, tuple[int, bytes]]:
    """The time and the bytes of every file of the ensembles."""
    files = [path for each in ensembles(out) for path in sorted(each.path.iterdir())]
    return {f"{path.parent.name}/{path.name}": (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


# what it predicts


def test_it_predicts_the_weighted_mean_of_what_its_members_predicted(made: Path) -> None:
    for each in ensembles(made):
        weights = Ensemble.read(each).weights
        assert sum(weights.values()) == pytest.approx(1) and list(weights.values()) == sorted(weights.values())[::-1]
        wanted = sum(
            weight * RunRecord(made / f"{arm}-seed{each.job.seed}").predictions.probabilities
            for arm, weight in weights.items()
        )
        np.testing.assert_allclose(each.predictions.probabilities, wanted, atol=1e-6)
        assert each.summary["judged_on"] == "test" and each.summary["scores"]["train"] is None


def test_on_validation_it_is_no_worse_than_any_run_that_it_was_chosen_from(made: Path) -> None:
    for each in ensembles(made):
        runs = [RunRecord(made / candidate.run) for candidate in Ensemble.read(each).candidates]
        assert len(runs) == 3
        assert each.scores("val")["loss"] <= min(run.scores("val")["loss"] for run in runs) + 1e-6


def test_the_images_that_judge_choose_nothing(copied: Path) -> None:
    before = [Ensemble.read(each).weights for each in ensembles(copied)]
    for path in copied.glob("*-seed*/predictions.csv"):
        predictions = RunRecord(path.parent).predictions
        write_predictions(path, replace(predictions, probabilities=np.roll(predictions.probabilities, 3, axis=1)))
    for each in ensembles(copied):
        shutil.rmtree(each.path)
    run(asked(), copied)
    assert [Ensemble.read(each).weights for each in ensembles(copied)] == before


def test_where_val_judges_its_predictions_are_those_that_choose(tmp_path: Path) -> None:
    result = run(asked("fast", "slow", seeds=(0,), test_fraction=0.0), tmp_path / "out")
    ensemble = RunRecord(result.out / f"{ENSEMBLE}-seed0")
    assert ensemble.summary["judged_on"] == "val" and ensemble.summary["scores"]["test"] is None
    assert result.data.sentences[-1] == "they chose the ensemble too, which flatters it more"
    assert reopen([result.out]).data.sentences == result.data.sentences


# how it stands in the result


def test_it_is_an_arm_of_the_table_and_of_the_verdicts(made: Path) -> None:
    result = reopen([made])
    (arm,) = (each for each in result.arms if each.name == ENSEMBLE)
    assert arm.seeds == SEEDS and arm.accuracy is not None and arm.val_accuracy is not None
    assert (arm.train_accuracy, arm.gap, arm.diagnosis, arm.best_epoch, arm.seconds_per_epoch) == (None,) * 5
    assert len(result.verdicts) == 6  # of four arms: it counts among the comparisons that are corrected
    assert sum(ENSEMBLE in (each.a, each.b) for each in result.verdicts) == 3
    assert result.arms_asked[-1] == ENSEMBLE_ARM
    assert sum(arm.members.values()) == pytest.approx(1)
    assert arm.mixture.startswith("ensemble = 0.") and "mean weights of 2 seeds" in arm.mixture
    trained = sum(each.seconds or 0 for each in result.arms if each.name != ENSEMBLE)
    assert arm.seconds == pytest.approx(trained)
    document = result.document()
    assert [bool(each["members"]) for each in document["arms"]] == [each.name == ENSEMBLE for each in result.arms]
    assert "ensemble = true" in result.command  # a study: these arms have names of their own
    assert "ensemble = 0." in result._repr_html_()


def test_it_is_the_same_when_it_is_read_back(made: Path) -> None:
    stored, result = read_json(made / "comparison.json"), reopen([made])
    document = {**result.document(), "report": stored["report"]}
    assert read_json(made / "comparison.json")["arms"] == document["arms"]
    assert stored["verdicts"] == document["verdicts"]


def test_the_page_says_what_it_averages_and_draws_no_curves_of_it(made: Path) -> None:
    report = build_report(reopen([made]), "now")
    (page,) = (each for each in report.arms if each.result.name == ENSEMBLE)
    assert page.curves == () and page.detail.layers == () and page.detail.confusion and page.diagnosis == ""
    assert any(sentence.startswith("ensemble = 0.") for sentence in report.conclusions)


def test_robustness_judges_it_too(copied: Path) -> None:
    result = run(asked("fast", "slow", "majority"), copied, robustness=True)
    assert result.robustness is not None
    assert result.robustness.arms[-1] == ENSEMBLE and result.robustness.notes == ()
    again = reopen([copied]).robustness
    assert again is not None and again.arms == result.robustness.arms


def test_runs_and_ensembles_are_joined_by_what_they_are_made_of(made: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(made / "ensemble-seed0", tmp_path / "again"))
    joined = reopen([made / "ensemble-seed0", made / "ensemble-seed1", made / "slow-seed0", other])
    assert {arm.name: arm.seeds for arm in joined.arms} == {ENSEMBLE: (0, 1), "mlp": (0,)}
    assert "# ensemble-seed0: of fast, slow, majority, by sadari compare --ensemble" in joined.command


def test_the_command_that_is_printed_asks_for_it() -> None:
    arms, _ = expand([find_model("mlp"), find_model("cnn")], {}, {"epochs": 2})
    command = command_of(Comparison("digits", arms, (0, 1), ensemble=True))
    assert command == "sadari compare digits --models mlp,cnn --seeds 2 --epochs 2 --ensemble"


def test_both_doors_ask_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    asked_for: list[Any] = []

    def noted(plan: Any, *_: Any, **__: Any) -> None:
        asked_for.append(plan.request.ensemble)
        raise KeyboardInterrupt

    monkeypatch.setattr("sadari.comparison.plan.Plan.run", noted)
    with pytest.raises(KeyboardInterrupt):
        comparisons.compare("digits", ["mlp", "cnn"], ensemble=True)
    for words in (["--ensemble"], []):
        CliRunner().invoke(app, ["compare", "digits", "--models", "mlp,cnn", *words])
    assert asked_for == [True, True, False]


def test_a_terminal_prints_what_it_averages(made: Path) -> None:
    assert [line for line in conclusions(reopen([made])) if line.startswith("ensemble = 0.")]


# when it is made again


def test_the_same_command_makes_nothing_again(made: Path) -> None:
    before = content(made)
    compare(asked(), out=made, executor=SerialExecutor(train))
    assert content(made) == before and len(before) == 2 * 9


def test_more_seeds_leave_the_ensembles_that_are_there(copied: Path) -> None:
    before = content(copied)
    result = run(asked(seeds=(0, 1, 2)), copied)
    assert content(copied) == before
    assert next(arm for arm in result.arms if arm.name == ENSEMBLE).seeds == (0, 1, 2)


def test_one_more_arm_makes_it_anew(copied: Path) -> None:
    result = run(asked("fast", "slow", "majority", "logistic"), copied)
    assert all(len(Ensemble.read(each).candidates) == 4 for each in ensembles(copied))
    assert "logistic" in next(arm for arm in result.arms if arm.name == ENSEMBLE).members
    assert not list(copied.glob("*former*"))


def test_a_run_that_was_trained_again_makes_it_anew(copied: Path) -> None:
    shutil.copyfile(copied / "slow-seed1" / "model.safetensors", copied / "slow-seed0" / "model.safetensors")
    run(asked(), copied)
    changed, same = (Ensemble.read(each).candidates[1].sha256 for each in ensembles(copied))
    assert changed == same


def test_finished_runs_get_an_ensemble_and_lose_it_without_training(copied: Path, tmp_path: Path) -> None:
    folder = Path(shutil.move(copied, tmp_path / "runs" / "digits-compare-1"))
    without = compare(asked(ensemble=False), runs=tmp_path / "runs", executor=SerialExecutor(trained_already))
    assert without.out == folder and [arm.name for arm in without.arms_asked] == list(NAMES)
    assert "ensemble" not in (folder / "comparison.toml").read_text() and not list(folder.glob("*former*"))
    assert find_run(folder, Listener()).name != "ensemble-seed0"  # of another command now
    again = compare(asked(), runs=tmp_path / "runs", executor=SerialExecutor(trained_already))
    assert again.out == folder and again.arms_asked[-1].name == ENSEMBLE
    assert (folder / "ensemble-seed0").is_dir()


def trained_already(job: Job, out: Path, **options: Any) -> RunRecord:
    assert RunRecord(out).finished, "a finished run was trained again"
    return train(job, out, **options)


def test_a_damaged_ensemble_is_made_anew(copied: Path) -> None:
    (copied / "ensemble-seed0" / "ensemble.json").write_text("{}", encoding="utf-8")
    with pytest.raises(SadariError, match=r"ensemble\.json: it is damaged .* run the comparison again"):
        reopen([copied])
    run(asked(), copied)
    assert Ensemble.read(ensembles(copied)[0]).weights


# what cannot be averaged


@pytest.mark.parametrize(
    ("request_of", "says"),
    [
        (lambda: asked("slow"), "at least two arms, and there is only slow"),
        (
            lambda: Comparison("digits", (*arms("slow"), named_arm("ensemble", "softmax")), (0,), ensemble=True),
            "is called",
        ),
    ],
)
def test_what_is_no_request_is_refused(request_of: Any, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        request_of()


def test_best_has_no_ensemble() -> None:
    with pytest.raises(UsageError, match="averages models that are named, not best"):
        plan_comparison("digits", ["best"], seeds=(0,), varied={}, overrides={}, budget="10m", ensemble=True)


@pytest.mark.parametrize(
    ("chosen", "says"),
    [
        ({"val_fraction": 0.0}, "there are none; set val_fraction above 0"),
        ({}, "fast and slow have different ones"),
    ],
)
def test_without_common_validation_images_nothing_begins(tmp_path: Path, chosen: dict[str, Value], says: str) -> None:
    both = arms("fast", "slow", **chosen)
    if not chosen:
        both = (both[0], replace(both[1], overrides={**SHORT, "val_fraction": 0.3}))
    with pytest.raises(UsageError, match=says):
        run(Comparison("digits", both, (0,), ensemble=True), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def fails(arm: str, seed: int) -> SerialExecutor:
    def training(job: Job, out: Path, **options: Any) -> RunRecord:
        if out.name == f"{arm}-seed{seed}":
            raise SadariError("it diverged")
        return train(job, out, **options)

    return SerialExecutor(training)


def test_a_failed_run_is_left_out_and_that_is_said(tmp_path: Path) -> None:
    progress = Listener()
    result = compare(asked(), out=tmp_path / "out", executor=fails("slow", 1), progress=progress)
    assert "ensemble seed 1 is chosen without slow, whose run failed" in progress.said
    both = [Ensemble.read(each) for each in ensembles(result.out)]
    assert [each.left_out for each in both] == [(), ("without slow, whose run failed",)]
    assert [candidate.arm for candidate in both[1].candidates] == ["fast", "majority"]
    assert next(arm for arm in result.arms if arm.name == ENSEMBLE).status == "done"


def test_one_run_is_no_ensemble(tmp_path: Path) -> None:
    result = compare(asked("fast", "slow", seeds=(0,)), out=tmp_path / "out", executor=fails("slow", 0))
    arm = next(arm for arm in result.arms if arm.name == ENSEMBLE)
    assert arm.reason == "seed 0: only fast has finished, and an ensemble is chosen from at least 2 runs"
    assert reopen([result.out]).arms == result.arms


def test_the_folder_of_another_run_is_not_taken(tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(asked("fast", "slow", seeds=(0,), ensemble=False), out)
    shutil.copytree(out / "slow-seed0", out / "ensemble-seed0")
    result = run(asked("fast", "slow", seeds=(0,)), out)
    assert "holds another run" in next(arm for arm in result.arms if arm.name == ENSEMBLE).reason
    assert (out / "ensemble-seed0" / "model.safetensors").is_file()


# studies and claims

STUDY = """
data = "digits"
seeds = 2
ensemble = true
claims = ["ensemble >= majority", "turn(ensemble) > 1", "seconds(ensemble) > seconds(slow)"]

[settings]
epochs = 2
threads = 1
batch_size = 32
tensorboard = "off"

[[arms]]
name = "fast"
model = "mlp"
settings = { learning_rate = 0.01 }

[[arms]]
name = "slow"
model = "mlp"
settings = { learning_rate = 0.004 }

[[arms]]
model = "majority"
"""


def test_a_study_has_an_ensemble_and_claims_about_it(copied: Path, tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    path.write_text(STUDY, encoding="utf-8")
    study = read_study(path)
    assert study.request.ensemble
    result = run(study.request, copied, claims=study.claims)
    verdicts = [each.verdict for each in result.claims]
    assert verdicts[0] == "supported" and verdicts[1] == "not shown"
    assert "no turn" in result.claims[1].sentence
    assert "ensemble = true" in result.command
    path.write_text(STUDY.replace("ensemble = true", 'ensemble = "yes"'), encoding="utf-8")
    with pytest.raises(UsageError, match="`ensemble` is true or false, not yes"):
        read_study(path)


def test_without_an_ensemble_no_claim_is_about_one() -> None:
    with pytest.raises(UsageError, match="ensemble"):
        parse_claim("ensemble > mlp", ["mlp", "cnn"])


@pytest.mark.parametrize(
    ("key", "value"),
    [("run", "../../etc"), ("run", ".."), ("run", ""), ("run", "a\\b"), ("count", -1), ("count", True), ("count", 1.5)],
)
def test_a_member_is_a_folder_beside_it_and_nothing_else(copied: Path, key: str, value: Any) -> None:
    path = copied / "ensemble-seed0" / "ensemble.json"
    document = read_json(path)
    document["candidates"][0][key] = value
    write_json(path, document)
    with pytest.raises(SadariError, match="it is damaged"):
        Ensemble.read(RunRecord(path.parent))
