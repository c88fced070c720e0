"""Do knn, linear-probe and a comparison of both compute the features of a photograph once, whichever comes first?"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import Tensor

from sadari.comparison.compare import compare
from sadari.comparison.request import Comparison
from sadari.data.load import load
from sadari.models.backbone.module import Backbone
from sadari.progress import Silent
from sadari.review.features import backbone_job as features_job
from sadari.review.features import backbone_rows
from sadari.run import RunRecord
from sadari.settings import Value
from sadari.training.results import TIMED_IMAGES
from sadari.training.train import train
from support.backbones import QUICK
from support.jobs import QUIET, named_arms, named_job
from support.photographs import photographs
from support.sets import write_folder

COUNT = 40  # of a class, of which there are three
GIVEN: dict[str, Value] = {**QUIET, **QUICK}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("shared") / "photos"
    return str(write_folder(folder, photographs(COUNT, ((40, 60), (60, 40)), "JPEG")))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SADARI_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture
def passed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The images of each pass through a backbone, one after the other."""
    counts: list[int] = []
    forward = Backbone.forward

    def counting(self: Backbone, x: Tensor) -> Any:
        counts.append(len(x))
        return forward(self, x)

    monkeypatch.setattr(Backbone, "forward", counting)
    yield counts


def one(model: str, data: str, out: Path, seed: int = 0, **overrides: Value) -> RunRecord:
    return train(named_job(data, model, seed, {**GIVEN, **overrides}), out)


@pytest.mark.parametrize("models", [("linear-probe", "knn"), ("knn", "linear-probe")])
def test_the_second_model_computes_only_what_its_own_speed_is_timed_on(
    models: tuple[str, str], data: str, passed: list[int], tmp_path: Path
) -> None:
    first = one(models[0], data, tmp_path / "first")
    images = sum(first.summary["images"].values())
    timed = min(TIMED_IMAGES, first.summary["images"]["test"])
    assert images == 3 * COUNT
    assert images + timed <= sum(passed) <= images + timed + 1  # one image shows the shape of the output
    passed.clear()
    one(models[1], data, tmp_path / "second")
    assert sum(passed) == timed
    passed.clear()
    one(models[0], data, tmp_path / "seed", seed=1)
    assert sum(passed) == timed


def test_a_comparison_of_both_computes_the_features_once(data: str, passed: list[int], tmp_path: Path) -> None:
    arms, _ = named_arms(["linear-probe", "knn"], {}, GIVEN)
    result = compare(Comparison(data, arms, (0, 1)), out=tmp_path / "out")
    runs = [record for records in result.records.values() for record in records]
    images, test = sum(runs[0].summary["images"].values()), runs[0].summary["images"]["test"]
    timed = len(runs) * min(TIMED_IMAGES, test)
    assert len(runs) == 4
    assert images + timed <= sum(passed) <= images + timed + 1


def test_a_map_reads_the_features_of_a_run(data: str, passed: list[int], tmp_path: Path) -> None:
    made = one("linear-probe", data, tmp_path / "run")
    passed.clear()
    job = features_job(data, GIVEN)
    images = load(made.job.data, job.settings)
    rows = backbone_rows(job, images, np.arange(len(images), dtype=np.int64), Silent())
    assert rows is not None and len(rows) == 3 * COUNT
    assert not passed
