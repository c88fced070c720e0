"""What of a project is up to date, what is not and why, and what is trained again?"""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from sadari.data.decisions.apply import bytes_digest
from sadari.data.decisions.file import DROP, Decision, beside, write_decisions
from sadari.errors import SadariError, UsageError
from sadari.locks.folder import hold_folder
from sadari.project import asked, held, standing
from sadari.project.file import read_project
from sadari.project.run import run_entries
from sadari.project.standing import ProjectStatus, Standing, project_standing
from support.fake_training import SKILLS, FakeTrainer
from support.reviewing import planted_folder

PROJECT = """
data = "{data}"
seeds = 2

[settings]
epochs = 4

[compare.ladder]
models = ["softmax", "mlp"]
claims = ["mlp > softmax"]
"""


LONGER_MLP = PROJECT.replace(
    'models = ["softmax", "mlp"]',
    'arms = [{{ model = "softmax" }}, {{ model = "mlp", settings = {{ epochs = 6 }} }}]',
)
LADDER = PROJECT.partition("[compare.ladder]")[2]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return planted_folder(tmp_path / "pictures", each=10)


def write(text: str) -> None:
    Path("sadari.toml").write_text(text.format(data="pictures/"), encoding="utf-8")


def stands(name: str = "ladder") -> Standing:
    return project_standing(read_project(".")).entries[name]


def said(entry: Standing) -> list[str]:
    return [each.sentence for each in entry.reasons]


def worked(*names: str, **named: Any) -> ProjectStatus:
    return run_entries(read_project("."), names, **named)


@pytest.fixture
def made(trainer: FakeTrainer, data: Path) -> FakeTrainer:
    """The project of PROJECT, made once; the calls of the trainer are those after that."""
    assert data.is_dir()
    write(PROJECT)
    assert worked().up_to_date
    assert len(trainer.calls) == 4
    trainer.calls.clear()
    return trainer


def test_what_is_missing_is_made_and_then_up_to_date(trainer: FakeTrainer, data: Path) -> None:
    write(PROJECT)
    before = stands()
    assert (before.state, before.to_do, before.good) == ("missing", "4 runs to train", False)
    found = worked()
    assert found.up_to_date and len(trainer.calls) == 4
    after = found.entries["ladder"]
    assert (after.state, after.reasons, after.to_do) == ("up to date", (), "")
    assert after.figures.startswith("mlp 0.") and after.figures.endswith("; claims: 1 not shown")
    assert after == stands()
    worked()
    assert len(trainer.calls) == 4
    assert data.is_dir()


def test_the_committed_file_has_the_same_bytes_when_all_is_made_again(made: FakeTrainer, tmp_path: Path) -> None:
    written = Path("results/ladder.json").read_bytes()
    assert str(tmp_path).encode() not in written  # no path of this machine
    assert b"2026" not in written  # and no date
    shutil.rmtree("runs")
    assert stands().state == "recorded"
    assert stands().to_do == "its runs are not here; 4 runs to train"
    assert project_standing(read_project(".")).up_to_date  # what is committed is still true
    assert worked().up_to_date and len(made.calls) == 4
    assert Path("results/ladder.json").read_bytes() == written


