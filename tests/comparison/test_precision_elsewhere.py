"""Does a comparison keep its precision where "auto" means another one?"""

import shutil
from pathlib import Path

import pytest

from sadari.comparison.compare import compare
from sadari.comparison.executor import SerialExecutor
from sadari.comparison.reopen import reopen
from sadari.comparison.request import Comparison
from sadari.inference import device
from sadari.run import RunRecord
from support.jobs import Listener
from support.reopening import request, run


# a comparison that goes on where "auto" means another precision
def on_a_machine(monkeypatch: pytest.MonkeyPatch, precision: str) -> None:
    """Let `precision=auto` become this one from here on."""
    monkeypatch.setattr(
        device, "_precision", lambda settings, _: precision if settings.precision == "auto" else settings.precision
    )


def train_quickly(asked: Comparison, out: Path, heard: Listener) -> dict[str, str]:
    """Run a comparison for real; return the precision of each run."""
    compare(asked, out=out, executor=SerialExecutor(), progress=heard)
    return {each.parent.name: RunRecord(each.parent).job.settings.precision for each in out.glob("*/settings.toml")}


def test_seeds_that_are_added_elsewhere_have_the_precision_of_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = Listener()
    on_a_machine(monkeypatch, "float32")
    assert set(train_quickly(request("softmax", seeds=1, epochs=1), tmp_path / "c", heard).values()) == {"float32"}
    assert not any("precision" in each for each in heard.said)
    on_a_machine(monkeypatch, "bfloat16")
    found = train_quickly(request("softmax", seeds=2, epochs=1), tmp_path / "c", heard)
    assert found == {"softmax-seed0": "float32", "softmax-seed1": "float32"}
    assert "softmax: precision=float32, as this comparison began; auto would be bfloat16 here" in heard.said


def test_arms_that_begin_elsewhere_have_the_precision_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = request("softmax", "mlp", seeds=1, epochs=1)
    on_a_machine(monkeypatch, "float32")
    train_quickly(asked, tmp_path / "c", Listener())
    shutil.rmtree(tmp_path / "c" / "mlp-seed0")
    on_a_machine(monkeypatch, "bfloat16")
    assert set(train_quickly(asked, tmp_path / "c", Listener()).values()) == {"float32"}


def test_a_precision_that_was_chosen_stays_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = request("softmax", seeds=1, epochs=1, vary=("precision=auto,float32",))
    on_a_machine(monkeypatch, "bfloat16")
    found = train_quickly(asked, tmp_path / "c", Listener())
    assert found == {"softmax-precision=auto-seed0": "bfloat16", "softmax-precision=float32-seed0": "float32"}


def test_an_arm_of_several_precisions_is_named(tmp_path: Path) -> None:
    run(request("mlp", seeds=2), tmp_path / "c")
    settings = tmp_path / "c" / "mlp-seed1" / "settings.toml"
    settings.write_text(settings.read_text().replace('"float32"', '"bfloat16"'))
    heard = Listener()
    reopen([tmp_path / "c"], heard)
    assert "mlp has runs of different precision: bfloat16, float32" in heard.said
