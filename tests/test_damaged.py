"""Is a damaged file of a run one sentence that names it, whatever the damage, and does a run go on where it can?"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sadari.comparison.reopen import reopen
from sadari.errors import SadariError
from sadari.run import RunRecord
from sadari.training.train import train
from support.interruptions import at_step, ctrl_c
from support.jobs import DROPPED, job_for, model_bytes, network_file, parts, patterns
from support.terminal import Answer, Terminal

DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "cut": lambda content: content[: len(content) // 2],
    "a byte": lambda content: content[:40] + b"\xff" + content[41:],
    "list": lambda _: b"[1, 2]",
    "no keys": lambda _: b"{}",
    "noise": lambda content: bytes((7 * at + 13) % 256 for at in range(len(content))),
}
READ_BY: dict[str, Callable[[RunRecord], object]] = {
    "split.npz": lambda run: run.split,
    "predictions.csv": lambda run: (run.predictions, run.answers),
    "correct.npz": lambda run: run.correct_on("train"),
    "calibration.json": lambda run: run.temperature,
    "validated.npz": lambda run: run.validated,
    "history.csv": lambda run: run.history,
    "scores.json": lambda run: run.scores("test"),
    "environment.json": lambda run: (run.notes, run.fingerprint),
    "settings.toml": lambda run: run.job,
}
# What a damage leaves readable: a table without rows, or one with fewer of them.
STILL_READ = {
    ("history.csv", "empty"),
    ("history.csv", "cut"),
    ("settings.toml", "a byte"),
    ("predictions.csv", "cut"),
    ("split.npz", "a byte"),  # of a name that stands in the file twice
    ("correct.npz", "a byte"),  # likewise
}


SHAPES = "shapes:images=60,size=16"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    return train(job_for("majority", data=SHAPES), folder / "run").path


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a network, and beside it an image to predict."""
    folder = tmp_path_factory.mktemp("network")
    Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(folder / "p.png")
    return train(job_for("softmax", epochs=1, data=SHAPES), folder / "run").path


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", READ_BY)
def test_a_damaged_file_is_one_sentence(name: str, damage: str, finished: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(finished, tmp_path / "run"))
    (run / name).write_bytes(DAMAGES[damage]((run / name).read_bytes()))
    try:
        READ_BY[name](RunRecord(run))
    except SadariError as error:
        assert str(run / name) in str(error)
        assert "; " in str(error)
        assert "\n" not in str(error)
    else:
        assert (name, damage) in STILL_READ


READING = {
    "evaluate": [],
    "report": [],
    "resume": [],
    "explain": [],
    "predict": ["p.png"],
    "export": ["--to", "safetensors"],
    "log": [],
    "serve": ["--port", "0"],
}


def command_ends_well(command: str, run: Path, sadari: Terminal) -> Answer:
    answer = sadari(command, run, *[run.parent / word if word == "p.png" else word for word in READING[command]])
    assert answer.status in (0, 1, 2), answer.err
    assert "failed unexpectedly" not in answer.err
    return answer


@pytest.mark.parametrize("name", [*READ_BY, "preprocess.json", "log.txt", "model.safetensors"])
@pytest.mark.parametrize(
    "command", [pytest.param(each, marks=pytest.mark.slow if each == "log" else ()) for each in READING]
)
def test_no_command_shows_a_traceback(
    command: str, name: str, network: Path, tmp_path: Path, sadari: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sadari.deploy.serve.server.run", lambda *_: None)  # all that reads a run comes before it
    for damage, damaged in DAMAGES.items():
        run = Path(shutil.copytree(network, tmp_path / damage / "run"))
        shutil.copy(network.parent / "p.png", tmp_path / damage / "p.png")
        (run / name).write_bytes(damaged((run / name).read_bytes()))
        command_ends_well(command, run, sadari)


def of_json(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], object]:
    return lambda path: path.write_text(json.dumps(change(json.loads(path.read_text()))))


def of_split(change: Callable[[Any], Any]) -> Callable[[Path], object]:
    """Change the positions of the test images."""

    def changed(path: Path) -> None:
        stored = dict(np.load(path))
        np.savez(path, **{**stored, "test": change(stored["test"])})

    return changed


