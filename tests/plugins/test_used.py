"""Does a run say which plug-ins it used, is it opened later without them, and does it run nothing that nobody named?"""

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import sadari
from sadari.errors import PluginWarning, SadariError, UsageError
from sadari.files import read_json
from sadari.inference.model import TrainedModel
from sadari.plugins import offers
from sadari.plugins.used import MissingPluginError, checked_records, source_sha256
from sadari.run import RunRecord
from support.extras import EXAMPLE, install

LITTLE = {"epochs": 2, "tensorboard": "off", "checkpoint_seconds": 0.0}
DATA = "shapes:images=60,size=16"


def forget() -> None:
    for name in [each for each in sys.modules if each.startswith("sadari_extras")]:
        del sys.modules[name]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return the folder in which the example package is installed."""
    monkeypatch.setattr(offers, "_decorated", {})
    monkeypatch.setattr(offers, "_asked", {})
    monkeypatch.setenv("SADARI_CACHE_DIR", str(tmp_path / "cache"))
    site = install(tmp_path / "site")
    monkeypatch.syspath_prepend(site)
    yield site
    forget()


def removed(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Uninstall the package, as for a process that starts now."""
    monkeypatch.setattr(sys, "path", [each for each in sys.path if each != str(site)])
    monkeypatch.setattr(offers, "_decorated", {})
    forget()


def changed(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Change the source of the package, as for a process that starts now."""
    path = site / "sadari_extras" / "losses.py"
    path.write_text(path.read_text(encoding="utf-8") + "\n# another line\n", encoding="utf-8")
    monkeypatch.setattr(offers, "_decorated", {})
    forget()


def test_a_run_stores_what_it_used_and_opens_later_or_says_what_is_missing(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = sadari.train(DATA, "thumbnail", out=tmp_path / "run", augment="speckle 0.2", **LITTLE)  # type: ignore[arg-type]
    records = {(each["kind"], each["name"]): each for each in run.plugins}
    assert list(records) == [
        ("model", "thumbnail"),
        ("layer", "squeeze-excite"),
        ("augmentation", "speckle"),
        ("optimizer", "lion"),
        ("loss", "focal"),
        ("metric", "brier"),
    ]
    digest = source_sha256("sadari_extras.layers")
    for each in records.values():
        assert (each["distribution"], each["version"], each["source_sha256"]) == ("sadari-extras", "0.1", digest)
    one_of = np.eye(len(run.predictions.classes))[run.predictions.labels]
    brier = ((run.predictions.probabilities - one_of) ** 2).sum(1).mean()
    assert run.scores("test")["brier"] == pytest.approx(float(brier))
    again = sadari.train(DATA, "thumbnail", out=tmp_path / "run", augment="speckle 0.2", **LITTLE)  # type: ignore[arg-type]
    assert again.path == run.path

    removed(site, monkeypatch)
    later = RunRecord.open(run.path)
    assert (later.job.settings.optimizer, later.job.settings.loss) == ("lion", "focal")
    assert later.scores("test") == run.scores("test")
    assert "the metric 'brier' of sadari-extras 0.1 is not here; install sadari-extras 0.1" in later.notes
    with pytest.raises(MissingPluginError) as caught:
        TrainedModel.load(later)
    assert str(caught.value) == (
        "the model needs the layer 'squeeze-excite' of sadari-extras 0.1, which is not here; install sadari-extras 0.1"
    )
    assert "sadari_extras" not in sys.modules


def test_an_unfinished_run_goes_on_only_with_the_same_plug_ins(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sadari.testing.networks import _Stopping
    from sadari.training.train import resume

    def begun(name: str) -> Path:
        with pytest.raises(KeyboardInterrupt):
            sadari.train(DATA, "mlp", out=tmp_path / name, loss="focal", progress=_Stopping(), **LITTLE)  # type: ignore[arg-type]
        return tmp_path / name

    first, second = begun("first"), begun("second")
    assert resume(first).finished
    shutil.copytree(second, tmp_path / "third")
    changed(site, monkeypatch)
    with pytest.raises(SadariError, match=r"the loss 'focal' of sadari-extras 0\.1 has changed since"):
        resume(second)
    removed(site, monkeypatch)
    with pytest.raises(MissingPluginError, match=r"needs the loss 'focal' of sadari-extras 0\.1, which is not here"):
        resume(tmp_path / "third")
    assert TrainedModel.load(RunRecord.open(first)).classes  # a trained model needs no loss


def test_a_layer_that_has_changed_is_said_when_its_run_is_opened(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.toml").write_text('layers = "conv 4, squeeze-excite 2, flatten"', encoding="utf-8")
    run = sadari.train(DATA, str(tmp_path / "mine.toml"), out=tmp_path / "run", **LITTLE)  # type: ignore[arg-type]
    assert TrainedModel.load(run).classes
    changed(site, monkeypatch)
    with pytest.warns(PluginWarning, match=r"'squeeze-excite' of sadari-extras 0\.1 has changed since the model was"):
        TrainedModel.load(run)


def test_what_a_run_names_is_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run folder from anywhere may name any module; opening it runs nothing of it."""
    monkeypatch.setenv("SADARI_CACHE_DIR", str(tmp_path / "cache"))
    run = sadari.train(DATA, "softmax", out=tmp_path / "run", **LITTLE)  # type: ignore[arg-type]
    (tmp_path / "evil_module.py").write_text(
        "from pathlib import Path\nPath('evil').write_text('ran')\n", encoding="utf-8"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    path = run.path / "environment.json"
    record = {
        "kind": "loss",
        "name": "evil",
        "module": "evil_module",
        "distribution": "",
        "version": "",
        "source_sha256": "0",
    }
    path.write_text(json.dumps({**read_json(path), "plugins": [record]}), encoding="utf-8")
    opened = RunRecord.open(run.path)
    assert opened.notes[-1].endswith("is not here; name its module, if you trust it: --plugins evil_module")
    TrainedModel.load(opened)
    assert not (tmp_path / "evil").exists() and "evil_module" not in sys.modules


@pytest.mark.parametrize(
    "document",
    [{}, [3], [{}], [{"kind": "shell", "name": "x"}], [{"kind": "loss", "name": 3}], [{"kind": "loss", "name": "x"}]],
)
def test_damaged_records_are_refused(document: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        checked_records(document)


def test_a_setting_that_nothing_offers_is_refused_where_a_run_begins() -> None:
    with pytest.raises(UsageError, match="loss is one of cross-entropy, not 'focal'"):
        sadari.train("digits", "mlp", out="nowhere", loss="focal")


def test_a_teacher_is_compared_with_by_cross_entropy(site: Path, tmp_path: Path) -> None:
    del site
    with pytest.raises(UsageError, match="not by loss=focal; leave one out"):
        sadari.train(DATA, "mlp", out=tmp_path / "run", loss="focal", teacher=str(tmp_path))


def test_the_digest_is_that_of_all_files_of_a_package(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sadari_extras.losses

    before = source_sha256("sadari_extras.losses")
    assert before == source_sha256("sadari_extras.layers") != ""
    changed(site, monkeypatch)
    import sadari_extras.losses  # noqa: F401, F811

    assert source_sha256("sadari_extras.losses") != before
    assert len(list((EXAMPLE / "src" / "sadari_extras").glob("*.py"))) == 8
