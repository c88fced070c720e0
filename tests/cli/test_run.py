"""What does a user see of `sadari run`, and with which status does it end?"""

import errno
import json
from pathlib import Path

import pytest

from sadari.comparison import compare as room
from sadari.project import run as working
from sadari.project.file import FILE
from support.terminal import Terminal

PROJECT = """
data = "digits"
seeds = 2
[settings]
epochs = 1
[compare.ladder]
models = ["majority", "softmax"]
claims = ["softmax > majority"]
[export.winner]
of = "ladder"
to = "safetensors"
"""


def test_a_project_is_made_from_the_file_to_the_exported_winner(sadari: Terminal) -> None:
    Path(FILE).write_text(PROJECT, encoding="utf-8")
    asked = sadari("run", "--status")
    assert (asked.status, asked.out) == (
        1,
        "ladder  missing  to do: 4 runs to train\nwinner  missing  to do: the best run of ladder is exported\n",
    )
    assert not Path("runs").exists() and not Path("results").exists()
    made = sadari("run", "--workers", "1")
    assert made.status == 0, made.err
    assert "ladder: missing; 4 runs to train\n" in made.err
    assert "compare.ladder" in made.out and "95 % interval" in made.out and "not shown  softmax > majority" in made.out
    last = made.out.splitlines()[-2:]
    assert last[0].startswith("ladder  up to date  softmax 0.") and last[0].endswith("; claims: 1 not shown")
    assert last[1].startswith("winner  up to date  model, of softmax-seed")
    assert Path("runs/ladder/report.html").is_file() and Path("runs/winner/model/model.safetensors").is_file()
    again = sadari("run")
    assert (again.status, again.out.splitlines(), again.err) == (0, last, "")
    told = sadari("run", "--status", "--json")
    assert told.status == 0
    assert told.document["up_to_date"] is True
    ladder, winner = told.document["entries"]
    assert (ladder["kind"], ladder["state"], ladder["reasons"], ladder["to_do"]) == ("compare", "up to date", [], "")
    assert Path(winner["runs"]) == Path("runs/winner").resolve()

    Path(FILE).write_text(PROJECT.replace("seeds = 2", "seeds = 1"), encoding="utf-8")
    asked = sadari("run", "--status", ".")
    assert asked.status == 1
    lines = asked.out.splitlines()
    assert lines[0].startswith("ladder  out of date  as it was: softmax 0.")
    assert [line.strip() for line in lines[1:3]] == ["seeds: 0, 1 -> 0", "to do: no run to train; judged again"]
    assert "ladder is out of date" in lines[4]
    fewer = sadari("run", "--json")
    assert fewer.status == 0 and json.loads(fewer.out)["up_to_date"]


def test_an_export_deletes_nothing_that_is_not_its_own(sadari: Terminal) -> None:
    Path(FILE).write_text(PROJECT.replace("seeds = 2", "seeds = 1"), encoding="utf-8")
    assert sadari("train", "digits", "--model", "majority", "--out", "runs/winner").status == 0
    assert sadari("run", "--workers", "1").status == 0
    assert Path("runs/former/winner-1/scores.json").is_file()
    Path("runs/winner").rename("before")
    Path("elsewhere").mkdir()
    Path("runs/winner").symlink_to(Path("elsewhere").resolve())
    Path("results/winner.json").unlink()
    for _ in range(2):
        again = sadari("run", "winner")
        assert again.status == 0, again.err
        Path("results/winner.json").unlink()
    assert Path("elsewhere/model/model.safetensors").is_file() and not Path("runs/former/winner-2").exists()


