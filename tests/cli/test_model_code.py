"""Does code of the user train, compare, search and open on the command line, and only where it is named?"""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

import sadari as package
from sadari.models.own import named
from support.own_nets import Net
from support.terminal import Terminal

DATA = "shapes:images=120,size=16"
QUICK = ("--epochs", "1", "--set", "tensorboard=off", "--set", "threads=1")
CODE = """
from torch import nn

def little(image_shape, classes, width=4):
    channels, height, width_of_image = image_shape
    return nn.Sequential(
        nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(), nn.Flatten(),
        nn.Linear(width * height * width_of_image, classes),
    )
"""


@pytest.fixture
def new_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return what forgets which code was named, as in a process that begins; cli_net.py is in the current folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cli_net.py").write_text(CODE, encoding="utf-8")
    monkeypatch.setattr(sys, "path", [*sys.path])

    def forget() -> None:
        monkeypatch.setattr(named, "_NAMED", {})
        monkeypatch.delitem(sys.modules, "cli_net", raising=False)

    forget()
    return forget


def test_a_run_is_trained_and_opened_by_the_commands_that_it_prints(
    sadari: Terminal, new_process: Callable[[], None], tmp_path: Path
) -> None:
    Image.new("RGB", (16, 16), "red").save(tmp_path / "red.png")
    trained = sadari("train", DATA, "--model", "cli_net:little", *QUICK, "--set", "width=3")
    assert trained.status == 0, trained.err
    run = "runs/shapes-little-seed0"
    assert f"next  sadari explain {tmp_path / run} --model-code cli_net:little" in trained.out
    again = sadari("train", DATA, "--model", "cli_net:little", *QUICK, "--set", "width=3", "--json")
    assert again.document["run"] == str(tmp_path / run)
    sadari("export", run, "--to", "safetensors", "--model-code", "cli_net:little")
    opening = {
        "predict": ("predict", run, "red.png"),
        "exported": ("predict", "runs/shapes-little-seed0-safetensors", "red.png"),
        "evaluate": ("evaluate", run),
        "explain": ("explain", run, "--json"),
        "export": ("export", run, "--to", "safetensors", "--out", "exported"),
        "resume": ("resume", run, "--json"),
    }
    for name, words in opening.items():
        new_process()
        refused = sadari(*words)
        assert refused.status == 1, name
        assert refused.err.startswith("error: this network is code of yours, cli_net:little, which runs only"), name
        assert "cli_net" not in sys.modules
        opened = sadari(*words, "--model-code", "cli_net:little")
        assert opened.status == 0, (name, opened.err)
    new_process()
    report = sadari("report", run)
    assert report.status == 0 and "cli_net" not in sys.modules, report.err


@pytest.mark.usefixtures("new_process")
def test_models_and_settings_show_code(sadari: Terminal) -> None:
    shown = sadari("models", "cli_net:little", "--json", "--image-size", "8", "--classes", "3")
    assert shown.document["params"] == {"total": 4 * 10 + 4 * 64 * 3 + 3, "trainable": 4 * 10 + 4 * 64 * 3 + 3}
    inside = sadari("models", "cli_net:little", "--inside", "--json", "--image-size", "8", "--classes", "3").document
    listed = [(each["layer"], each["kind"], each["output"], each["params"]["total"]) for each in inside["inside"]]
    assert listed == [
        ("0", "Conv2d", [8, 8, 4], 40), ("2", "Flatten", [256], 0), ("3", "Linear", [3], 4 * 64 * 3 + 3),
    ]  # fmt: skip
    assert "(the 3 layers inside it)" in sadari("models", "cli_net:little").out
    assert sadari("settings", "cli_net:little", "--json").document["variables"] == {"width": 4}
    wrong = sadari("train", DATA, "--model", "cli_net:littel")
    assert (wrong.status, wrong.err) == (2, "error: unknown name in cli_net 'littel'; did you mean 'little'?\n")


