"""Do `doctor`, `models` and `settings` say which network backbone=auto takes, without a network?"""

import json
from pathlib import Path

import pytest

from sadari.models.backbone import choice as choosing
from sadari.models.backbone import embedded
from sadari.models.backbone.embedded import NAME
from support.backbones import SMALL, hub_folder
from support.terminal import Terminal

SENTENCE = f"auto takes {NAME}, which comes with Sadari (licence apache-2.0)"


@pytest.fixture(autouse=True)
def _no_weights_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SADARI_WEIGHTS_DIR", raising=False)
    monkeypatch.setattr(choosing, "in_hub_cache", lambda _: None)


def test_doctor_has_a_row(sadari: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert f"backbone  {SENTENCE}" in sadari("doctor").out.splitlines()
    found = json.loads(sadari("doctor", "--json").out)["backbone"]
    assert (found["name"], found["weights"], found["cut"], found["license"]) == (NAME, "embedded", "end", "apache-2.0")
    hub_folder(tmp_path / "weights" / SMALL)
    monkeypatch.setenv("SADARI_WEIGHTS_DIR", str(tmp_path / "weights"))
    assert f"backbone  auto takes {SMALL}, of SADARI_WEIGHTS_DIR (licence cc0-1.0)" in sadari("doctor").out


def test_doctor_says_what_is_missing(sadari: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "PACKAGE", "no-such-package-of-weights")
    answer = sadari("doctor")
    assert answer.status == 1
    assert "problem   the weights that come with Sadari are not installed: no-such-package-of-weights" in answer.out


def test_a_model_is_shown_with_the_network_that_it_would_take(sadari: Terminal) -> None:
    answer = sadari("models", "linear-probe")
    assert answer.status == 0
    assert " ".join(answer.out.split()).endswith(f"backbone: {SENTENCE}")
    document = json.loads(sadari("models", "knn", "--json").out)
    assert document["layers"][0]["layer"] == f"backbone {NAME} train head weights embedded"
    assert document["variables"]["backbone"] == NAME and document["input"] == [224, 224, 3]


def test_settings_say_what_auto_means(sadari: Terminal) -> None:
    out = " ".join(sadari("settings", "linear-probe").out.split())
    assert "backbone = auto, cut = end, weights = auto" in out
    assert "backbone = auto takes pre-trained weights that are on this disk; `sadari doctor` says which" in out
