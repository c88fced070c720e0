"""What does the command line say of plug-ins, and how does it take --plugins?"""

import os
import warnings
from pathlib import Path
from typing import Any

import pytest

from sadari.cli import doctor
from sadari.cli.output.plugins import apart, plugin_rows, plugin_warnings_said, without_plugins
from sadari.errors import PluginWarning, UsageError
from sadari.plugins import offers
from sadari.plugins.offers import warn


def test_modules_join_those_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SADARI_PLUGINS", "a")
    assert without_plugins(["train", "--plugins", "b,c", "x", "--plugins=a"]) == ["train", "x"]
    assert os.environ["SADARI_PLUGINS"] == "a,b,c"
    monkeypatch.delenv("SADARI_PLUGINS")
    assert without_plugins(["train", "x"]) == ["train", "x"]
    assert "SADARI_PLUGINS" not in os.environ


@pytest.mark.parametrize("words", [["--plugins"], ["--plugins="], ["--plugins", "--json"]])
def test_the_option_needs_a_module(words: list[str]) -> None:
    with pytest.raises(UsageError, match="--plugins takes the name of a module"):
        apart(words)


@pytest.mark.parametrize(
    ("named", "sentence"),
    [
        (
            "./my_losses.py",
            r"write --plugins my_losses in the folder of my_losses\.py; '\./my_losses\.py'",
        ),
        ("my_losses.py", "not its file: write --plugins my_losses in the folder"),
        ("nets/my_losses", "such as my_layers or my_package.metrics; 'nets/my_losses' is none"),
        ("my-losses", "such as my_layers"),
    ],
)
def test_a_module_is_named_and_not_its_file(named: str, sentence: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=sentence):
        apart(["train", "--plugins", named])
    monkeypatch.setenv("SADARI_PLUGINS", named)
    monkeypatch.setattr(offers, "_asked", {})
    with pytest.raises(UsageError, match=sentence):
        offers.import_named()


def test_what_is_left_out_is_a_note_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        with plugin_warnings_said():
            warn("the metric 'x' of y 1.0 is left out")
            warn("the metric 'x' of y 1.0 is left out")
            warn("another one is left out")
        assert capsys.readouterr().err == ("note: the metric 'x' of y 1.0 is left out\nnote: another one is left out\n")
        with pytest.warns(PluginWarning):
            warn("Python is told as Python tells")


def test_the_doctor_names_what_cannot_be_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rows = [{"kind": "loss", "name": "x", "package": "y 1.0", "problem": "the loss 'x' of y 1.0 cannot be used"}]
    monkeypatch.setattr("sadari.cli.output.plugins.plugin_rows", lambda: rows)
    monkeypatch.setenv("SADARI_CACHE_DIR", str(tmp_path))
    document: dict[str, Any] = doctor.examine()
    assert document["plugins"] == rows and "the loss 'x' of y 1.0 cannot be used" in document["problems"]


def test_there_are_none_here() -> None:
    assert plugin_rows() == []
