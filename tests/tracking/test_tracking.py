"""What does MLflow get of runs and comparisons, once and not twice, and what if it is not there?"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import typer
from mlflow import MlflowClient
from mlflow.entities import Run
from typer.testing import CliRunner, Result

import sadari
from sadari.cli import export as door
from sadari.comparison.compare import compare
from sadari.comparison.executor import SerialExecutor
from sadari.comparison.request import Comparison
from sadari.data.load import load
from sadari.data.split import draw_split
from sadari.errors import SadariError, UsageError
from sadari.loggers.mlflow_client import ENVIRONMENT
from sadari.run import RunRecord
from sadari.settings import Settings
from sadari.tracking import mlflow_store
from sadari.tracking.entry import Entry, entry_of
from sadari.tracking.log import log
from support.jobs import named_arms, named_job
from support.stamped_training import StampedTrainer, train_run


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An empty database: MLflow takes a while to lay one out, so the tests share it, each with its own experiment."""
    return f"sqlite:///{tmp_path_factory.mktemp('store') / 'mlflow.db'}"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Artifacts go below the current folder; nothing of the user's own MLflow is seen."""
    monkeypatch.chdir(tmp_path)
    for name in (*ENVIRONMENT, "MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.delenv(name, raising=False)
    yield


def run_in(folder: Path, seed: int = 0) -> RunRecord:
    job = named_job("digits", "mlp", seed, {"epochs": 3, "batch_size": 7})
    images = load("digits", job.settings)
    return RunRecord(train_run(StampedTrainer(), job, folder, images, draw_split(images, job.settings)))


def compared(out: Path, seeds: tuple[int, ...] = (0, 1)) -> Path:
    arms, _ = named_arms(("softmax", "mlp"), {}, {"epochs": 2})
    return compare(Comparison("digits", arms, seeds), out=out, executor=SerialExecutor(StampedTrainer())).out


def there(store: str, experiment: str) -> list[Run]:
    client = MlflowClient(store)
    found = client.get_experiment_by_name(experiment)
    assert found is not None
    return list(client.search_runs([found.experiment_id]))


def test_a_run_is_logged_whole(store: str, tmp_path: Path) -> None:
    run = run_in(tmp_path / "first")
    logged = log([run.path], uri=store, experiment="whole")
    [kept] = logged.runs
    client = MlflowClient(store)
    found = client.get_run(kept.id)
    assert (found.info.run_name, found.info.status, kept.known) == ("first", "FINISHED", False)
    params = found.data.params
    assert (params["model"], params["seed"], params["batch_size"], params["optimizer"]) == ("mlp", "0", "7", "adam")
    assert {"dropout", *run.job.variables} - {"dropout"} <= set(params)
    assert found.data.tags["data_fingerprint"] == load("digits", Settings()).fingerprint
    assert found.data.tags["seed"] == "0" and found.data.tags["judged_on"] == "test"
    assert found.data.metrics["scores/test/accuracy"] == run.scores("test")["accuracy"]
    assert found.data.metrics["params/total"] == run.summary["params"]["total"]
    losses = client.get_metric_history(kept.id, "val_loss")
    assert [(each.step, each.value) for each in losses] == [(row["epoch"], row["val_loss"]) for row in run.history]
    assert [each.timestamp for each in losses] == sorted(each.timestamp for each in losses)
    assert found.info.end_time - found.info.start_time == pytest.approx(1000 * run.summary["seconds"]["total"], abs=1)
    copied = {each.path for each in client.list_artifacts(kept.id)}
    assert copied == {"settings.toml", "environment.json", "preprocess.json", "history.csv", "scores.json"}
    text = client.download_artifacts(kept.id, "history.csv", str(tmp_path))
    assert Path(text).read_bytes() == (run.path / "history.csv").read_bytes()


def test_a_comparison_holds_its_runs_and_its_verdicts(store: str, tmp_path: Path) -> None:
    folder = compared(tmp_path / "compared")
    (folder / "report.html").write_text("the page", encoding="utf-8")
    (folder / "plots").mkdir(exist_ok=True)
    (folder / "plots" / "curves.png").write_bytes(b"ink")
    log([folder], uri=store, experiment="compared")
    found = there(store, "compared")
    [parent] = [run for run in found if "mlflow.parentRunId" not in run.data.tags]
    children = [run for run in found if run is not parent]
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}
    assert sorted((run.data.tags["arm"], run.data.tags["seed"]) for run in children) == [
        ("mlp", "0"), ("mlp", "1"), ("softmax", "0"), ("softmax", "1"),
    ]  # fmt: skip
    stored = json.loads((folder / "comparison.json").read_text(encoding="utf-8"))
    assert stored["verdicts"][0]["sentence"] in parent.data.tags["mlflow.note.content"]
    best = stored["arms"][0]
    assert parent.data.metrics[f"accuracy/{best['name']}"] == best["accuracy"]["mean"]
    assert parent.data.metrics[f"low/{best['name']}"] == best["accuracy"]["low"]
    client = MlflowClient(store)
    names = {each.path for each in client.list_artifacts(parent.info.run_id)}
    assert names == {"comparison.toml", "comparison.json", "report.html", "plots"}
    assert [each.path for each in client.list_artifacts(parent.info.run_id, "plots")] == ["plots/curves.png"]


