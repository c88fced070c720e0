"""Do `doctor` and --ray say whether there is a Ray cluster, in one sentence and with the right status?"""

import json
import socket
from pathlib import Path

import pytest

from sadari.comparison.cluster import connection
from support.terminal import Terminal


@pytest.fixture(autouse=True)
def _no_cluster_of_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))


def test_doctor_says_which_cluster_answers(sadari: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "installed", lambda: "2.60.0")
    assert "ray       2.60.0, no cluster runs here" in sadari("doctor").out
    with socket.create_server(("127.0.0.1", 0)) as head:
        address = f"127.0.0.1:{head.getsockname()[1]}"
        monkeypatch.setenv("RAY_ADDRESS", address)
        assert json.loads(sadari("doctor", "--json").out)["ray"] == {"version": "2.60.0", "cluster": address}
        assert f"ray       2.60.0, a cluster answers at {address}: --ray auto" in sadari("doctor").out
    assert json.loads(sadari("doctor", "--json").out)["ray"]["cluster"] is None


def test_doctor_says_how_ray_is_installed(sadari: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "installed", lambda: "")
    assert "ray       training on a Ray cluster needs the package ray, which is not installed" in sadari("doctor").out
    assert json.loads(sadari("doctor", "--json").out)["ray"]["version"] is None


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("compare", "digits", "--ray", "head"), 2, "--ray is auto or HOST:PORT, not 'head'"),
        (("compare", "digits", "--ray", "127.0.0.1:1"), 1, "no Ray cluster answers at '127.0.0.1:1'"),
        (("compare", "digits", "shapes", "--ray", "head"), 2, "--ray is auto or HOST:PORT, not 'head'"),
        (("compare", "digits", "--folds", "3", "--ray", "head"), 2, "--ray is auto or HOST:PORT, not 'head'"),
        (("tune", "digits", "--model", "mlp", "--ray", "head"), 2, "--ray is auto or HOST:PORT, not 'head'"),
        (("compare", "digits", "--models", "best", "--budget", "1m", "--ray", "auto"), 2, "trains on this machine"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_written(
    sadari: Terminal, words: tuple[str, ...], status: int, said: str
) -> None:
    answer = sadari(*words, "--out", "out")
    assert answer.status == status
    assert said in answer.err
    assert not Path("out").exists()
