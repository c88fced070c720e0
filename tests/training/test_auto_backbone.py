"""Is what `backbone=auto` takes decided once: when a job is made, for a run and a comparison that go on?"""

import socket
from pathlib import Path
from typing import Any

import pytest

from sadari.comparison.compare import compare
from sadari.comparison.request import Comparison, as_begun, decided, read_stored
from sadari.errors import UsageError
from sadari.inference.model import TrainedModel
from sadari.models.backbone import choice as choosing
from sadari.models.backbone import pretrained
from sadari.models.backbone.embedded import NAME, SHA256
from sadari.run import RunRecord
from sadari.settings import Value
from sadari.training.run_folder import as_begun as run_as_begun
from sadari.training.train import resume, train
from support.backbones import SIDE, SMALL, hub_folder
from support.jobs import QUIET, Listener, named_arms, named_job, parts, patterns
from support.sets import encode, write_folder

IMAGES = patterns(side=SIDE)
SPLIT = parts(IMAGES)
SET: dict[str, Value] = {**QUIET, "image_size": SIDE, "cache": "none"}


@pytest.fixture(autouse=True)
def _no_weights_of_the_machine_and_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def network(*_: Any, **__: Any) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", network)
    monkeypatch.setattr(socket, "getaddrinfo", network)
    monkeypatch.delenv("SADARI_WEIGHTS_DIR", raising=False)
    for module in (choosing, pretrained):
        monkeypatch.setattr(module, "in_hub_cache", lambda _: None)


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of weights that auto takes before those that come with Sadari."""
    hub_folder(tmp_path / "weights" / SMALL, without=("layer4", "fc"))
    monkeypatch.setenv("SADARI_WEIGHTS_DIR", str(tmp_path / "weights"))
    return tmp_path / "weights"


def test_a_job_names_the_network_and_never_auto() -> None:
    for model in ("linear-probe", "knn", "fine-tune"):
        job = named_job("patterns", model, 0, {})
        assert job.variables["backbone"] == NAME and job.variables["weights"] == "embedded"
        assert "auto" not in map(str, job.variables.values())
        assert (job.settings.image_size, job.settings.channels, job.settings.scaling) == (224, 3, "backbone")
        assert job.settings.interpolation == "bicubic" and job.note.startswith(f"backbone: auto takes {NAME}")
    cut = named_job("patterns", "knn", 0, {"cut": "blocks.3", "weights": "random"})
    assert cut.variables["cut"] == "blocks.3" and set(cut.by_auto) & {"backbone", "weights", "cut"} == {"backbone"}
    named = named_job("patterns", "knn", 0, {"backbone": SMALL, "weights": "random"})
    assert not named.by_auto and not named.note


def test_a_users_network_takes_auto_by_a_variable_alone(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text('layers = "backbone $backbone train head, globalavgpool"\n[variables]\nbackbone = "auto"\n')
    assert named_job("patterns", str(file), 0, {}).variables == {"backbone": NAME}
    file.write_text('layers = "backbone auto train head, globalavgpool"\n')
    with pytest.raises(UsageError, match=r"begin with `backbone auto`; write `backbone \$backbone"):
        named_job("patterns", str(file), 0, {})


def test_a_run_with_the_embedded_network_is_opened_where_that_is_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = Listener()
    run = train(
        named_job("patterns", "linear-probe", 0, SET), tmp_path / "run", images=IMAGES, split=SPLIT, progress=heard
    )
    assert f"backbone: auto takes {NAME}, which comes with Sadari (licence apache-2.0)" in heard.said
    assert run.environment["pretrained"]["origin"] == f"embedded:{NAME}"
    assert run.environment["pretrained"]["license"] == "apache-2.0" and run.weights_sha256 == SHA256
    assert f"begins with {NAME}, weights embedded:{NAME} (apache-2.0)" in (run.path / "log.txt").read_text()
    assert run.summary["params"]["total"] > 3_000_000
    monkeypatch.setattr("sadari.models.backbone.embedded.PACKAGE", "no-such-package-of-weights")
    model = TrainedModel.load(RunRecord(run.path))
    assert model.architecture.without_paths().pretrained == model.architecture.pretrained
    assert resume(run.path).finished


def test_a_run_goes_on_with_what_auto_took_when_it_began(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = named_job("patterns", "linear-probe", 0, SET)
    assert (job.variables["backbone"], job.variables["cut"]) == (SMALL, "layer3")
    run = train(job, tmp_path / "run", images=IMAGES, split=SPLIT)
    monkeypatch.delenv("SADARI_WEIGHTS_DIR")
    elsewhere, heard = named_job("patterns", "linear-probe", 0, SET), Listener()
    assert elsewhere.variables["backbone"] == NAME != SMALL and weights.is_dir()
    assert run_as_begun(elsewhere, run.path).record == job.record
    again = train(elsewhere, run.path, images=IMAGES, split=SPLIT, progress=heard)
    assert again.summary == run.summary
    assert f"backbone={SMALL}, as this run began; auto would be {NAME} here" in heard.said
    with pytest.raises(UsageError, match="holds a run with other settings"):
        train(named_job("patterns", "linear-probe", 0, {**SET, "backbone": NAME}), run.path, images=IMAGES, split=SPLIT)


def test_a_comparison_goes_on_with_what_auto_took_when_it_began(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = zip(IMAGES.ids, IMAGES.labels, IMAGES.images, strict=True)
    files = {f"{IMAGES.classes[label]}/{name}.png": encode(image) for name, label, image in named}
    data = write_folder(tmp_path / "photos", files)
    given: dict[str, Value] = {**QUIET, "cache": "none"}
    arms, _ = named_arms(["linear-probe"], {}, given)
    heard, request = Listener(), Comparison(str(data), arms, (0,))
    first = compare(request, out=tmp_path / "out", progress=heard)
    assert [each for each in heard.said if each.startswith("backbone: ")] == [
        f"backbone: auto takes {SMALL}, of SADARI_WEIGHTS_DIR (licence cc0-1.0); its weights are whole up to layer3 "
        "and used so far"
    ]
    monkeypatch.delenv("SADARI_WEIGHTS_DIR")
    more, _ = named_arms(["linear-probe", "knn"], {}, given)
    stored = read_stored(first.out) or {}
    here, _ = decided(Comparison(str(data), more, (0,)))
    begun = as_begun(here, stored)
    assert [arm.by_auto["backbone"] for arm in here.arms] == [NAME, NAME]
    assert [arm.by_auto["backbone"] for arm in begun.arms] == [SMALL, SMALL], "new arms take what the others took"
    assert {arm.by_auto["image_size"] for arm in begun.arms} == {SIDE}
    heard = Listener()
    again = compare(request, out=tmp_path / "out", progress=heard)
    assert again.records["linear-probe"][0].summary == first.records["linear-probe"][0].summary
    assert f"linear-probe: backbone={SMALL}, as this comparison began; auto would be {NAME} here" in heard.said
    assert weights.is_dir()
