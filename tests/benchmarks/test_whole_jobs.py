"""Does the benchmark of whole commands run them in turn, count what they took, and go on where it stopped?"""

import sys
from pathlib import Path

import pytest

from support.yardstick import load

whole_jobs = load("whole_jobs")
Job, Taken = whole_jobs.Job, whole_jobs.Taken


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Stand-ins for commands: each call is noted as (job, Python)."""
    made: list[tuple[str, str]] = []

    def run(job: object, python: str, folder: Path, new: str) -> object:
        del folder, new
        made.append((job.name, python))  # type: ignore[attr-defined]
        return Taken(2.0 if python == "old" else 1.0, 4.0)

    monkeypatch.setattr(whole_jobs, "run", run)
    monkeypatch.setattr(whole_jobs, "prepare", lambda *_: None)
    monkeypatch.setattr(whole_jobs, "version_of", lambda python: f"commit of {python}")
    return made


def test_jobs_take_turns_and_the_first_call_does_not_count(calls: list[tuple[str, str]], tmp_path: Path) -> None:
    jobs, pythons = (Job("a", ("models",)),), {"other": "old", "this": "new"}
    out = tmp_path / "out.json"
    stored = whole_jobs.measure(jobs, pythons, 2, out)
    assert calls == [("a", "old"), ("a", "old"), ("a", "new"), ("a", "new"), ("a", "old"), ("a", "new")]
    assert stored["jobs"]["a"]["other"] == {"cpu": [2.0, 2.0], "wall": [4.0, 4.0]}
    calls.clear()
    whole_jobs.measure(jobs, pythons, 3, out)  # goes on: one turn more, after one that does not count
    assert calls == [("a", "old"), ("a", "old"), ("a", "new"), ("a", "new")]
    calls.clear()
    whole_jobs.measure(jobs, {"other": "older", "this": "new"}, 1, out)  # other sources: begins anew
    assert len(calls) == 4
    assert whole_jobs.table(stored)[1].split() == ["a", "2.00", "s", "4.00", "s", "1.00", "s", "4.00", "s", "2.00x"]


def test_the_processor_time_is_that_of_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        whole_jobs, "COMMAND", "import time; end = time.process_time() + 0.2\nwhile time.process_time() < end: pass"
    )
    taken = whole_jobs.run(Job("busy", ()), sys.executable, tmp_path, "new")
    assert 0.2 <= taken.cpu < 2.0
    monkeypatch.setattr(whole_jobs, "COMMAND", "raise SystemExit(3)")
    with pytest.raises(SystemExit, match="busy failed"):
        whole_jobs.run(Job("busy", ()), sys.executable, tmp_path, "new")


def test_the_jobs_are_commands_of_the_program() -> None:
    from support.commands import parse

    for job in whole_jobs.JOBS:
        words = [{"NEW": "new", "PORT": "1234"}.get(word, word) for word in job.words]
        parse(" ".join(["sadari", *words]))
