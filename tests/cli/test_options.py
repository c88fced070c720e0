"""Do all commands take the shared options the same way, and print JSON the same way?"""

import io
import json
import sys

import pytest

from sadari.cli.options import overrides_of, workers_of
from sadari.cli.output.console import json_text, print_json
from sadari.errors import UsageError
from support.terminal import Terminal


@pytest.mark.parametrize(
    ("words", "key"),
    [
        (("train", "digits", "--model", "mlp", "--epochs", "2", "--set", "epochs=3"), "epochs"),
        (("compare", "digits", "--epochs", "2", "--set", "epochs=3"), "epochs"),
        (("models", "vgg16", "--train", "all", "--set", "train=head"), "train"),
    ],
)
def test_what_is_said_twice_is_refused_by_every_command(sadari: Terminal, words: tuple[str, ...], key: str) -> None:
    answer = sadari(*words)
    assert answer.status == 2
    assert f"--{key} and --set {key}=... say the same thing twice" in answer.err


def test_overrides_are_those_that_were_given() -> None:
    assert overrides_of(None, epochs=None) == {}
    assert overrides_of(["dropout=0.3"], epochs=2, train=None) == {"dropout": "0.3", "epochs": 2}


def test_the_old_name_of_workers_is_taken_and_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert (workers_of("auto", None), workers_of("2", None)) == (None, 2)
    assert capsys.readouterr().err == ""
    assert (workers_of("auto", "3"), workers_of("auto", "auto")) == (3, None)
    assert "--jobs is called --workers now" in capsys.readouterr().err
    with pytest.raises(UsageError, match="--workers is a number from 1 up, or auto, not 'all'"):
        workers_of("auto", "all")


@pytest.mark.parametrize("command", ["compare", "study"])
def test_help_shows_the_new_name_alone(sadari: Terminal, command: str) -> None:
    shown = sadari(command, "--help").out
    assert "--workers" in shown and "--jobs" not in shown


def test_json_keeps_the_letters_of_every_script(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"class": "\uace0\uc591\uc774"})
    shown = capsys.readouterr().out
    assert "\uace0\uc591\uc774" in shown and json.loads(shown) == {"class": "\uace0\uc591\uc774"}


@pytest.mark.parametrize(("encoding", "text"), [("utf-8", "\udce4.png"), ("ascii", "\u00e4.png"), ("cp949", "\u011f")])
def test_what_the_output_cannot_encode_is_escaped(monkeypatch: pytest.MonkeyPatch, encoding: str, text: str) -> None:
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding=encoding))
    shown = json_text({"file": text})
    assert shown.isascii() and json.loads(shown) == {"file": text}
