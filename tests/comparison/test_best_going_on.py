"""Does a search go on where it was interrupted, to the same end, and in a folder of its own?"""

import os
from pathlib import Path
from typing import Any

import pytest

from sadari.comparison.best.run import BestRequest, find_best
from sadari.comparison.best.state import SearchState
from sadari.errors import SadariError, UsageError
from sadari.job import Job
from sadari.run import RunRecord
from support.best import BUDGET, MADE, MIDDLE, clocked, search
from support.clocked_training import ClockedTrainer, Made

pytestmark = pytest.mark.usefixtures("few_models")


def jobs_in(using: ClockedTrainer, folder: Path) -> list[Job]:
    """Return the jobs whose runs are in `folder`, without the samples."""
    stored = [RunRecord.open(path.parent).job for path in sorted(folder.rglob("settings.toml"))]
    return [job for job in using.calls if job.record in stored]


def test_the_same_again_trains_nothing_and_gives_the_same(tmp_path: Path) -> None:
    using = clocked(cnn=Made(0.95, 2, MIDDLE, stops=15))
    first = search(using, tmp_path / "out")
    count = len(using.calls)
    again = search(using, tmp_path / "out")
    assert len(using.calls) == count
    assert again.document() == first.document()


@pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.slow)])
def test_wherever_it_is_interrupted_it_goes_on_to_the_same_end(every: int, tmp_path: Path) -> None:
    stops = {"cnn": Made(0.95, 2, MIDDLE, stops=15)}
    whole = clocked(**stops)
    wanted = search(whole, tmp_path / "whole").document()["arms"]
    trained = jobs_in(whole, tmp_path / "whole")
    samples = len(whole.calls) - len(trained)
    for call in range(samples, len(whole.calls) + 1, every):
        using, folder = clocked(**stops), tmp_path / str(call)
        using.stop_at = call
        with pytest.raises(KeyboardInterrupt):
            search(using, folder)
        found = search(using, folder).document()["arms"]
        if call > samples:
            assert jobs_in(using, folder) == trained, "every run is trained once"
        for arm, other in zip(found, wanted, strict=True):
            assert {**arm, "runs": None} == {**other, "runs": None}


def test_two_searches_never_share_a_folder(tmp_path: Path) -> None:
    class Another(ClockedTrainer):
        def __call__(self, job: Job, out: Path, **given: object) -> RunRecord:
            with pytest.raises(SadariError, match=r"another process is training in .*out'"):
                search(clocked(), tmp_path / "out")
            return super().__call__(job, out, **given)  # type: ignore[arg-type]

    search(Another(made=MADE), tmp_path / "out")
    assert all(not trial.reason for trial in SearchState.read(tmp_path / "out").trials)


class StoppedIn(ClockedTrainer):
    """Ctrl-C once, `after` seconds into the run whose path ends with `where`."""

    where: tuple[str, ...] = ()
    after: float = 0.0

    def __call__(self, job: Job, out: Path, **given: Any) -> RunRecord:
        if self.where and out.parts[-len(self.where) :] == self.where:
            self.where, self.now = (), self.now + self.after
            raise KeyboardInterrupt
        return super().__call__(job, out, **given)


def test_time_before_ctrl_c_counts(tmp_path: Path) -> None:
    using = StoppedIn(made=MADE)
    using.where, using.after = ("final", "cnn-seed0"), 30.0
    with pytest.raises(KeyboardInterrupt):
        search(using, tmp_path / "out")
    assert SearchState.read(tmp_path / "out").final_seconds == pytest.approx({"cnn-seed0": 30.0})
    search(using, tmp_path / "out")
    resumed = RunRecord(tmp_path / "out" / "final" / "cnn-seed0").summary["seconds"]["total"]
    assert SearchState.read(tmp_path / "out").final_seconds["cnn-seed0"] == pytest.approx(30.0 + resumed)


def test_time_before_ctrl_c_in_a_round_counts(tmp_path: Path) -> None:
    using = StoppedIn(made=MADE)
    using.where, using.after = ("rounds", "1", "cnn-seed0"), 5.0
    with pytest.raises(KeyboardInterrupt):
        search(using, tmp_path / "out")
    assert SearchState.read(tmp_path / "out").cut_off == pytest.approx({"1/cnn-seed0": 5.0})
    search(using, tmp_path / "out")
    resumed = RunRecord(tmp_path / "out" / "rounds" / "1" / "cnn-seed0").summary["seconds"]["total"]
    trial = SearchState.read(tmp_path / "out").trial(1, "cnn")
    assert trial is not None and trial.seconds == pytest.approx(5.0 + resumed)
    assert using.now <= BUDGET


def test_a_folder_with_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match="not empty and holds no search"):
        search(clocked(), tmp_path)
    with pytest.raises(UsageError, match="is a file"):
        search(clocked(), tmp_path / "file")
    search(clocked(), tmp_path / "out")
    with pytest.raises(UsageError, match="holds no search for just this"):
        search(clocked(), tmp_path / "out", budget=61.0)


def test_a_folder_that_cannot_be_written_costs_no_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    using = clocked()
    with pytest.raises(SadariError, match=r"cannot write to '.*': File name too long; choose another --out"):
        search(using, tmp_path / ("a" * 300))
    monkeypatch.setattr(os, "access", lambda path, _: path != tmp_path / "out")
    with pytest.raises(SadariError, match="cannot write to"):
        search(using, tmp_path / "out")
    assert not using.calls


def test_folders_are_numbered_and_the_same_request_finds_its_own(tmp_path: Path) -> None:
    def found(budget: float) -> Path:
        using = clocked()
        request = BestRequest("digits", budget)
        return find_best(request, runs=tmp_path / "runs", train=using, clock=using.clock).out

    assert found(60.0) == tmp_path / "runs" / "digits-best-1" / "final"
    assert found(50.0) == tmp_path / "runs" / "digits-best-2" / "final"
    assert found(60.0) == tmp_path / "runs" / "digits-best-1" / "final"
