"""What does `sadari tune` print, and with which status does it end?"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sadari.tuning.result import TuneResult
from support.terminal import Terminal
from support.tuning import DATA

SMALL = ("--model", "mlp", "--epochs", "2", "--set", "threads=1", "--seeds", "1")
SEARCH = ("--search", "learning_rate=0.001:0.1:log", "--search", "optimizer=adam,sgd")


def test_it_prints_what_was_found(sadari: Terminal) -> None:
    result = sadari("tune", DATA, *SMALL, *SEARCH, "--trials", "3", "--out", "out")
    assert result.status == 0
    lines = result.out.splitlines()
    assert lines[0] == f"mlp tuned on {DATA}: 3 trials"
    assert lines[1].split() == ["trial", "validation", "log", "loss", "learning_rate", "optimizer"]
    assert any(line.split()[:2] == ["0", "default"] for line in lines)
    assert any(line.lstrip().startswith("importance of each setting") for line in lines)
    assert any(" the default: " in line and "fresh seed each" in line for line in lines)
    assert any(line.startswith("The best of 3 trials ") for line in lines)
    assert "report  out/report.html" in lines
    assert any(line.startswith("tuned   sadari train") and "learning_rate=" in line for line in lines)
    assert "searched on validation images: learning_rate=0.001:0.1:log, optimizer=adam,sgd" in result.err
    assert "trial 2: " in result.err
    for name in ("report.html", "final/report.html", "plots/tune-history.png", "plots/tune-parallel.svg", "tune.json"):
        assert (Path("out") / name).is_file(), name

    again = sadari("report", "out")
    assert again.status == 0 and "The best of 3 trials" in again.out

    document = json.loads(sadari("tune", DATA, *SMALL, *SEARCH, "--trials", "3", "--out", "out", "--json").out)
    assert [each["number"] for each in document["trials"]] == [0, 1, 2]
    assert document["report"].endswith("report.html") and document["flattery"] and document["verdict"]
    reported = json.loads(sadari("report", "out", "--json").out)
    assert reported["sentences"] == document["sentences"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--search", "lr=1:2"), "unknown setting 'lr'; it is called learning_rate here"),
        (("--search", "learning_rate"), "--search takes key=low:high"),
        (("--trials", "3", "--budget", "1m"), "a number of trials or a budget of time; leave one of them out"),
        (("--budget", "soon"), "a budget is a time above 0"),
        (("--seeds", "0"), "judged with at least one fresh seed"),
        (("--workers", "many"), "--workers is a number from 1 up, or auto"),
        (("--epochs", "2", "--search", "epochs=1:3"), "'epochs' is both set and searched"),
    ],
)
def test_what_is_wrong_is_one_sentence(words: tuple[str, ...], sentence: str, sadari: Terminal) -> None:
    result = sadari("tune", "digits", "--model", "mlp", *words)
    assert result.status == 2
    assert result.err.startswith("error: ") and sentence in result.err and result.err.count("\n") == 1
    assert not Path("runs").exists()


def test_without_optuna_one_sentence_says_how_to_install_it(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['optuna'] = None; sys.argv = ['sadari', 'tune', 'digits', '--model', 'mlp']; "
        "from sadari.cli.main import main; main()"
    )
    process = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert process.returncode == 1
    assert process.stderr == (
        "error: searching for settings needs the package optuna, which is not installed; in the folder of Sadari's "
        "checkout, run: uv sync --extra tune\n"
    )


def test_ctrl_c_says_how_to_go_on(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sadari", "tune", DATA, *SMALL, *SEARCH, "--trials", "40", "--out", "out"]
    command[1:3] = ["-c", "from sadari.cli.main import main; main()"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, env={**os.environ})
    while not (tmp_path / "out" / "trials" / "0001").is_dir() and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate()
    assert process.returncode == 130, errors
    assert "interrupted; what is finished is kept, go on with: sadari tune" in errors
    assert "Traceback" not in errors
    assert (tmp_path / "out" / "trials" / "0000" / "scores.json").is_file()


def test_a_search_that_was_stopped_has_a_page_too(sadari: Terminal, whole: TuneResult) -> None:
    shutil.copytree(whole.out, "out")
    shutil.rmtree("out/final")
    Path("out/tune.json").unlink()
    result = sadari("report", "out")
    assert result.status == 0
    assert "The best settings are not judged on test images yet; the same command goes on." in result.out
    assert Path("out/report.html").is_file()


def test_a_search_as_latex_is_the_table_of_its_final_comparison(sadari: Terminal, whole: TuneResult) -> None:
    shutil.copytree(whole.out, "out")
    answer = sadari("report", "out", "--latex")
    assert answer.status == 0
    assert whole.final is not None and answer.out.count("\\begin{table}") == 1
    assert all(arm.name.replace("_", "\\_") in answer.out for arm in whole.final.arms)
    assert "report  " in answer.err
    shutil.rmtree("out/final")
    refused = sadari("report", "out", "--latex")
    assert (refused.status, refused.out) == (1, "") and "has no final comparison yet, so no table" in refused.err
