"""What does --log-to take, and what is refused before anything is trained?"""

import subprocess
import sys
from pathlib import Path

import pytest

from sadari.errors import SadariError, UsageError
from sadari.loggers import targets as room
from sadari.loggers.live import LiveLog, begin_whole, read_state, stored_targets
from sadari.loggers.protocol import End, Start
from sadari.loggers.targets import LOGGERS, Target, Tracker, listed, parse_targets, stored_target


def test_words_become_targets_and_targets_words() -> None:
    found = parse_targets("tensorboard:my events, mlflow:http://tracking:5000")
    assert found == (Target("tensorboard", "my events"), Target("mlflow", "http://tracking:5000"))
    assert parse_targets(listed(found)) == found == parse_targets(["tensorboard:my events", str(found[1])])
    assert parse_targets("") == parse_targets(()) == ()
    assert stored_target("tensorboard:C:/x") == Target("tensorboard", "C:/x")
    assert stored_target("of-a-later-version") is None


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("tensorbord", "unknown logger 'tensorbord'; did you mean 'tensorboard'?"),
        ("tensorboard:a,tensorboard:b", "names tensorboard twice"),
        ("mlflow:postgresql://me:secret@host/db", "has a password, which the run folder would store"),
        ("mlflow:http://me:secret@[::1", "the address of MLflow is none .Invalid IPv6 URL"),
    ],
)
def test_what_makes_no_sense_is_one_sentence(words: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence) as refused:
        parse_targets(words)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("name", ["mlflow", "wandb", "trackio"])
def test_a_package_that_is_missing_is_said_with_its_extra(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "find_spec", lambda _: None)
    with pytest.raises(SadariError, match=f"run: uv sync --extra {LOGGERS.get(name).extra}$"):
        parse_targets(name)


def test_naming_trackers_loads_none_of_them() -> None:
    code = (
        "import sys; from sadari.loggers.targets import parse_targets; parse_targets('tensorboard')\n"
        "print(sorted({'mlflow', 'wandb', 'trackio', 'tensorboard', 'torch'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


class Noted:
    """A logger that notes what it gets."""

    calls: list[tuple[str, object]]

    def __init__(self, place: str) -> None:
        self.place = place

    def begin(self, start: Start) -> str:
        Noted.calls.append(("begin", (start.name, start.known, start.parent)))
        return start.known or f"id of {start.name}"

    def epoch(self, row: object) -> None:
        Noted.calls.append(("epoch", row))

    def end(self, end: End) -> None:
        Noted.calls.append(("end", end.figures))

    def stop(self, interrupted: bool) -> None:
        Noted.calls.append(("stop", interrupted))


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, object]]:
    Noted.calls = []
    monkeypatch.setitem(LOGGERS._entries, "noted", Tracker("Noted", "json", "", Noted, nests=True))
    return Noted.calls


def test_runs_stand_inside_their_comparison_where_the_tracker_nests(
    noted: list[tuple[str, object]], tmp_path: Path
) -> None:
    folder, run = tmp_path / "cmp", tmp_path / "cmp" / "cnn-seed0"
    run.mkdir(parents=True)
    say = pytest.fail
    begin_whole(parse_targets("noted:here"), Start("cmp", folder, "digits"), say)
    begin_whole((), Start("cmp", folder, "digits"), say)  # the same command again, without --log-to
    assert stored_targets(run, folder) == (Target("noted", "here"),)
    LiveLog(stored_targets(run, folder), Start("cnn-seed0", run, "digits", group="cmp"), say)
    LiveLog([Target("noted", "here")], Start("cmp", folder, "digits"), say).end(lambda: End({"accuracy": 1.0}))
    assert noted == [
        ("begin", ("cmp", "", "")),
        ("begin", ("cnn-seed0", "", "id of cmp")),
        ("begin", ("cmp", "id of cmp", "")),
        ("end", {"accuracy": 1.0}),
    ]


def test_a_damaged_state_is_none(tmp_path: Path) -> None:
    for text in ("", "[]", '{"loggers": 3}', '{"loggers": {"a": 1}}'):
        (tmp_path / "loggers.json").write_text(text, encoding="utf-8")
        assert read_state(tmp_path) == {} and stored_targets(tmp_path) == ()
