"""What does a shell offer when Tab is pressed, and without waiting for torch?"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sadari.cli.main import app
from sadari.data.load import named_sets
from sadari.models.catalog import MODELS
from sadari.settings import setting_names

SCRIPT = "import sys; sys.argv = ['sadari']; from sadari.cli.main import main; main()"


def pressing_tab(line: str) -> dict[str, str]:
    """Return the environment in which bash calls for completion, with the cursor behind the last letter of `line`."""
    words = line.split(" ")
    return {"_SADARI_COMPLETE": "complete_bash", "COMP_WORDS": "\n".join(words), "COMP_CWORD": str(len(words) - 1)}


def offered(line: str) -> list[str]:
    result = CliRunner().invoke(app, [], env=pressing_tab(line), prog_name="sadari")
    assert result.exit_code == 0, result.output
    return result.stdout.split()


def test_commands_and_options() -> None:
    assert {"train", "compare", "log", "data"} <= set(offered("sadari "))
    assert offered("sadari comp") == ["compare"]
    assert offered("sadari data ch") == ["check"]
    assert "--model" in offered("sadari train digits --")


def test_models_of_the_ladder() -> None:
    assert offered("sadari train digits --model ") == MODELS.names()
    assert offered("sadari train digits --model cnn-") == ["cnn-lstm"]
    assert offered("sadari models majo") == ["majority"]


def test_several_models_behind_commas() -> None:
    assert offered("sadari compare digits --models logistic,ml") == ["logistic,mlp"]
    assert offered("sadari compare digits --models be") == ["best"]
    assert offered("sadari compare digits --models mlp,be") == []
    assert "mlp,mlp" not in offered("sadari compare digits --models mlp,")


def test_named_sets_else_paths() -> None:
    assert offered("sadari train ") == named_sets().names()
    assert offered("sadari data info fash") == ["fashion-mnist"]
    assert offered("sadari compare ./pho") == []  # then the shell names files


def test_settings_and_the_variables_of_the_model() -> None:
    assert offered("sadari train digits --model lstm --set ep") == ["epochs="]
    assert "dropout=" in offered("sadari train digits --model lstm --set ")
    assert "dropout=" not in offered("sadari train digits --model majority --set ")
    assert "dropout=" in offered("sadari compare digits --models majority,lstm --vary ")
    assert {f"{name}=" for name in setting_names()} <= set(offered("sadari data info digits --set "))


def test_choices_of_a_setting() -> None:
    assert offered("sadari train digits --model mlp --set optimizer=ad") == [
        "optimizer=adam", "optimizer=adamw", "optimizer=adadelta",
    ]  # fmt: skip
    assert offered("sadari train digits --model mlp --set epochs=") == []


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_choices_in_the_shells_that_do_not_cut_words_at_the_sign(shell: str) -> None:
    line = {"_TYPER_COMPLETE_ARGS": "sadari train digits --model mlp --set optimizer=adamw"}
    environment = {"_SADARI_COMPLETE": f"complete_{shell}", "_TYPER_COMPLETE_FISH_ACTION": "get-args", **line}
    result = CliRunner().invoke(app, [], env=environment, prog_name="sadari")
    assert "optimizer=adamw" in result.stdout and "adadelta" not in result.stdout


def test_splits() -> None:
    assert offered("sadari evaluate runs/first --split t") == ["train", "test"]


@pytest.mark.parametrize("line", ["sadari train digits --model c", "sadari compare digits --set ", "sadari log "])
def test_nothing_heavy_is_loaded(line: str) -> None:
    script = f"{SCRIPT[: -len('main()')]}\ntry:\n    main()\nexcept SystemExit:\n    pass\n"
    script += "print(sorted({'torch', 'pandas', 'scipy', 'sklearn', 'matplotlib', 'mlflow'} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, **pressing_tab(line)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
def test_bash_itself_is_answered(tmp_path: Path) -> None:
    command = tmp_path / "sadari"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{SCRIPT}"\n', encoding="utf-8")
    command.chmod(0o755)
    shown = subprocess.run(
        [sys.executable, "-c", SCRIPT.replace("['sadari']", "['sadari', '--show-completion', 'bash']")],
        env={**os.environ, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    script = (
        f"{shown}\nCOMP_WORDS=(sadari train digits --model logi); COMP_CWORD=4\n"
        f'_sadari_completion sadari\necho "${{COMPREPLY[@]}}"\n'
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", script],
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["logistic"]
