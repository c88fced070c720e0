"""Is the network of docs/bring-your-model.md a model, as the page says, and are its words those of the program?"""

import re
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import sadari
from sadari.models.own import named
from sadari.settings import SCALINGS, setting_names
from support.terminal import Terminal

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "bring-your-model.md").read_text(encoding="utf-8")
(CODE,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
SMALL = ("shapes:images=60,size=16", "--epochs", "1", "--set", "tensorboard=off")


@pytest.fixture
def net(sadari: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """The command line in a folder with net.py of the page, in a process that has named no code."""
    (tmp_path / "net.py").write_text(CODE, encoding="utf-8")
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(named, "_NAMED", {})
    monkeypatch.delitem(sys.modules, "net", raising=False)
    return sadari


def test_the_example_has_twenty_lines() -> None:
    assert len([line for line in CODE.splitlines() if line.strip()]) <= 20


def test_the_example_is_trained_compared_and_opened(net: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("RGB", (16, 16)).save("photo.png")
    data, *options = SMALL
    assert net("train", data, "--model", "net:make_net", "--set", "width=4", *options).status == 0
    assert net("compare", data, "--models", "majority,net:make_net", "--seeds", "1", *options).status == 0
    (run,) = (sadari.train(data, sys.modules["net"].make_net, out="runs/own", epochs=1, tensorboard="off").path,)
    monkeypatch.setattr(named, "_NAMED", {})
    refused = net("predict", "runs/shapes-make_net-seed0", "photo.png")
    assert refused.status == 1 and "add --model-code net:make_net (in Python, model_code=make_net)" in refused.err
    assert net("predict", "runs/shapes-make_net-seed0", "photo.png", "--model-code", "net:make_net").status == 0
    assert len(sadari.predict(run, "photo.png", model_code="net:make_net")) == 1


def test_the_page_names_settings_and_options_that_there_are(net: Terminal) -> None:
    settings = {name for name, _ in re.findall(r"`([a-z_]+)=([a-z0-9]+)`", PAGE)}
    assert settings <= {*setting_names(), "width", "model_code"}
    assert all(each in SCALINGS for each in re.findall(r"`scaling=(\w+)`", PAGE))
    shown: dict[str, Any] = net("models", "net:make_net", "--json", "--inside").document
    assert shown["variables"] == {"width": 16, "dropout": 0.2} and shown["inside"][0]["kind"] == "Conv2d"


def test_the_page_is_linked() -> None:
    for readme in ("README.md", "README.ko.md"):
        assert "docs/bring-your-model.md" in (ROOT / readme).read_text(encoding="utf-8")
