"""Which runs of a comparison have one thread and go side by side? What is trained decides, not what is free."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from sadari.comparison.executor import Task
from sadari.comparison.workers import sharing
from sadari.comparison.workers.sharing import LITTLE_IN_ALL, fit_at_once, goes_beside
from sadari.values import ImageSet, RowAccess, Split
from support.jobs import job_for, network_file

ALL_CORES: dict[str, Any] = {"threads": 0, "batch_size": 128}


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sadari.inference.device.cores", lambda: 2)


def images(side: int = 28, channels: int = 1, count: int = 10, classes: int = 10) -> ImageSet:
    return ImageSet(
        name="blank",
        images=np.zeros((count, side, side, channels), dtype=np.uint8),
        labels=np.arange(count) % classes,
        ids=np.array([str(number) for number in range(count)]),
        classes=tuple("abcdefghij"[:classes]),
        source_split=np.full(count, ""),
        fingerprint="blank",
    )


@pytest.mark.parametrize(
    ("model", "side", "overrides", "beside"),
    [
        ("majority", 28, {}, True),
        ("logistic", 28, {}, True),
        ("mlp", 28, {}, True),
        ("lstm", 28, {"batch_size": 512}, True),
        ("cnn", 28, {}, False),
        ("sprint", 28, {}, False),
        ("cnn", 8, {}, True),
        ("cnn", 28, {"batch_size": 32}, True),
        ("mlp", 224, {}, False),
        ("mlp", 28, {"threads": 2}, False),
        ("cnn", 28, {"threads": 1}, True),
        ("linear-probe", 64, {"weights": "random"}, False),
    ],
)
def test_a_second_core_goes_to_another_run_where_one_run_has_little_use_for_it(
    model: str, side: int, overrides: dict[str, Any], beside: bool
) -> None:
    assert goes_beside(job_for(model, **{**ALL_CORES, **overrides}), images(side)) is beside


@pytest.mark.parametrize(("units", "beside"), [(1024, True), (2048, False)])
def test_large_matrices_keep_two_cores_busy(units: int, beside: bool, tmp_path: Path) -> None:
    network = network_file(tmp_path, f"flatten, dense {units}, dense {units}")
    assert goes_beside(job_for(network, **ALL_CORES), images()) is beside


def test_a_classical_model_that_fills_the_memory_stays_alone() -> None:
    few = images(64, 3, 10)
    many = replace(few, images=np.broadcast_to(few.images[:1], (22_000, 64, 64, 3)), labels=np.zeros(22_000, np.int64),
                   ids=np.arange(22_000).astype(str), source_split=np.full(22_000, ""))  # fmt: skip
    assert goes_beside(job_for("logistic", **ALL_CORES), few)
    assert not goes_beside(job_for("logistic", **ALL_CORES), many)
    assert not goes_beside(job_for("logistic", threads=1), many)
    assert goes_beside(job_for("mlp", threads=1), many), "it reads its images batch by batch"


def test_a_run_of_several_devices_has_no_other_beside_it() -> None:
    assert goes_beside(job_for("mlp", threads=1), images())
    assert not goes_beside(job_for("mlp", threads=1, devices=2), images())
    assert goes_beside(job_for("logistic", threads=1, devices=2), images()), "it has no effect there"


@pytest.mark.parametrize(("memory", "models", "count"), [
    (64, ("mlp", "logistic"), 8),
    (4, ("mlp", "softmax"), 4),
    (8, ("mlp", "logistic"), 3),
    (1, ("logistic",), 1),
])  # fmt: skip
def test_no_more_run_at_once_than_fit_into_memory(
    memory: int, models: tuple[str, ...], count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sharing, "memory_bytes", lambda: memory << 30)
    large = images(64, 3, 17_000)  # 0.8 GiB of float32
    split = Split(large.labels, large.labels, large.labels, "not looked at")
    tasks = [Task(job_for(model), Path(), large, split, model) for model in models]
    assert fit_at_once(tasks, 8) == count


def test_what_is_soon_done_needs_no_worker(tmp_path: Path) -> None:
    few = images(8, count=1000)
    split = Split(np.arange(1000), few.labels[:0], few.labels[:0], "all of them")

    def tasks(runs: int, epochs: int) -> list[Task]:
        return [Task(job_for("mlp", epochs=epochs), tmp_path / str(n), few, split, "mlp") for n in range(runs)]

    enough = LITTLE_IN_ALL // (1000 * 64) + 1
    assert fit_at_once(tasks(2, (enough - 1) // 2), 2) == 1
    assert fit_at_once(tasks(2, enough), 2) == 2
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "scores.json").write_text("{}", encoding="utf-8")
    assert fit_at_once(tasks(2, enough // 2 + 1), 2) == 1, "a run that is finished is no work"
    (tmp_path / "1" / "scores.json").unlink()
    assert fit_at_once(tasks(2, enough // 2 + 1), 2) == 2


class Streamed:
    """Rows that are decoded on demand."""

    def __init__(self, rows: RowAccess) -> None:
        self.shape, self.dtype, self.ndim, self._rows = rows.shape, rows.dtype, rows.ndim, rows

    def __len__(self) -> int:
        return len(self._rows)

    def prefetch(self, order: NDArray[np.int64]) -> None:
        """Expect reads at the positions in `order`."""


def test_streamed_images_are_decoded_by_all_cores() -> None:
    mapped = images()
    streamed = replace(mapped, images=Streamed(mapped.images))  # type: ignore[arg-type]
    assert goes_beside(job_for("mlp", **ALL_CORES), mapped)
    assert not goes_beside(job_for("mlp", **ALL_CORES), streamed)