def of_rows(change: Callable[[list[str]], list[str]]) -> Callable[[Path], object]:
    return lambda path: path.write_text("\n".join(change(path.read_text().splitlines())) + "\n")


def of_text(before: str, after: str) -> Callable[[Path], object]:
    return lambda path: path.write_text(path.read_text().replace(before, after))


def without(*keys: str) -> Callable[[Path], object]:
    return of_json(lambda document: {name: each for name, each in document.items() if name not in keys})


def having(**values: object) -> Callable[[Path], object]:
    return of_json(lambda document: {**document, **values})


def not_numbers(rows: list[str]) -> list[str]:
    return [rows[0], *(",".join([*row.split(",")[:3], *["nan"] * (len(row.split(",")) - 3)]) for row in rows[1:])]


# Files that can be read, with values that no run has; the commands that read these values.
UNTRUE: dict[str, tuple[str, Callable[[Path], object], tuple[str, ...]]] = {
    "far positions": ("split.npz", of_split(lambda test: test + 10**6), ("evaluate", "report")),
    "one position too far": ("split.npz", of_split(lambda test: np.append(test, 60)), ("evaluate", "report")),
    "negative positions": ("split.npz", of_split(lambda test: -test - 1), ("evaluate", "report")),
    "broken positions": ("split.npz", of_split(lambda test: test + 0.5), ("evaluate", "report")),
    "positions of two dimensions": ("split.npz", of_split(lambda test: test[:, None]), ("evaluate", "report")),
    "positions twice": ("split.npz", of_split(lambda test: np.repeat(test, 2)), ("evaluate", "report")),
    "no rows": ("predictions.csv", of_rows(lambda rows: rows[:1]), ("report",)),
    "rows twice": ("predictions.csv", of_rows(lambda rows: [*rows, *rows[1:]]), ("report",)),
    "no numbers": ("predictions.csv", of_rows(not_numbers), ("report",)),
    "no object": ("scores.json", lambda path: path.write_text("{}"), ("report", "resume", "log", "export")),
    "no params": ("scores.json", without("params"), ("report", "resume", "log")),
    "no images": ("scores.json", without("images"), ("report", "resume")),
    "no seconds": ("scores.json", without("seconds"), ("report", "resume", "log")),
    "no scores": ("scores.json", without("scores"), ("report", "resume", "log", "export", "serve")),
    "no judge": ("scores.json", without("judged_on"), ("report", "resume", "log", "export")),
    "another judge": ("scores.json", having(judged_on="x"), ("report", "resume", "log", "export", "serve")),
    "params of text": ("scores.json", having(params={"total": "x"}), ("report", "resume", "log")),
    "seconds of text": ("scores.json", having(seconds="x"), ("report", "resume", "log")),
    "scores of text": ("scores.json", having(scores={"test": {"accuracy": "x"}}), ("report", "resume", "log", "serve")),
    "scores of lists": ("scores.json", having(scores={"test": {"accuracy": []}}), ("report", "resume", "log", "serve")),
    "no judging scores": ("scores.json", having(scores={"test": None}), ("report", "resume", "log", "serve")),
    "an empty table": ("scores.json", having(scores={"test": {}}), ("resume", "serve")),
    "only null": ("scores.json", of_json(dict.fromkeys), ("report", "resume", "log", "export", "serve")),
    "epochs that are none": ("history.csv", of_text("\n1,", "\nnan,"), ("report", "log")),
    "data of a list": ("environment.json", having(data=[1]), ("evaluate", "report", "resume", "log")),
    "notes of null": ("environment.json", having(data={"fingerprint": "x", "notes": None}), ("report", "resume")),
    "packages of text": ("environment.json", having(packages="x"), ("report", "log")),
    "threads of text": ("environment.json", having(threads="many"), ("report", "resume")),
    "epochs of text": ("settings.toml", of_text("epochs = 1", 'epochs = "x"'), ("evaluate", "report", "resume")),
    "a seed of text": ("settings.toml", of_text("seed = 0", 'seed = "0"'), ("evaluate", "report", "resume", "log")),
    "data of a number": ("settings.toml", of_text(f'data = "{SHAPES}"', "data = 3"), ("evaluate", "report", "resume")),
    "settings of a number": (
        "settings.toml",
        lambda path: path.write_text('data = "digits"\nmodel = "mlp"\nseed = 0\nsettings = 3\nvariables = 3\n'),
        ("evaluate", "report", "resume"),
    ),
}


