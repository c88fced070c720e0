"""What does `sadari data review` print, and do later commands honour what was decided?"""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from sadari.data.decisions.file import NAME, beside, read_decisions
from sadari.files import read_json
from sadari.review.suspects import make_review
from support.reviewing import PLANTED, planted_folder
from support.terminal import Terminal


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return planted_folder(tmp_path / "photos")


def test_suspects_are_listed_and_decisions_honoured(sadari: Terminal, photos: Path) -> None:  # noqa: ARG001
    printed = sadari("data", "review", "photos").out
    assert "photos: 62 images, 3 classes, 2 suspect labels" in printed
    for name in PLANTED:
        assert name in printed
    assert "95 % interval" in printed and "share of all images" in printed
    before = sadari("data", "info", "photos", "--json").document
    review = make_review("photos", {})
    review.decide(PLANTED[0], "relabel", "bottom")
    review.decide(PLANTED[1], "drop")
    after = sadari("data", "info", "photos", "--json").document
    assert after["images"] == 61 and after["fingerprint"] != before["fingerprint"]
    assert any(NAME in note and "1 label changed and 1 image left out" in note for note in after["notes"])
    without = sadari("data", "info", "photos", "--set", "review=none", "--json").document
    assert without["fingerprint"] == before["fingerprint"]
    assert "1 label changed" in sadari("data", "check", "photos").out
    document = sadari("data", "review", "photos", "--json").document
    assert document["decided"] == {"keep": 0, "relabel": 1, "drop": 1} and document["suspects"] == 0
    assert document["decisions"] == str(beside("photos"))


def test_runs_before_and_after_decisions_are_of_different_data(sadari: Terminal, photos: Path) -> None:
    train = ("train", "photos", "--model", "softmax", "--set", "epochs=1")
    assert sadari(*train, "--out", "before").status == 0
    make_review(photos, {}).decide(PLANTED[0], "relabel", "bottom")
    assert sadari(*train, "--out", "after").status == 0
    data = [read_json(Path(run, "environment.json"))["data"] for run in ("before", "after")]
    assert data[0]["fingerprint"] != data[1]["fingerprint"]
    assert any("1 label changed" in note for note in data[1]["notes"])
    refused = sadari(*train, "--out", "before")
    assert refused.status == 1 and "have changed since the run" in refused.err


def test_top_and_html(sadari: Terminal, photos: Path) -> None:  # noqa: ARG001 - it writes the folder
    printed = sadari("data", "review", "photos", "--top", "1", "--html", "suspects.html").out
    assert (
        "and 1 more; --top 2 lists all, also those that are less sure" in printed and "page  suspects.html" in printed
    )
    page = Path("suspects.html").read_text(encoding="utf-8")
    assert all(name in page for name in PLANTED) and page.count("<img") == 10 and "<script" not in page


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        (("photos", "--html", "page.txt"), 2, "--html is the name of an .html file"),
        (("photos", "--json", "--page"), 2, "--json prints one document"),
        (("photos", "--set", "review=none.csv"), 2, "there is no file 'none.csv'"),
        (("photos", "--decisions", "damaged.csv"), 1, "cannot be used"),
        (("nothing",), 2, "nothing"),
        ((f"photos/{NAME}",), 2, "has decisions about images"),
    ],
)
def test_wrong_requests_are_one_sentence(
    words: tuple[str, ...], status: int, sentence: str, sadari: Terminal, photos: Path
) -> None:
    Path("damaged.csv").write_text("no,decisions\n", encoding="utf-8")
    if words[0].endswith(NAME):
        (photos / NAME).write_text("", encoding="utf-8")
    answer = sadari("data", "review", *words)
    assert answer.status == status and sentence in answer.err


def test_on_a_terminal_a_named_set_says_what_is_missing(sadari: Terminal) -> None:
    answer = sadari("data", "review", "digits", "--page")
    assert answer.status == 0 and "--decisions FILE.csv" in answer.out


@pytest.mark.skipif(os.name == "nt", reason="SIGINT is sent as Unix does")
def test_the_page_is_served_until_ctrl_c(photos: Path) -> None:
    code = "from sadari.cli.main import main; main()"
    command = [sys.executable, "-c", code, "data", "review", str(photos), "--page"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        line = next(each for each in running.stdout if each.startswith("page"))
        address, _, token = line.split()[1].partition("/?token=")
        assert address.startswith("http://127.0.0.1:") and len(token) >= 16
        with pytest.raises(HTTPError, match="401"):
            urlopen(f"{address}/review")
        body = json.dumps({"file": PLANTED[1], "decision": "drop"}).encode()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        with urlopen(Request(f"{address}/decide", body, headers)) as answer:
            assert json.load(answer)["decision"] == "drop"
        assert set(read_decisions(photos / NAME)) == {PLANTED[1]}
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=60)
    assert running.returncode == 130 and "every decision is written" in err
    assert set(read_decisions(photos / NAME)) == {PLANTED[1]}


def test_a_port_in_use_names_the_one_option_there_is(sadari: Terminal, photos: Path) -> None:  # noqa: ARG001
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        answer = sadari("data", "review", "photos", "--page", "--port", port)
    assert answer.status == 1
    assert f"cannot listen at 127.0.0.1 port {port}" in answer.err and answer.err.endswith("choose another --port\n")
