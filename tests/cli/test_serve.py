"""Does `sadari serve` say where it listens, finish what it has when it is stopped, and fail with one sentence?"""

import json
import logging
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import sleep
from urllib.error import URLError

import pytest
import uvicorn
from fastapi import FastAPI

from sadari.cli import serve as command
from sadari.cli.main import main
from sadari.deploy.serve.limits import Limits
from sadari.deploy.serve.server import listen
from sadari.deploy.serve.server import run as run_server
from sadari.errors import SadariError
from sadari.inference.classifier import Classifier
from support.server import as_text, noise, trained_on_digits

# The whole command, with a slow network, so that something is under way when it is stopped.
SLOW_COMMAND = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # it may be ignored where the tests run
from sadari.cli.main import main
from sadari.inference.classifier import Classifier
predict = Classifier.probabilities
Classifier.probabilities = lambda self, images: (time.sleep(0.8), predict(self, images))[1]
main()
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained_on_digits(tmp_path_factory.mktemp("runs") / "digits").path


@pytest.fixture
def server(run: Path) -> Iterator["subprocess.Popen[str]"]:
    arguments = [sys.executable, "-c", SLOW_COMMAND, "serve", str(run), "--port", "0"]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.communicate()


def ask(address: str) -> int:
    body = json.dumps(as_text(noise(1))).encode()
    request = urllib.request.Request(f"{address}/predict", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as response:
        return int(response.status)


@pytest.mark.parametrize(
    ("number", "status"),
    [
        (signal.SIGTERM, 0),
        pytest.param(signal.SIGHUP, 129, marks=pytest.mark.slow),
        pytest.param(signal.SIGINT, 130, marks=pytest.mark.slow),
    ],
)
def test_it_finishes_what_it_has(server: "subprocess.Popen[str]", number: int, status: int) -> None:
    assert server.stdout is not None
    first, page, example, stop = (server.stdout.readline() for _ in range(4))
    assert re.fullmatch(r"cnn on digits   test accuracy 0\.\d{3}   8x8 grey   10 classes\n", first)
    address = page.split()[1]
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", address)
    assert example == f"ask   curl -F images=@photo.jpg {address}/predict\n"
    assert stop == "stop  Ctrl-C\n"
    assert ask(address) == 200
    with ThreadPoolExecutor(2) as pool:
        under_way = [pool.submit(ask, address) for _ in range(2)]
        sleep(0.4)
        server.send_signal(number)
        assert [each.result() for each in under_way] == [200, 200]
    out, err = server.communicate(timeout=30)
    said = "stopped; everything under way was answered\n"
    assert (server.returncode, out, err) == (status, *((said, "") if status == 0 else ("", said)))
    with pytest.raises(URLError):
        ask(address)


@pytest.mark.slow
@pytest.mark.parametrize("before", [(), ("nohup",)])
def test_a_closed_terminal_stops_it_except_below_nohup(before: tuple[str, ...], run: Path, tmp_path: Path) -> None:
    ours, terminal = pty.openpty()
    words = [*before, sys.executable, "-c", SLOW_COMMAND, "serve", str(run), "--port", "0"]
    with (tmp_path / "said").open("w") as said:
        process = subprocess.Popen(words, stdin=terminal, stdout=said, stderr=terminal, start_new_session=True)
    until(lambda: "stop  Ctrl-C" in (tmp_path / "said").read_text() or process.poll() is not None)
    os.close(terminal)
    os.close(ours)
    process.send_signal(signal.SIGHUP)
    if before:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(2)
        process.send_signal(signal.SIGTERM)
    assert process.wait(30) == (0 if before else 129)


def until(holds: Callable[[], bool]) -> None:
    for _ in range(1200):
        if holds():
            return
        sleep(0.05)
    raise AssertionError("it did not happen")


def complaint(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Return the exit status and what was printed as an error."""
    monkeypatch.setattr(sys, "argv", ["sadari", "serve", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    printed = capsys.readouterr()
    assert printed.out == ""
    return int(left.value.code or 0), printed.err


def test_a_port_that_is_taken(run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, said = complaint(monkeypatch, capsys, str(run), "--port", str(port))
    assert (status, said) == (
        1,
        f"error: cannot listen at 127.0.0.1 port {port}: Address already in use; choose another --port or --host\n",
    )


def test_a_host_that_is_not_here() -> None:
    with pytest.raises(SadariError, match=r"cannot listen at 203.0.113.9 port 0: .*; choose another --port or"):
        listen("203.0.113.9", 0)
    with pytest.raises(SadariError, match=r"cannot listen at nowhere.invalid port 0"):
        listen("nowhere.invalid", 0)


def test_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    status, said = complaint(monkeypatch, capsys, str(tmp_path / "none"), "--port", "0")
    assert status == 2
    assert said.startswith("error: there is no model in ")
    assert said.count("\n") == 1


def test_a_package_that_is_missing(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "NEEDED", ("not_installed_anywhere",))
    assert complaint(monkeypatch, capsys, str(run)) == (
        1,
        "error: serving needs the package not_installed_anywhere, which is not installed; in the folder of "
        "Sadari's checkout, run: uv sync --extra serve\n",
    )


def test_help_loads_no_server() -> None:
    code = (
        "import sys; sys.argv = ['sadari', 'serve', '--help']\n"
        "from sadari.cli.main import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print(sorted({'torch', 'fastapi', 'uvicorn'} & set(sys.modules)))"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert process.stdout.splitlines()[-1] == "[]"
    assert "--port" in process.stdout


def test_a_weak_token_is_refused(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for token in ("short", "with space in it", "semi;colon;semi"):
        status, said = complaint(monkeypatch, capsys, str(run), "--port", "0", "--token", token)
        assert status == 2
        assert said.startswith("error: a token has 8 to 256 letters, digits or . _ ~ -; make one with: export SADARI")
        assert token not in said


def test_an_address_that_others_can_open_is_printed(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    classifier = Classifier.open(run)
    monkeypatch.setattr(command, "_own_address", lambda host: "192.168.0.7" if host == "0.0.0.0" else "2001:db8::7")
    _, warning, page, ask_for, _ = command._lines(classifier, "0.0.0.0", 8000, False)
    assert warning.startswith("everybody who reaches this machine can use it; give it a --token, or set SADARI_TOKEN;")
    assert page == "page  http://192.168.0.7:8000"
    assert ask_for == "ask   curl -F images=@photo.jpg http://192.168.0.7:8000/predict"
    _, warning, page, ask_for, _ = command._lines(classifier, "::", 8000, True)
    assert warning.startswith("everybody who knows the token and reaches this machine can use it; wit")
    assert page == "page  http://[2001:db8::7]:8000/?token=TOKEN, with your token"
    assert '-H "Authorization: Bearer $SADARI_TOKEN"' in ask_for


def test_an_own_address_is_no_wildcard() -> None:
    for host in command.EVERYWHERE:
        assert command._own_address(host) not in ("", "0.0.0.0", "::")


def test_strangers_names_do_not_reach_the_terminal_as_they_are(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "_title", lambda classifier: "evil\x1b[2Jname")  # noqa: ARG005
    first, *_ = command._lines(Classifier.open(run), "127.0.0.1", 8000, False)
    assert first.startswith("evil\N{REPLACEMENT CHARACTER}[2Jname")


def test_what_other_libraries_log_to_stays_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """The configuration that uvicorn brings closes every handler of the process, and some close the standard error."""
    closed: list[str] = []

    class Watched(logging.NullHandler):
        def close(self) -> None:
            closed.append("closed")
            super().close()

    handler = Watched()
    monkeypatch.setattr(uvicorn.Server, "run", lambda server, sockets: None)  # noqa: ARG005 - the signature is uvicorn's
    with listen("127.0.0.1", 0) as listening:
        run_server(FastAPI(), listening, Limits())
    assert closed == []
    handler.close()