@pytest.mark.parametrize("damage", UNTRUE)
def test_values_that_no_run_has_are_one_sentence_that_names_the_file(
    damage: str, network: Path, tmp_path: Path, sadari: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sadari.deploy.serve.server.run", lambda *_: None)
    name, change, readers = UNTRUE[damage]
    for command in READING:
        run = Path(shutil.copytree(network, tmp_path / command / "run"))
        shutil.copy(network.parent / "p.png", run.parent / "p.png")
        change(run / name)
        answer = command_ends_well(command, run, sadari)
        if command in readers:
            assert answer.status == 1, (command, answer.out, answer.err)
            assert f"cannot read {run / name}: " in answer.err
            assert "; " in answer.err


def test_a_comparison_of_a_damaged_split_is_one_sentence(tmp_path: Path, sadari: Terminal) -> None:
    words = ("compare", SHAPES, "--models", "majority,softmax", "--epochs", "1", "--out", tmp_path / "c", "--seeds")
    assert sadari(*words, "1").status == 0
    of_split(lambda test: np.append(test[1:], 60))(tmp_path / "c" / "split.npz")
    answer = sadari(*words, "2")
    assert answer.status == 1
    assert f"cannot read {tmp_path / 'c' / 'split.npz'}: " in answer.err


@pytest.mark.parametrize("name", ["log.txt", "history.csv", "preprocess.json"])
def test_a_run_goes_on_without_what_it_can_write_again(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = patterns()
    job = job_for(network_file(tmp_path, DROPPED))
    whole = train(job, tmp_path / "whole", images=images, split=parts(images))
    with at_step(monkeypatch, 1, 1, ctrl_c), pytest.raises(KeyboardInterrupt):
        train(job, tmp_path / "run", images=images, split=parts(images))
    (tmp_path / "run" / name).write_bytes(b"\xff\xfe\x00 damaged")
    resumed = train(job, tmp_path / "run", images=images)
    assert model_bytes(resumed) == model_bytes(whole)
    assert len(resumed.history) == len(whole.history)


def test_a_report_names_the_damaged_file(finished: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(finished, tmp_path / "run"))
    (run / "predictions.csv").write_bytes(b"\xff")
    with pytest.raises(SadariError, match=r"predictions\.csv"):
        reopen([run])


def test_a_finished_run_without_its_model_is_not_sent_in_circles(
    finished: Path, tmp_path: Path, sadari: Terminal
) -> None:
    run = Path(shutil.copytree(finished, tmp_path / "run"))
    (run / "model.safetensors").unlink()
    answer = sadari("evaluate", run)
    assert answer.status == 1
    assert "is finished, but its model.safetensors is gone; put it back, or train in another --out" in answer.err


@pytest.mark.parametrize("temperature", [0.0, -1.0, 1e-300, 1e300])
def test_a_temperature_that_no_fit_gives_is_one_sentence(temperature: float, finished: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(finished, tmp_path / "run"))
    stored = json.loads((run / "calibration.json").read_text(encoding="utf-8"))
    (run / "calibration.json").write_text(json.dumps({**stored, "temperature": temperature}), encoding="utf-8")
    with pytest.raises(SadariError, match=r"calibration\.json: it is damaged \(its temperature is no number from 0\.1"):
        _ = RunRecord(run).temperature


def test_a_probability_above_1_is_one_sentence(finished: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(finished, tmp_path / "run"))
    with np.load(run / "validated.npz") as stored:
        label, probability = stored["label"], stored["probability"]
    np.savez(run / "validated.npz", label=label, probability=probability + 5)
    with pytest.raises(SadariError, match=r"validated\.npz: it is damaged \(it has probabilities"):
        _ = RunRecord(run).validated
