"""Does each function leave the calling process as it found it: threads, BLAS, denormal numbers, random state?"""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info

import sadari
from sadari.run import RunRecord
from support.jobs import QUIET

SET = "shapes:images=60,size=16"
QUICK: dict[str, Any] = {**QUIET, "epochs": 1, "threads": 1}


def state() -> dict[str, Any]:
    """Return what a library may not change for its caller."""
    products = torch.full((4_000_000,), 1e-39) * 0.5  # so many that all threads share them
    return {
        "torch threads": torch.get_num_threads(),
        "threads of BLAS and OpenMP": {each["filepath"]: each["num_threads"] for each in threadpool_info()},
        "denormal numbers count": bool((products != 0).all()),
        "cudnn": (torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic),
        "gradients": torch.is_grad_enabled(),
        "torch's random state": torch.get_rng_state().tolist(),
        "NumPy's random state": str(np.random.get_state()),
        "Python's random state": random.getstate(),
    }


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    return sadari.train(SET, "softmax", out=tmp_path_factory.mktemp("run") / "softmax", **QUICK)


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from PIL import Image

    path = tmp_path_factory.mktemp("picture") / "a.png"
    Image.fromarray(sadari.load(SET).images[0]).save(path)
    return path


def estimator(_: RunRecord, __: Path, ___: Path) -> None:
    images = sadari.load(SET)
    fitted = sadari.ImageClassifier("softmax", epochs=1, random_state=0).fit(images.images[:], images.labels)
    fitted.predict(images.images[:4])


FUNCTIONS: dict[str, Callable[[RunRecord, Path, Path], object]] = {
    "load": lambda _, __, ___: sadari.load(SET),
    "train a network": lambda _, __, out: sadari.train(SET, "mlp", out=out, **{**QUICK, "threads": 2}),
    "train a classical model": lambda _, __, out: sadari.train(SET, "logistic", out=out, max_iter=3, **QUICK),
    "train a backbone": lambda _, __, out: sadari.train(
        SET, "fine-tune", out=out, backbone="test_resnet", weights="random", image_size=32, **QUICK
    ),
    "predict": lambda run, picture, _: sadari.predict(run.path, picture),
    "export": lambda run, _, out: sadari.export(run.path, "safetensors", out=out),
    "export to ONNX": lambda run, _, out: sadari.export(run.path, "onnx", out=out / "model.onnx"),
    "compare": lambda _, __, out: sadari.compare(
        SET, ["majority", "softmax"], seeds=1, out=out, robustness=True, workers=1, epochs=1, threads=1
    ),
    "reopen and report": lambda run, _, out: sadari.write_report(sadari.reopen(run.path), out / "report.html"),
    "ImageClassifier": estimator,
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_leaves_the_process_as_it_was(name: str, run: RunRecord, picture: Path, tmp_path: Path) -> None:
    torch.manual_seed(3)
    np.random.seed(3)
    random.seed(3)
    before = state()
    FUNCTIONS[name](run, picture, tmp_path / "out")
    after = state()
    known = before["threads of BLAS and OpenMP"]  # a function may load another library
    after["threads of BLAS and OpenMP"] = {path: after["threads of BLAS and OpenMP"][path] for path in known}
    assert after == before


def test_the_state_is_seen() -> None:
    before = state()
    torch.rand(1)
    assert state() != before
    torch.set_flush_denormal(True)
    try:
        assert float(torch.tensor(1e-39) * 0.5) == 0
    finally:
        torch.set_flush_denormal(False)
