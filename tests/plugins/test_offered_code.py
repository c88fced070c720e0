"""Is a class or function that an installed package offers a model, opened again without naming its code?"""

import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

import sadari
from sadari.errors import UsageError
from sadari.models.catalog import MODELS
from sadari.models.own import named
from sadari.models.own.named import NotNamedError
from sadari.plugins import offers
from support.extras import install

NETS = """
    from torch import nn

    def tiny_net(image_shape, classes, width=4):
        channels, height, across = image_shape
        return nn.Sequential(nn.Conv2d(channels, width, 3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(classes))
"""
DATA = "shapes:images=60,size=16"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return the folder in which a package with a function is installed."""
    monkeypatch.setattr(offers, "_decorated", {})
    monkeypatch.setattr(offers, "_asked", {})
    monkeypatch.setattr(named, "_NAMED", {})
    site = tmp_path / "site"
    site.mkdir()
    (site / "nets_of_others.py").write_text(textwrap.dedent(NETS), encoding="utf-8")
    found = {"tiny_net": "nets_of_others:tiny_net", "another": "nets_of_others:tiny_net"}
    install(site, "nets-of-others", "1.0", {"sadari.models": found})
    monkeypatch.syspath_prepend(site)
    yield site
    sys.modules.pop("nets_of_others", None)


def test_an_installed_function_is_a_model_that_opens_without_naming_it(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = sadari.train(DATA, "tiny_net", out=tmp_path / "run", epochs=1, width=3, tensorboard="off")
    monkeypatch.setattr(named, "_NAMED", {})  # as in another process
    sadari.export(run.path, "safetensors", out=tmp_path / "model")
    assert (tmp_path / "model" / "model.safetensors").is_file()
    monkeypatch.setattr(named, "_NAMED", {})
    monkeypatch.setattr(sys, "path", [each for each in sys.path if each != str(site)])
    with pytest.raises(NotNamedError, match="nets_of_others:tiny_net, which runs only when you name it"):
        sadari.export(run.path, "safetensors", out=tmp_path / "other")


@pytest.mark.usefixtures("site")
def test_an_entry_has_the_name_of_its_function() -> None:
    with pytest.raises(UsageError, match="which it cannot be: it calls itself 'tiny_net'"):
        MODELS.get("another")