def test_what_is_there_is_not_logged_again(store: str, tmp_path: Path) -> None:
    folder, run = compared(tmp_path / "compared", (0,)), run_in(tmp_path / "first")
    first = log([folder, run.path], uri=store, experiment="again")
    again = log([folder, run.path], uri=store, experiment="again")
    assert [each.known for each in again.runs] == [True, True]  # the comparison with all that is in it, and the run
    assert {each.id for each in again.runs} <= {each.id for each in first.runs}
    assert len(there(store, "again")) == len(first.runs) == 4
    other = run_in(tmp_path / "second", seed=1)
    assert [each.known for each in log([run.path, other.path], uri=store, experiment="again").runs] == [True, False]


def test_what_was_begun_only_is_begun_anew(store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = compared(tmp_path / "compared", (0,))
    terminated: list[str] = []
    finish = MlflowClient.set_terminated

    def killed(client: MlflowClient, run: str, **named: Any) -> None:
        if terminated:
            raise KeyboardInterrupt
        terminated.append(run)
        finish(client, run, **named)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(MlflowClient, "set_terminated", killed)
        log([folder], uri=store, experiment="killed")
    half = there(store, "killed")  # the comparison, one run whole, one begun
    assert sorted(run.info.status for run in half) == ["FINISHED", "RUNNING", "RUNNING"]
    log([folder], uri=store, experiment="killed")
    found = there(store, "killed")
    assert len(found) == 3 and {run.info.status for run in found} == {"FINISHED"}
    assert not {run.info.run_id for run in half} & {run.info.run_id for run in found}
    [parent] = [run for run in found if "arm" not in run.data.tags]
    assert [run.data.tags.get("mlflow.parentRunId") for run in found].count(parent.info.run_id) == 2


def test_where_it_goes_without_being_said(store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = run_in(tmp_path / "first")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    logged = sadari.log(run.path)
    assert (logged.uri, logged.experiment) == (store, "digits")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "of the environment")
    assert sadari.log(run.path).experiment == "of the environment"


def test_a_setting_that_is_empty_and_a_name_that_mlflow_refuses(store: str, tmp_path: Path) -> None:
    arms, _ = named_arms(("mlp",), {"learning_rate": ["0.1", "0.2"]}, {"epochs": 1})
    folder = compare(
        Comparison("digits", arms, (0,)), out=tmp_path / "varied", executor=SerialExecutor(StampedTrainer())
    ).out
    log([folder], uri=store, experiment="names")
    [parent] = [run for run in there(store, "names") if "arm" not in run.data.tags]
    assert sum(name.startswith("accuracy/") for name in parent.data.metrics) == 2


def test_all_is_read_before_anything_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlflow_store, "open_client", lambda _: pytest.fail("sent"))
    run = run_in(tmp_path / "first")
    with pytest.raises(UsageError, match="is not a run"):
        log([run.path, tmp_path])
    (run.path / "scores.json").unlink()
    with pytest.raises(SadariError, match="is not finished; finish it with: sadari resume"):
        log([run.path])
    folder = compared(tmp_path / "compared", (0,))
    (folder / "comparison.json").unlink()
    with pytest.raises(SadariError, match=r"is not finished: it has no comparison\.json"):
        log([folder])
    with pytest.raises(UsageError, match="name at least one"):
        log([])
    with pytest.raises(UsageError, match="unknown tracker 'mlfow'; did you mean 'mlflow'"):
        log([run.path], to="mlfow")


