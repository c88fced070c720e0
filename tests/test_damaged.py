"""Is a damaged file of a run one sentence that names it, whatever the damage, and does a run go on where it can?"""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sadari.comparison.reopen import reopen
from sadari.errors import SadariError
from sadari.run import RunRecord
from sadari.training.train import train
from support.interruptions import at_step, ctrl_c
from support.jobs import DROPPED, job_for, model_bytes, network_file, parts, patterns
from support.terminal import Terminal

DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "cut": lambda content: content[: len(content) // 2],
    "a byte": lambda content: content[:40] + b"\xff" + content[41:],
    "list": lambda _: b"[1, 2]",
    "no keys": lambda _: b"{}",
    "noise": lambda content: bytes((7 * at + 13) % 256 for at in range(len(content))),
}
READ_BY: dict[str, Callable[[RunRecord], object]] = {
    "split.npz": lambda run: run.split,
    "predictions.csv": lambda run: (run.predictions, run.answers),
    "history.csv": lambda run: run.history,
    "scores.json": lambda run: run.scores("test"),
    "environment.json": lambda run: (run.notes, run.fingerprint),
    "settings.toml": lambda run: run.job,
}
# What a damage leaves readable: a table without rows, or one with fewer of them.
STILL_READ = {
    ("history.csv", "empty"),
    ("history.csv", "cut"),
    ("settings.toml", "a byte"),
    ("predictions.csv", "cut"),
    ("split.npz", "a byte"),  # of a name that stands in the file twice
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    return train(job_for("majority", data="shapes:images=60,size=16"), folder / "run").path


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", READ_BY)
def test_a_damaged_file_is_one_sentence(name: str, damage: str, finished: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(finished, tmp_path / "run"))
    (run / name).write_bytes(DAMAGES[damage]((run / name).read_bytes()))
    try:
        READ_BY[name](RunRecord(run))
    except SadariError as error:
        assert str(run / name) in str(error)
        assert "; " in str(error)
        assert "\n" not in str(error)
    else:
        assert (name, damage) in STILL_READ


@pytest.mark.parametrize("damage", ["empty", "cut", "noise", "list"])
@pytest.mark.parametrize("name", [*READ_BY, "preprocess.json", "log.txt", "model.safetensors"])
@pytest.mark.parametrize("command", ["evaluate", "report", "resume", "explain"])
def test_no_command_shows_a_traceback(
    command: str, name: str, damage: str, finished: Path, tmp_path: Path, sadari: Terminal
) -> None:
    run = Path(shutil.copytree(finished, tmp_path / "run"))
    (run / name).write_bytes(DAMAGES[damage]((run / name).read_bytes()))
    answer = sadari(command, run)
    assert answer.status in (0, 1, 2)
    assert "failed unexpectedly" not in answer.err


@pytest.mark.parametrize("name", ["log.txt", "history.csv", "preprocess.json"])
def test_a_run_goes_on_without_what_it_can_write_again(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = patterns()
    job = job_for(network_file(tmp_path, DROPPED))
    whole = train(job, tmp_path / "whole", images=images, split=parts(images))
    with at_step(monkeypatch, 1, 1, ctrl_c), pytest.raises(KeyboardInterrupt):
        train(job, tmp_path / "run", images=images, split=parts(images))
    (tmp_path / "run" / name).write_bytes(b"\xff\xfe\x00 damaged")
    resumed = train(job, tmp_path / "run", images=images)
    assert model_bytes(resumed) == model_bytes(whole)
    assert len(resumed.history) == len(whole.history)


def test_a_report_names_the_damaged_file(finished: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(finished, tmp_path / "run"))
    (run / "predictions.csv").write_bytes(b"\xff")
    with pytest.raises(SadariError, match=r"predictions\.csv"):
        reopen([run])
