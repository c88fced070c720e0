"""Does the example package work as if it were installed? Its contracts, a run, a comparison with workers, and lists."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sadari.api.comparisons import reopen
from support.extras import EXAMPLE, environment, install, sadari

DATA = "shapes:images=60,size=16"


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("installed")
    return environment(install(folder / "site"), cache=folder / "cache")


def test_its_own_contract_tests_pass(env: dict[str, str], tmp_path: Path) -> None:
    """The twenty lines of each kind are tested by a few lines each, as docs/plug-ins.md shows them."""
    options = ("-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-W", "error", "-c", "/dev/null")
    program = [sys.executable, "-m", "pytest", str(EXAMPLE / "tests"), *options]
    done = subprocess.run(program, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    assert " passed" in done.stdout and "failed" not in done.stdout


def test_a_comparison_uses_one_of_each_kind_and_workers_find_them(env: dict[str, str], tmp_path: Path) -> None:
    words = (DATA, "--models", "thumbnail,softmax", "--seeds", "2", "--epochs", "1", "--set", "augment=speckle 0.2")
    done = sadari("compare", *words, "--robustness", "--out", "c", "--json", cwd=tmp_path, env=env)
    document: dict[str, Any] = json.loads(done.stdout)
    arms = {each["name"]: each for each in document["arms"]}
    assert set(arms) == {"thumbnail", "softmax"}
    assert all(0 <= each["scores"]["brier"] <= 2 for each in arms.values())
    assert arms["thumbnail"]["intervals"]["brier"]["low"] <= arms["thumbnail"]["scores"]["brier"]
    assert [each["figure"] for each in document["differences"]].count("brier") == 1
    assert document["robustness"]["corrupted"][-1]["corruption"] == "salt-and-pepper"
    settings = (tmp_path / "c" / "thumbnail-seed0" / "settings.toml").read_text(encoding="utf-8")
    assert 'optimizer = "lion"' in settings and 'loss = "focal"' in settings

    result = reopen(tmp_path / "c")  # in this process, where the package is not installed
    assert [arm.name for arm in result.arms] == [each["name"] for each in document["arms"]]
    assert result.robustness is not None and "salt-and-pepper" not in [
        each.corruption for each in result.robustness.corrupted
    ]
    assert (
        "the corruption 'salt-and-pepper' of sadari-extras 0.1 is not here, so it is left out"
        in result.robustness.notes
    )


def test_the_lists_name_the_package(env: dict[str, str], tmp_path: Path) -> None:
    models = {
        each["name"]: each for each in json.loads(sadari("models", "--json", cwd=tmp_path, env=env).stdout)["models"]
    }
    assert models["thumbnail"]["package"] == "sadari-extras 0.1" and models["cnn"]["package"] == ""
    assert list(models)[-1] == "thumbnail"
    settings = sadari("settings", cwd=tmp_path, env=env).stdout
    assert "optimizer of plug-ins: lion (sadari-extras 0.1)" in settings
    assert "augmentation of plug-ins: speckle (sadari-extras 0.1)" in settings
    rows = json.loads(sadari("doctor", "--json", cwd=tmp_path, env=env, check=False).stdout)["plugins"]
    assert [(each["kind"], each["name"]) for each in rows] == [
        ("model", "thumbnail"),
        ("layer", "squeeze-excite"),
        ("metric", "brier"),
        ("augmentation", "speckle"),
        ("optimizer", "lion"),
        ("loss", "focal"),
        ("corruption", "salt-and-pepper"),
    ]
    assert all((each["package"], each["problem"]) == ("sadari-extras 0.1", "") for each in rows)


OWN = """
import sadari

@sadari.loss("twice")
def twice(logits, targets):
    return -2 * (targets * logits.log_softmax(1)).sum(1)
"""


def test_a_module_of_the_user_is_named_on_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "my_losses.py").write_text(OWN, encoding="utf-8")
    env = environment(cache=tmp_path / "cache")
    words = ("train", DATA, "--model", "softmax", "--epochs", "1", "--out", "run", "--set", "loss=twice")
    refused = sadari(*words, cwd=tmp_path, env=env, check=False)
    assert refused.returncode == 2 and "loss is one of cross-entropy, not 'twice'" in refused.stderr
    sadari(*words, "--plugins", "my_losses", cwd=tmp_path, env=env)
    record = json.loads((tmp_path / "run" / "environment.json").read_text(encoding="utf-8"))["plugins"][0]
    assert (record["name"], record["module"], record["distribution"]) == ("twice", "my_losses", "")
    assert len(record["source_sha256"]) == 64
    wrong = sadari("models", "--plugins", "my_lossse", cwd=tmp_path, env=env, check=False)
    assert wrong.returncode == 2 and wrong.stderr.count("\n") == 1
    assert "names the module 'my_lossse', which cannot be imported (ModuleNotFoundError" in wrong.stderr
    assert sadari("models", "--plugins", cwd=tmp_path, env=env, check=False).returncode == 2


SCRIPT = """
import sadari
from sadari.comparison.workers import sharing

sharing.LITTLE_IN_ALL = 0  # so that workers pay
{offer}

if __name__ == "__main__":
    found = sadari.compare("{data}", ["softmax", "logistic", "sgd"], seeds=1, epochs=2, {more}workers=2, out="c")
    print(*sorted(arm.status for arm in found.arms), *found.arms[0].scores)
"""


@pytest.mark.parametrize("where", ["a module", "the script itself"])
def test_decorators_reach_the_workers_of_a_comparison_in_python(where: str, tmp_path: Path) -> None:
    metric = 'import sadari\n\n@sadari.metric("half")\ndef half(predictions):\n    return [0.5] * len(predictions)\n'
    (tmp_path / "my_metrics.py").write_text(metric, encoding="utf-8")
    offer = "import my_metrics" if where == "a module" else metric
    (tmp_path / "script.py").write_text(SCRIPT.format(offer=offer, data=DATA, more=""), encoding="utf-8")
    program = [sys.executable, "script.py"]
    env = environment(cache=tmp_path / "cache")
    done = subprocess.run(program, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[:3] == ["done"] * 3 and "half" in done.stdout.split()
    for run in ("softmax-seed0", "logistic-seed0", "sgd-seed0"):
        scores = json.loads((tmp_path / "c" / run / "scores.json").read_text(encoding="utf-8"))
        assert scores["scores"]["test"]["half"] == 0.5, run


HELP = "import sys; sys.argv = ['sadari', '--help']; from sadari.cli.main import main; main()"


@pytest.mark.parametrize("code", ["import sadari; sadari.metric", HELP])
def test_the_help_and_the_import_read_no_entry_points(code: str, env: dict[str, str], tmp_path: Path) -> None:
    refuse = "import importlib.metadata as m\ndef no(**_): raise AssertionError('read')\nm.entry_points = no\n"
    program = [sys.executable, "-c", refuse + code]
    done = subprocess.run(program, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
