"""Does every logger of the registry keep the contract? Read back by the trackers' own means, without a network."""

import time
from importlib.util import find_spec
from pathlib import Path

import pytest
from PIL import Image

from sadari.loggers.live import LiveLog, read_state
from sadari.loggers.mlflow_client import ENVIRONMENT
from sadari.loggers.protocol import End, Start
from sadari.loggers.targets import LOGGERS, Target
from support.logged import READERS, Seen

NAMES = [
    pytest.param(
        name,
        marks=pytest.mark.skipif(
            find_spec(LOGGERS.get(name).package) is None,
            reason=f"{LOGGERS.get(name).package} is not installed; uv sync --extra {LOGGERS.get(name).extra}",
        ),
    )
    for name in LOGGERS.names()
]
HISTORY = [
    {"epoch": epoch, "train_loss": 1 / epoch, "train_accuracy": 0.5 + epoch / 10, "seconds": 0.25}
    for epoch in range(1, 6)
]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything goes below the current folder, and nothing of the user's own trackers is seen."""
    monkeypatch.chdir(tmp_path)
    for name in (*ENVIRONMENT, "MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "WANDB_PROJECT", "TRACKIO_SPACE_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WANDB_MODE", "offline")
    if find_spec("trackio"):
        from trackio import sqlite_storage, utils

        for module in (sqlite_storage, utils):
            monkeypatch.setattr(module, "TRACKIO_DIR", tmp_path / "trackio")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('store') / 'mlflow.db'}"


def target(name: str, store: str) -> Target:
    return Target(name, {"mlflow": store, "tensorboard": "events"}.get(name, ""))


def start(folder: Path, group: str = "", project: str = "whole") -> Start:
    folder.mkdir(parents=True, exist_ok=True)
    return Start(folder.name, folder, project, group, params={"model": "cnn", "seed": "0"}, tags={"split": "as given"})


def end(folder: Path) -> End:
    picture = folder / "curves.png"
    Image.new("RGB", (30, 20), "red").save(picture)
    return End({"scores/test/accuracy": 0.75}, 5, {"plots/curves": picture}, "- cnn is best", "digest")


def seen(target: Target, folder: Path, project: str = "whole") -> Seen:
    return READERS[target.name](target.place, read_state(folder)[str(target)]["run"], project)


def rows(found: Seen) -> list[tuple[int, float]]:
    return [(step, round(value, 6)) for step, value in found.rows["train_loss"]]


EXPECTED = [(epoch, round(1 / epoch, 6)) for epoch in range(1, 6)]


def test_every_logger_can_be_read_back() -> None:
    assert list(READERS) == LOGGERS.names()


@pytest.mark.parametrize("name", NAMES)
def test_a_run_comes_whole_and_goes_on_in_the_same_run(name: str, store: str, tmp_path: Path) -> None:
    """Interrupted after the third epoch, which comes once, although the run that goes on computes it again."""
    said: list[str] = []
    to, folder = target(name, store), tmp_path / f"run of {name}"
    first = LiveLog([to], start(folder), said.append)
    for count in (1, 2, 3):
        first.rows(HISTORY[:count])
    first.stop(interrupted=True)
    began = read_state(folder)[str(to)]
    assert began["epochs"] == 3 and began["run"]
    if name == "wandb":
        time.sleep(1.1)  # it names the folders of its offline runs by the second

    again = LiveLog([to], start(folder), said.append)
    again.rows(HISTORY[2:4])
    again.rows(HISTORY)
    again.end(lambda: end(tmp_path))
    assert said == []
    assert read_state(folder)[str(to)] == {"run": began["run"], "epochs": 5, "digest": "digest"}
    found = seen(to, folder)
    assert rows(found) == EXPECTED
    assert found.figures["scores/test/accuracy"] == 0.75
    assert found.params.items() >= {"model": "cnn", "seed": "0"}.items()
    assert {each.removeprefix("plots/") for each in found.pictures} == {"curves"}


@pytest.mark.parametrize("name", NAMES)
def test_runs_of_two_comparisons_do_not_mix(name: str, store: str, tmp_path: Path) -> None:
    said: list[str] = []
    to = target(name, store)
    folders = [tmp_path / group / "cnn-seed0" for group in ("first", "second")]
    for place, folder in enumerate(folders, start=1):
        live = LiveLog([to], start(folder, folder.parent.name, "two"), said.append)
        live.rows(HISTORY[:place])
        live.end(lambda: End({"scores/test/accuracy": 0.5}, 1))
    assert said == []
    assert [len(rows(seen(to, folder, "two"))) for folder in folders] == [1, 2]
    if name != "mlflow":  # which has the run of the comparison as its parent
        assert [seen(to, folder, "two").group for folder in folders] == ["first", "second"]


REFUSED = {
    "mlflow": ("http://127.0.0.1:9", "the server http://127.0.0.1:9 cannot be reached"),
    "wandb": ("", "nobody is logged in; run wandb login, or set WANDB_MODE=offline"),
    "trackio": ("", "trackio failed to flush"),
    "tensorboard": ("in the way/events", "Not a directory: "),
}


@pytest.mark.parametrize("name", NAMES)
def test_a_place_that_cannot_be_reached_is_one_sentence(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that is not there, nobody logged in, folders that cannot be."""
    (tmp_path / "in the way").write_text("a file", encoding="utf-8")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.delenv("WANDB_MODE")
    if name == "wandb":
        monkeypatch.setattr("wandb.login", lambda **_: False)  # it knows the mode of earlier tests
    if name == "trackio":
        monkeypatch.setattr("trackio.sqlite_storage.TRACKIO_DIR", tmp_path / "in the way" / "trackio")
    place, sentence = REFUSED[name]
    said: list[str] = []
    live = LiveLog([Target(name, place)], start(tmp_path / "run"), said.append)
    live.rows(HISTORY)
    live.end(lambda: end(tmp_path))
    live.stop(interrupted=False)
    assert len(said) == 1 and f"{LOGGERS.get(name).title} is left out ({sentence}" in said[0]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("when", ["begin", "epoch", "end", "stop"])
def test_a_logger_that_fails_is_one_sentence(
    name: str, when: str, store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    to, made = target(name, store), LOGGERS.get(name).make

    def fails(*_: object, **__: object) -> None:
        raise RuntimeError("the disk is full. And more\nlines")

    monkeypatch.setattr(made, when, fails)
    for other in {"begin", "epoch", "end", "stop"} - {when}:
        monkeypatch.setattr(made, other, lambda *_, **__: "its id")
    live = LiveLog([to], start(tmp_path / "run"), said.append)
    live.rows(HISTORY[:1])
    live.rows(HISTORY[:2])
    if when == "stop":
        live.stop(interrupted=False)
    else:
        live.end(lambda: end(tmp_path))
        live.stop(interrupted=False)
    [sentence] = said
    assert sentence.startswith(f"{LOGGERS.get(name).title} is left out (the disk is full)")