@pytest.mark.parametrize("uri", ["nonsense://here", "sqlite:///file/at/all.db", "http://127.0.0.1:9/"])
def test_a_place_that_is_none_is_one_sentence(uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    Path("file").write_text("in the way", encoding="utf-8")
    with pytest.raises(SadariError, match=r"^MLflow refuses: ") as refused:
        log([run_in(tmp_path / "first").path], uri=uri)
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 350
    if uri.startswith("http"):
        assert str(refused.value).endswith(
            "the server http://127.0.0.1:9 cannot be reached; start it, or name another --uri"
        )


def test_a_database_whose_package_is_missing_is_not_promised_by_the_extra(tmp_path: Path) -> None:
    with pytest.raises(SadariError, match="needs the package psycopg2, which the extra 'mlflow' does not bring"):
        log([run_in(tmp_path / "first").path], uri="postgresql://nowhere/db")


def test_without_mlflow_one_sentence_says_what_to_install(tmp_path: Path) -> None:
    run = run_in(tmp_path / "first")
    script = (
        "import sys; sys.modules['mlflow'] = None\n"
        f"sys.argv = ['sadari', 'log', {str(run.path)!r}, '--uri', 'sqlite:///{tmp_path}/new.db']\n"
        "from sadari.cli.main import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith("error: logging to MLflow needs the package mlflow, which is not installed; ")
    assert line.endswith("run: uv sync --extra mlflow")


@pytest.mark.slow
def test_nothing_is_sent_to_anybody(store: str, tmp_path: Path) -> None:
    run = run_in(tmp_path / "first")
    script = (
        "import socket, sys, time\n"
        "def note(*asked, **_): print('asked for', asked[0]); raise OSError('there is no network')\n"
        "socket.getaddrinfo = note; socket.socket.connect = note\n"
        f"sys.argv = ['sadari', 'log', {str(run.path)!r}, '--uri', {store!r}, '--experiment', 'alone', '--json']\n"
        "from sadari.cli.main import main\n"
        "try:\n    main()\nfinally:\n    time.sleep(1)\n"
    )
    hidden = {"CI", "PYTEST_CURRENT_TEST", "PYTEST_VERSION", *ENVIRONMENT}  # where MLflow is quiet anyway
    alone = {name: text for name, text in os.environ.items() if name not in hidden}
    done = subprocess.run([sys.executable, "-c", script], env=alone, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["experiment"] == "alone"


def typed(*words: str) -> Result:
    app = typer.Typer()
    app.command("log")(door.log)
    return CliRunner().invoke(app, list(words))


def test_the_command_says_what_is_where(store: str, tmp_path: Path) -> None:
    run = run_in(tmp_path / "first")
    words = (str(run.path), "--uri", store, "--experiment", "typed")
    first, second = typed(*words).stdout.splitlines()
    assert first == f"logged 1   experiment typed in {store}"
    assert second == f"next  {mlflow_store.next_step(store)}"
    assert typed(*words).stdout.splitlines()[0] == f"logged 0, 1 there already   experiment typed in {store}"
    document = json.loads(typed(*words, "--json").stdout)
    assert document["runs"][0]["known"] is True


@pytest.mark.parametrize(
    ("programs", "whole", "wanted"),
    [
        (("uvx", "pipx"), False, "uvx --from mlflow=={version} {show}"),
        (("pipx",), False, "pipx run --spec mlflow=={version} {show}"),
        ((), False, "{show}   (after pip install mlflow=={version} in an environment of its own)"),
        (("uvx",), True, "{show}"),
    ],
)
def test_the_next_command_works_as_printed(
    programs: tuple[str, ...], whole: bool, wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mlflow_store, "which", lambda name: name if name in programs else None)
    monkeypatch.setattr(mlflow_store, "_has_pages", lambda: whole)
    show = "mlflow ui --workers 1 --backend-store-uri 'sqlite:////my runs/mlflow.db'"
    found = mlflow_store.next_step("sqlite:////my runs/mlflow.db")
    assert found == wanted.format(show=show, version=version("mlflow-skinny"))


def test_the_extra_has_no_pages() -> None:
    assert not mlflow_store._has_pages()  # else the other commands are never tested


def test_each_data_set_has_an_experiment_of_its_own(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = run_in(tmp_path / "first"), run_in(tmp_path / "second", seed=1)
    (second.path / "settings.toml").write_text(
        (second.path / "settings.toml").read_text().replace('data = "digits"', 'data = "/home/kim/other"')
    )
    logged = log([first.path, second.path], uri=store)
    assert [(run.name, run.experiment) for run in logged.runs] == [("first", "digits"), ("second", "other")]
    assert logged.experiments == ("digits", "other") and logged.experiment == "digits, other"
    assert {run.info.run_name for run in there(store, "other")} == {"second"}
    document = json.loads(typed(str(first.path), str(second.path), "--uri", store, "--json").stdout)
    assert document["experiment"] == "digits, other"
    assert [run["experiment"] for run in document["runs"]] == ["digits", "other"]
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "all of them")
    assert log([first.path, second.path], uri=store).experiments == ("all of them",)


def test_an_entry_is_logged_in_order_and_each_once(tmp_path: Path) -> None:
    entry = entry_of(compared(tmp_path / "compared"))
    assert isinstance(entry, Entry) and len(entry.children) == 4
    assert len({each.digest for each in (entry, *entry.children)}) == 5
    alone = entry_of(Path(entry.children[0].tags["folder"]))
    assert alone.digest != entry.children[0].digest  # beside its comparison it is another entry
    assert entry.began <= min(each.ended for each in entry.children)


def test_no_home_folder_is_one_sentence() -> None:
    code = (
        "import pwd\n"
        "def unknown(uid): raise KeyError(uid)\n"
        "pwd.getpwuid = unknown\n"
        "from sadari.tracking.mlflow_store import log_to_mlflow\n"
        "from sadari.errors import SadariError\n"
        "try: log_to_mlflow([], '', 'x', None)\n"
        "except SadariError as error: print(error)\n"
    )
    nobody = {key: value for key, value in os.environ.items() if key not in ("HOME", "USER", "LOGNAME")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=nobody)
    assert "set HOME to a folder that can be written" in done.stdout, done.stderr