def test_a_comparison_trains_it_in_workers_and_is_read_without_it(
    sadari: Terminal, new_process: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    from sadari.comparison.workers import sharing

    monkeypatch.setattr(sharing, "LITTLE_IN_ALL", 0)
    words = ("compare", DATA, "--models", "softmax,cli_net:little", "--seeds", "2", *QUICK)
    compared = sadari(*words, "--vary", "width=2,4", "--out", "one", "--workers", "2", "--json")
    assert compared.status == 0, compared.err
    assert "2 at a time with one thread each" in compared.err
    assert {arm["name"] for arm in compared.document["arms"]} == {"softmax", "little width=2", "little width=4"}
    assert all(len(arm["seeds"]) == 2 and not arm["reason"] for arm in compared.document["arms"])
    alone = sadari(*words, "--vary", "width=2,4", "--out", "two", "--workers", "1", "--json")
    assert alone.status == 0, alone.err
    models = [sorted(Path(each).glob("*/model.safetensors")) for each in ("one", "two")]
    assert [each.read_bytes() for each in models[0]] == [each.read_bytes() for each in models[1]]
    new_process()
    report = sadari("report", "one", "--json")
    assert report.status == 0 and "cli_net" not in sys.modules, report.err
    accuracies = [[arm["accuracy"] for arm in each.document["arms"]] for each in (compared, report)]
    assert accuracies[0] == accuracies[1]
    html = Path("one/report.html").read_text(encoding="utf-8")
    assert "little width=4" in html


def test_its_settings_are_searched_by_several_processes(sadari: Terminal, new_process: Callable[[], None]) -> None:
    pytest.importorskip("optuna", reason="optuna is not installed")
    words = ("tune", DATA, "--model", "cli_net:little", *QUICK, "--trials", "3", "--seeds", "1", "--out", "tuned")
    tuned = sadari(*words, "--search", "width=2:4", "--workers", "2", "--json")
    assert tuned.status == 0, tuned.err
    assert len(tuned.document["trials"]) == 3
    assert not any(trial["reason"] for trial in tuned.document["trials"])
    new_process()
    assert sadari("report", "tuned").status == 0 and "cli_net" not in sys.modules


@pytest.mark.usefixtures("new_process")
def test_a_study_names_code_but_does_not_let_it_run(sadari: Terminal) -> None:
    text = f'data = "{DATA}"\nseeds = 1\n[settings]\nepochs = 1\ntensorboard = "off"\n'
    Path("own.toml").write_text(text + '[[arms]]\nmodel = "cli_net:little"\n[[arms]]\nmodel = "majority"\n')
    refused = sadari("study", "own.toml")
    assert refused.status == 1 and "add --model-code cli_net:little" in refused.err and "cli_net" not in sys.modules
    assert sadari("study", "own.toml", "--model-code", "cli_net:little").status == 0


@pytest.mark.usefixtures("new_process")
def test_a_project_names_code_but_does_not_let_it_run(sadari: Terminal) -> None:
    search = '[tune.best]\nmodel = "cli_net:little"\nsearch = { width = "2:8" }\n'
    compared = '[compare.first]\nmodels = ["majority", "cli_net:little"]\n'
    for entry in (compared, search):
        Path("sadari.toml").write_text(f'data = "{DATA}"\nseeds = 1\n\n{entry}', encoding="utf-8")
        refused = sadari("run", "--status")
        assert refused.status == 1 and "add --model-code cli_net:little" in refused.err, refused.err
        assert "cli_net" not in sys.modules
    found = sadari("run", "--status", "--json", "--model-code", "cli_net:little")
    assert (found.status, found.err) == (1, "") and "best" in found.out  # nothing of it is made yet


def test_python_takes_the_class_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run = package.train(DATA, Net, out="run", epochs=1, tensorboard="off", width=2)
    Image.new("RGB", (16, 16), "red").save("red.png")
    monkeypatch.setattr(named, "_NAMED", {})
    with pytest.raises(package.SadariError, match="model_code=Net"):
        package.predict(run.path, "red.png")
    (answer,) = package.predict(run.path, "red.png", model_code=Net)
    assert answer.probabilities is not None
    monkeypatch.setattr(named, "_NAMED", {})
    exported = package.export(run.path, "safetensors", model_code="support.own_nets:Net")
    assert "own support.own_nets:Net" in (exported.path / "config.json").read_text(encoding="utf-8")
    card = (exported.path / "README.md").read_text(encoding="utf-8")
    assert "sadari predict FOLDER photo.jpg --model-code support.own_nets:Net" in card and "that code." in card
    result = package.compare(DATA, ["majority", Net], seeds=1, epochs=1, tensorboard="off", workers=1)
    assert {arm.name for arm in result.arms} == {"majority", "Net"}


def test_code_of_a_script_trains_in_its_own_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    def local_net(classes: int) -> Net:
        return Net((3, 16, 16), classes, 2)

    result = package.compare(DATA, local_net, seeds=2, epochs=1, tensorboard="off", workers=2)
    assert not result.arms[0].reason and len(result.arms[0].seeds) == 2