def test_the_exported_model_of_another_branch_is_not_that_of_the_committed_result(sadari: Terminal) -> None:
    Path(FILE).write_text(PROJECT.replace("seeds = 2", "seeds = 1"), encoding="utf-8")
    assert sadari("run", "--workers", "1").status == 0
    committed = {path: path.read_bytes() for path in (Path(FILE), *Path("results").iterdir())}
    model = Path("runs/winner/model/model.safetensors")
    first = model.read_bytes()
    Path(FILE).write_text(PROJECT.replace("seeds = 2", "seeds = [5]"), encoding="utf-8")
    assert sadari("run", "--workers", "1").status == 0
    assert model.read_bytes() != first
    for path, content in committed.items():  # as `git checkout` does, which leaves runs/ as it is
        path.write_bytes(content)
    assert "winner  recorded" in sadari("run", "--status").out
    assert sadari("run", "--workers", "1").status == 0
    assert model.read_bytes() == first
    assert "winner  up to date" in sadari("run", "--status").out


def test_an_export_that_fails_leaves_the_former_one(sadari: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    text = PROJECT.replace("seeds = 2", "seeds = 1")
    Path(FILE).write_text(text, encoding="utf-8")
    assert sadari("run", "--workers", "1").status == 0
    held = {path: path.read_bytes() for path in Path("runs/winner").rglob("*") if path.is_file()}
    assert len(held) > 1
    Path(FILE).write_text(text.replace("seeds = 1", "seeds = [5]"), encoding="utf-8")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(working, "export_record", full)  # when all of the model is written
        failed = sadari("run", "--workers", "1")
    assert failed.status == 1 and "cannot write" in failed.err + failed.out
    left = {path: path.read_bytes() for path in Path("runs/winner").rglob("*") if path.is_file()}
    assert left == held
    assert sadari("run", "--workers", "1").status == 0
    assert {path.name for path in Path("runs/winner").iterdir()} == {path.parts[2] for path in held}
    assert any(path.read_bytes() != content for path, content in held.items())


def test_a_project_begins_with_a_template(sadari: Terminal) -> None:
    written = sadari("run", "--init")
    assert (written.status, written.out) == (0, f"wrote   {FILE}\nwrote   .gitignore\nnext    sadari run\n")
    assert sadari("run", "--status").out.startswith("ladder  missing  to do: 9 runs to train")
    again = sadari("run", "--init")
    assert (again.status, again.err.count("\n")) == (2, 1)
    assert "is there already" in again.err
    Path("there").mkdir()
    assert sadari("run", "there", "--init", "--json").document == {
        "written": [f"there/{FILE}", "there/.gitignore"],
    }


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "there is no project file"),
        (("mine.toml",), "there is no project file"),
        (("ladder",), "there is no project file"),
        (("--init", "--status"), "--init writes a new sadari.toml"),
        (("--init", "mine.toml"), "--init writes a new sadari.toml; give it alone"),
        (("--status", "--anew"), "--status makes nothing"),
        (("--workers", "none"), "there is no project file"),
    ],
)
def test_what_cannot_be_run_is_one_sentence(words: tuple[str, ...], said: str, sadari: Terminal) -> None:
    answer = sadari("run", *words)
    assert answer.status == 2
    assert said in answer.err and answer.err.count("\n") == 1


def test_a_folder_with_the_name_of_an_entry_is_not_taken_for_a_project(sadari: Terminal) -> None:
    Path(FILE).write_text(PROJECT, encoding="utf-8")
    Path("ladder").mkdir()
    assert sadari("run", "ladder", "--status").out.startswith("ladder  missing")
    assert "there is no project file" in sadari("run", "ladder/", "--status").err


def test_an_unknown_entry_is_answered_with_the_nearest(sadari: Terminal) -> None:
    Path(FILE).write_text(PROJECT, encoding="utf-8")
    answer = sadari("run", "lader")
    assert (answer.status, answer.err) == (2, "error: unknown entry 'lader'; did you mean 'ladder'?\n")


def test_ctrl_c_ends_with_the_command_that_goes_on(sadari: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(room, "compare", stopped)
    Path(FILE).write_text(PROJECT, encoding="utf-8")
    answer = sadari("run", "--anew")
    assert answer.status == 130
    assert "interrupted; what is finished is kept, go on with: sadari run\n" in answer.err
    assert not Path("runs").exists()  # nothing was begun