def test_a_copy_elsewhere_asks_for_the_same(made: FakeTrainer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    del made
    (tmp_path / "clone").mkdir()
    for name in ("sadari.toml", "results", "pictures"):
        copy = shutil.copytree if Path(name).is_dir() else shutil.copy
        copy(name, tmp_path / "clone" / name)
    monkeypatch.chdir(tmp_path / "clone")
    assert stands().state == "recorded"
    assert project_standing(read_project(".")).up_to_date


def test_a_changed_setting_names_it_and_keeps_the_runs_of_other_arms(made: FakeTrainer) -> None:
    write(LONGER_MLP)
    entry = stands()
    assert (entry.state, said(entry)) == ("out of date", ["mlp: epochs 4 -> 6"])
    assert entry.to_do == "2 of 4 runs to train"
    assert entry.reasons[0].kind == "settings"
    assert worked().up_to_date
    assert [job.model.name for job in made.calls] == ["mlp", "mlp"]
    assert {each.name for each in Path("runs/former/ladder-1").glob("*seed*")} == {"mlp-seed0", "mlp-seed1"}
    assert not list(Path("runs/ladder").glob("comparison-former*"))


def test_a_setting_of_all_arms_is_said_once_and_trains_all(made: FakeTrainer) -> None:
    write(PROJECT.replace("epochs = 4", "epochs = 5"))
    assert said(stands()) == ["all arms: epochs 4 -> 5"]
    assert worked().up_to_date and len(made.calls) == 4
    assert Path("runs/former/ladder-1/comparison.toml").is_file()  # a comparison still


def test_another_split_keeps_no_run(made: FakeTrainer) -> None:
    write(PROJECT.replace("epochs = 4", "epochs = 4\nsplit_seed = 3"))
    assert said(stands()) == ["all arms: split_seed 0 -> 3"]
    assert worked().up_to_date and len(made.calls) == 4
    splits = [tuple(each.test.tolist()) for each in made.splits]
    assert len(set(splits)) == 2  # drawn anew, not read from the folder


def test_arms_and_seeds_are_added_and_taken_away(made: FakeTrainer) -> None:
    write(PROJECT.replace('"softmax", "mlp"', '"softmax", "mlp", "majority"').replace("seeds = 2", "seeds = 3"))
    entry = stands()
    assert said(entry) == ["new: majority", "seeds: 0, 1 -> 0, 1, 2"]
    assert entry.to_do == "5 of 9 runs to train"
    assert worked().up_to_date and len(made.calls) == 5
    write(PROJECT)
    entry = stands()
    assert said(entry) == ["not asked for any more: majority", "seeds: 0, 1, 2 -> 0, 1"]
    assert entry.to_do == "no run to train; judged again"
    assert worked().up_to_date and len(made.calls) == 5
    assert not Path("runs/ladder/majority-seed0").exists() and not Path("runs/ladder/mlp-seed2").exists()
    assert {arm["name"] for arm in json.loads(Path("runs/ladder/comparison.json").read_text())["arms"]} == {
        "softmax",
        "mlp",
    }


def test_claims_alone_train_nothing(made: FakeTrainer) -> None:
    write(PROJECT.replace('["mlp > softmax"]', '["mlp >= softmax within 0.9", "loss(mlp) < 9"]'))
    entry = stands()
    assert (entry.state, said(entry)) == ("out of date", ["2 claims are new, 1 claim is gone"])
    assert entry.to_do == "no run to train; judged again"
    found = worked()
    assert not made.calls
    assert "; claims: 2 " in found.entries["ladder"].figures


def test_texts_margin_and_ensemble_train_nothing(made: FakeTrainer) -> None:
    write(PROJECT + 'margin = 0.02\ntitle = "two"\nensemble = false\n')
    assert said(stands()) == ["margin: none -> 0.02", "title changed"]
    assert worked().up_to_date and not made.calls


def test_other_images_are_named_by_their_fingerprint(made: FakeTrainer, data: Path) -> None:
    shutil.copy(data / "left" / "000.png", data / "left" / "more.png")
    entry = stands()
    [reason] = entry.reasons
    assert reason.kind == "images" and reason.sentence.startswith("the images changed since: fingerprint ")
    assert entry.to_do == "4 runs to train"
    assert worked().up_to_date and len(made.calls) == 4


def test_a_decision_is_told_from_other_images(made: FakeTrainer, data: Path) -> None:
    name = "left/wrong_0.png"
    digest = bytes_digest((data / name).read_bytes())
    path = beside(data)
    assert path is not None
    write_decisions(path, {name: Decision(name, DROP, "", "left", digest, "2026-01-01T00:00:00")})
    assert said(stands()) == ["a decision was added: 0 -> 1 that change the set"]
    assert stands().reasons[0].kind == "decisions"
    assert worked().up_to_date and len(made.calls) == 4
    write_decisions(path, {})
    assert said(stands()) == ["a decision was taken back: 1 -> 0 that change the set"]


def test_another_version_judges_again(made: FakeTrainer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standing, "version_here", lambda: "9.0")
    entry = stands()
    assert said(entry) == [f"judged by sadari {asked.version_here()}, here is 9.0"]
    assert (entry.reasons[0].kind, entry.to_do) == ("version", "no run to train; judged again")
    assert not made.calls


def test_a_network_in_a_file_is_read_again(trainer: FakeTrainer, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SKILLS, "net", 0.6)
    Path("net.toml").write_text('layers = "flatten, dense 4"\n', encoding="utf-8")
    write(PROJECT.replace('"mlp"]', '"net.toml"]').replace("mlp >", "net >"))
    assert worked().up_to_date
    Path("net.toml").write_text('layers = "flatten, dense 8"\n', encoding="utf-8")
    assert said(stands()) == ["net: the layers of ./net.toml changed"]
    trainer.calls.clear()
    assert worked().up_to_date
    assert [job.model.name for job in trainer.calls] == ["net", "net"]
    assert data.is_dir()


def test_runs_that_went_missing_are_made_again_alone(made: FakeTrainer) -> None:
    shutil.rmtree("runs/ladder/mlp-seed1")
    assert (stands().state, stands().to_do) == ("recorded", "3 of its runs are here; 1 of 4 runs to train")
    assert worked().up_to_date and len(made.calls) == 1
    Path("results/ladder.json").unlink()
    assert (stands().state, stands().to_do) == ("unfinished", "no run to train; judged again")
    assert worked().up_to_date and len(made.calls) == 1


def test_all_is_trained_again_where_that_is_asked(made: FakeTrainer) -> None:
    assert worked(anew=True).up_to_date
    assert len(made.calls) == 4
    assert Path("runs/former/ladder-1/mlp-seed0/scores.json").is_file()


def test_an_interrupted_project_goes_on(trainer: FakeTrainer, data: Path) -> None:
    write(PROJECT)
    trainer.fails = {"mlp": KeyboardInterrupt()}
    with pytest.raises(KeyboardInterrupt):
        worked()
    assert (stands().state, stands().to_do) == ("unfinished", "2 of 4 runs to train")
    trainer.fails, trainer.calls = {}, []
    assert worked().up_to_date
    assert [job.model.name for job in trainer.calls] == ["mlp", "mlp"]
    assert data.is_dir()


def test_an_interruption_while_runs_are_moved_loses_none(made: FakeTrainer, monkeypatch: pytest.MonkeyPatch) -> None:
    write(LONGER_MLP)
    moves: list[Path] = []
    original = held._move

    def once(path: Path, to: Path) -> None:
        if moves:
            raise KeyboardInterrupt
        moves.append(path)
        original(path, to)

    with monkeypatch.context() as patch:
        patch.setattr(held, "_move", once)
        with pytest.raises(KeyboardInterrupt):
            worked()
    assert worked().up_to_date
    assert [job.settings.epochs for job in made.calls] == [6, 6]
    former = sorted(each.name for each in Path("runs/former").glob("*/*seed*"))
    assert former == ["mlp-seed0", "mlp-seed1"]


def test_an_entry_that_fails_stops_no_other(trainer: FakeTrainer, data: Path) -> None:
    common = "seeds = 2\nsettings = {{ epochs = 4 }}\n"
    missing = '[compare.gone]\ndata = "gone/x"\nmodels = ["mlp"]\n'
    write(f'{common}{missing}[compare.ladder]\ndata = "{{data}}"{LADDER}')
    found = worked()
    gone, ladder = found.entries.values()
    assert (gone.state, ladder.state) == ("failed", "up to date")
    assert "there is no file or folder" in said(gone)[0]
    assert not found.up_to_date
    assert data.is_dir() and trainer.calls


def test_an_arm_that_fails_is_tried_again_and_one_that_is_to_fail_is_not(trainer: FakeTrainer, data: Path) -> None:
    trainer.fails = {"mlp": SadariError("the loss is no longer a number")}
    write(PROJECT)
    entry = worked().entries["ladder"]
    assert (entry.state, entry.to_do) == ("failed", "tries again")
    assert "mlp: seed 0: the loss is no longer a number" in said(entry)[0]
    write(PROJECT.replace('["mlp > softmax"]', '["mlp fails"]'))
    assert said(stands()) == ["1 claim is new, 1 claim is gone"]
    assert worked().entries["ladder"].state == "up to date"
    assert data.is_dir()


def test_two_processes_do_not_work_on_one_project(made: FakeTrainer) -> None:
    del made
    with hold_folder(Path("runs").resolve()), pytest.raises(SadariError, match="another process works through"):
        worked()


@pytest.mark.parametrize("damage", ["{", "[]", '{"kind": "compare"}', '{"kind": "compare", "asked": {"arms": 3}}'])
def test_a_damaged_result_is_one_sentence(damage: str, made: FakeTrainer) -> None:
    del made
    Path("results/ladder.json").write_text(damage, encoding="utf-8")
    entry = stands()
    assert entry.state == "failed"
    assert "ladder.json" in said(entry)[0] and "\n" not in said(entry)[0]
    assert said(entry)[0].endswith("; remove it, and sadari run writes it anew")
    assert not worked().up_to_date
    assert not worked("ladder", anew=True).up_to_date  # nor are its runs moved away for it
    assert Path("runs/ladder/mlp-seed0").is_dir() and not Path("runs/former").exists()
    assert Path("results/ladder.json").read_text(encoding="utf-8") == damage  # nothing is overwritten unseen


def test_what_is_in_the_way_is_moved_aside(made: FakeTrainer) -> None:
    Path("runs/ladder").rename("ladder")
    Path("runs/ladder").write_text("mine", encoding="utf-8")
    assert worked().up_to_date
    assert len(made.calls) == 4
    assert Path("runs/former/ladder-1").read_text(encoding="utf-8") == "mine"


def test_one_entry_alone_is_made(trainer: FakeTrainer, data: Path) -> None:
    write(PROJECT + '\n[compare.other]\nmodels = ["majority"]\n')
    found = worked("other")
    assert list(found.entries) == ["other"]
    assert {job.model.name for job in trainer.calls} == {"majority"}
    assert stands().state == "missing"
    with pytest.raises(UsageError, match="unknown entry 'oter'; did you mean 'other'"):
        worked("oter")
    assert data.is_dir()
