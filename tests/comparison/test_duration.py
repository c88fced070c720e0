"""Is the time of a study said before it begins, and does it count what is left?"""

import re
from pathlib import Path

import numpy as np
import pytest

from sadari.comparison.analysis import duration
from sadari.comparison.analysis.duration import expected_duration
from sadari.comparison.best.cost_model import CACHED_COST, LARGE_SAMPLE, CostModel, Counts
from sadari.comparison.compare import compare
from sadari.comparison.executor import SerialExecutor, Task
from sadari.comparison.request import Comparison
from sadari.comparison.variants import Arm, folder_name
from sadari.settings import Value
from sadari.values import ImageSet, Split
from support.backbones import SIDE, SMALL
from support.fake_training import FakeTrainer
from support.jobs import Listener, named_arm, parts, patterns

TRIES = 5  # of which one is enough: other processes use the same cores


def tasks_of(request: Comparison, images: ImageSet, split: Split, folder: Path) -> list[Task]:
    return [
        Task(request.job(arm, seed), folder / folder_name(arm.name, seed), images, split, arm.name)
        for arm in request.arms
        for seed in request.seeds
    ]


def seconds_in(sentence: str) -> float:
    found = re.search(r"about ([\d.]+)([smh])", sentence)
    assert found is not None
    return float(found[1]) * {"s": 1, "m": 60, "h": 3600}[found[2]]


def test_the_time_grows_with_epochs_and_seeds(tmp_path: Path) -> None:
    images = patterns(side=16)
    many = ImageSet(**{**vars(images), "images": np.tile(images.images, (20, 1, 1, 1)),
                       "labels": np.tile(images.labels, 20), "ids": np.arange(1800).astype(np.str_),
                       "source_split": np.full(1800, "")})  # fmt: skip
    split = parts(many)
    quiet: dict[str, Value] = {"tensorboard": "off", "threads": 1, "epochs": 2000}
    request = Comparison(
        "patterns", (named_arm("a", "mlp", quiet), named_arm("b", "mlp", {**quiet, "patience": 5})), (0, 1)
    )
    tasks = tasks_of(request, many, split, tmp_path)
    heard = Listener()
    whole = expected_duration(request, tasks, heard)
    assert whole.startswith("4 runs to train: about ")
    assert whole.endswith("one after the other; some may stop sooner (patience)")
    assert [label for label, _, _ in heard.tasks] == ["measuring"] and heard.tasks[0][1] == 1
    one = expected_duration(request, tasks[:1], heard)
    assert one.startswith("1 run to train: about ") and "after" not in one
    ratios = []
    for _ in range(TRIES):
        ratios.append(seconds_in(expected_duration(request, tasks, heard)) / seconds_in(one))
        if 2 < ratios[-1] < 8:
            return
        one = expected_duration(request, tasks[:1], heard)
    pytest.fail(f"four runs take {ratios} times as long as one")


def test_features_are_counted_once_and_a_solver_is_done_in_few_passes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = patterns(side=SIDE)
    a_second_each = CostModel(start=len(images) + 10.0, image=CACHED_COST)  # of features, and ten more of a run
    monkeypatch.setattr(duration, "_measured", lambda *_: a_second_each)
    monkeypatch.setattr(duration, "LITTLE_IN_ALL", 0)
    small: dict[str, Value] = {"backbone": SMALL, "weights": "random:1"}
    arms = (named_arm("knn", "knn", small), named_arm("probe", "linear-probe", small))
    request = Comparison("patterns", arms, (0, 1))
    split = parts(images)
    counts = Counts.of(split)
    said = expected_duration(request, tasks_of(request, images, split, tmp_path), Listener())
    once = 10 + CACHED_COST * (counts.per_pass + counts.evaluation)
    assert seconds_in(said) == pytest.approx(len(images) + 4 * once, rel=0.01)


def test_solvers_that_read_the_same_features_are_measured_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[tuple[str, int]] = []

    def measure(_data: str, arm: Arm, _seed: int, *rest: object) -> CostModel:
        measured.append((arm.name, int(rest[-1])))  # type: ignore[call-overload]
        return CostModel(1.0, 1.0)

    monkeypatch.setattr(duration, "measure", measure)
    monkeypatch.setattr(duration, "LITTLE_IN_ALL", 0)
    small: dict[str, Value] = {"backbone": SMALL, "weights": "random:1"}
    arms = (
        named_arm("knn", "knn", small),
        named_arm("probe", "linear-probe", small),
        named_arm("cut", "linear-probe", {**small, "cut": "layer3"}),
        named_arm("anew", "linear-probe", {**small, "cache": "none"}),
    )
    request = Comparison("patterns", arms, (0, 1))
    images = patterns(side=SIDE)
    said = expected_duration(request, tasks_of(request, images, parts(images), tmp_path), Listener())
    assert said.startswith("8 runs to train") and "could not be measured" not in said
    (warmed, few), *others = measured
    assert 0 < few < LARGE_SAMPLE and warmed in ("knn", "probe", "cut", "anew")
    names = {name for name, _ in others}
    assert len(others) == 3 and {"cut", "anew"} < names and len(names & {"knn", "probe"}) == 1
    assert {count for _, count in others} == {0}


def test_a_range_of_one_duration_is_that_duration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = patterns()
    monkeypatch.setattr(duration, "_measured", lambda *_: CostModel(start=60.0, image=1e-9))
    monkeypatch.setattr(duration, "LITTLE_IN_ALL", 0)
    request = Comparison("patterns", (named_arm("a", "softmax", {"epochs": 1}),), (0, 1))
    tasks = tasks_of(request, images, parts(images), tmp_path)
    same = expected_duration(request, tasks, Listener(), least=tasks)
    assert same.startswith("about 2m on this machine") and "from" not in same
    assert expected_duration(request, tasks, Listener(), least=tasks[:1]).startswith("from 1m to 2m on this")


def test_what_takes_no_time_is_not_measured(tmp_path: Path) -> None:
    request = Comparison("patterns", (named_arm("a", "softmax", {"epochs": 1}),), (0,))
    images = patterns()
    assert expected_duration(request, tasks_of(request, images, parts(images), tmp_path), Listener()) == ""


def test_a_study_says_it_before_the_first_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sadari.comparison.compare.expected_duration", lambda *_: "2 runs to train: about 3h")
    heard, trainer = Listener(), FakeTrainer()
    request = Comparison("digits", (named_arm("mlp", "mlp"),), (0, 1))
    compare(request, out=tmp_path / "a", executor=SerialExecutor(trainer), progress=heard)
    assert "2 runs to train: about 3h" not in heard.said
    compare(request, out=tmp_path / "b", executor=SerialExecutor(trainer), progress=heard, estimates=True)
    assert "2 runs to train: about 3h" in heard.said
