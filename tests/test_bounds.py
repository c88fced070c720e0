"""Are sizes and counts that no machine holds refused in one sentence, before anything is allocated or written?"""

import re
import shutil
import tracemalloc
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from sadari.comparison.plan import plan_comparison
from sadari.data.load import load
from sadari.data.packs import build
from sadari.errors import SadariError, UsageError
from sadari.settings import Settings
from sadari.training import setup
from sadari.training.train import train
from support.jobs import job_for
from support.sets import flat_files, write_folder
from support.terminal import Terminal

FAR = ("1000000000", "100000000000000000000")  # as many as memory never holds, and more than a register does
LITTLE = 2**29  # bytes that a refusal may take: reading images takes half of it, what is refused at least twice
DIGITS = ("digits", "--epochs", "1")


@pytest.fixture(autouse=True)
def no_large_allocation() -> Iterator[None]:
    tracemalloc.start()
    yield
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < LITTLE


@pytest.mark.parametrize("count", FAR)
@pytest.mark.parametrize("models", [("--models", "majority,softmax"), ("--models", "best", "--budget", "10s")])
def test_seeds(models: tuple[str, ...], count: str, tmp_path: Path, sadari: Terminal) -> None:
    answer = sadari("compare", "digits", *models, "--seeds", count, "--out", tmp_path / "c")
    assert (answer.status, answer.out) == (2, "")
    assert "seeds" in answer.err
    assert list(tmp_path.glob("c")) == []


@pytest.mark.parametrize("count", FAR)
def test_seeds_of_a_study(count: str, tmp_path: Path, sadari: Terminal) -> None:
    arm = '[[arms]]\nmodel = "softmax"\n[[arms]]\nmodel = "majority"\n'
    (tmp_path / "s.toml").write_text(f'title = "t"\ndata = "digits"\nseeds = {count}\n{arm}')
    (tmp_path / "t.toml").write_text(f'title = "t"\ndata = "digits"\nseeds = 1\n{arm}')
    for words in (("study", tmp_path / "s.toml"), ("study", tmp_path / "t.toml", "--seeds", count)):
        answer = sadari(*words, "--out", tmp_path / "c")
        assert answer.status == 2
        assert "at most 10,000 seeds" in answer.err


def test_seeds_of_python() -> None:
    with pytest.raises(UsageError, match="at most 10,000 seeds"):
        plan_comparison("digits", ["softmax"], seeds=iter(range(10**12)), varied={}, overrides={})


def test_arms(sadari: Terminal) -> None:
    varied = [word for key in ("learning_rate", "weight_decay") for word in ("--vary", f"{key}=0.001:0.9:0.001")]
    answer = sadari("compare", *DIGITS, "--models", "softmax", *varied)
    assert answer.status == 2
    assert "810,000 arms of softmax; 10,000 are the most" in answer.err


@pytest.mark.parametrize("count", FAR)
@pytest.mark.parametrize("name", [each.name for each in fields(Settings) if each.metadata["high"] < float(FAR[0])])
def test_settings(name: str, count: str, tmp_path: Path, sadari: Terminal) -> None:
    answer = sadari("train", *DIGITS, "--model", "softmax", "--set", f"{name}={count}", "--out", tmp_path / "r")
    assert answer.status == 2
    assert re.search(rf"{name} is a number from (0|0\.1|1) to ", answer.err)
    assert float(answer.err.rpartition(", not ")[2]) == float(count)
    assert list(tmp_path.glob("r")) == []


def test_images_that_the_disk_does_not_hold(tmp_path: Path, sadari: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "memory_bytes", lambda: 0)  # as where it is not known
    answer = sadari("train", *DIGITS, "--model", "softmax", "--set", "image_size=30000", "--out", tmp_path / "r")
    assert answer.status == 1
    assert "1,797 images of 30,000 x 30,000 pixels take 1,506 GiB decoded, and " in answer.err
    assert list(tmp_path.glob("r")) == []


@pytest.mark.parametrize("stream", ["auto", "always", "never"])
def test_images_that_memory_does_not_hold(stream: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "memory_bytes", lambda: 2**30)
    folder = write_folder(tmp_path / "photos", flat_files(a=2, b=2))
    with pytest.raises(
        SadariError, match=r"one image of 20,000 x 20,000 pixels takes 11\.2 GiB .* has 1 GiB of memory"
    ):
        load(folder, Settings(image_size=20_000, channels=3, stream=stream))


def test_files_that_the_disk_does_not_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = shutil.disk_usage(tmp_path)._replace(free=40_000)
    monkeypatch.setattr(build, "disk_usage", lambda _: free)
    folder = write_folder(tmp_path / "photos", flat_files(a=2, b=2))
    with pytest.raises(SadariError, match=r"4 images of 120 x 120 pixels take .*; choose a smaller image_size"):
        load(folder, Settings(image_size=120, stream="never"))
    assert np.asarray(load(folder, Settings(image_size=32, stream="never")).images).shape[1:3] == (32, 32)


def test_networks_that_memory_does_not_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = job_for("softmax", data="shapes:images=60,size=16", epochs=1)
    monkeypatch.setattr(setup, "memory_bytes", lambda: 40_000)  # 16 * 16 * 3 * 8 + 8 numbers, and as many of gradients
    with pytest.raises(SadariError, match=r"the network 'softmax' has 6,152 parameters on images of 16 x 16 pixels, "):
        train(job, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    monkeypatch.setattr(setup, "memory_bytes", lambda: 60_000)
    assert train(job, tmp_path / "run").finished
