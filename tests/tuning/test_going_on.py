"""Does a search that was stopped go on with the trial that would have come, to the same bytes?"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from sadari.errors import SadariError, UsageError
from sadari.progress import Silent
from sadari.run import RunRecord
from sadari.run_lookup import TUNE
from sadari.training.batches import Batch, Batches
from sadari.tuning.journal import JOURNAL, Claim, Journal
from sadari.tuning.request import Tuning
from sadari.tuning.result import TuneResult
from sadari.tuning.run import reopen_tuning, tune
from sadari.tuning.search import Limit
from sadari.tuning.trials import DONE, UNDER_WAY, Trial, trial_folder
from support.tuning import planned, tried


def interrupted_after(monkeypatch: pytest.MonkeyPatch, batches: int, out: Path) -> None:
    """Run the small search of six trials until its training has read so many batches, then press Ctrl-C."""
    original, read = Batches.batch, 0

    def watched(self: Batches, epoch: int, step: int) -> Batch:
        nonlocal read
        read += 1
        if read == batches:
            signal.raise_signal(signal.SIGINT)
        return original(self, epoch, step)

    with monkeypatch.context() as patch:
        patch.setattr(Batches, "batch", watched)
        with pytest.raises(KeyboardInterrupt):
            planned(trials=6).run(out)


@pytest.mark.parametrize("batches", [3, 11, 17])
def test_wherever_ctrl_c_comes_the_same_trials_follow(
    batches: int, whole: TuneResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    interrupted_after(monkeypatch, batches, out)
    left = [trial for trial in reopen_tuning(out).trials if trial.state == UNDER_WAY]
    assert len(left) == 1, "the trial under way is kept"
    result = planned(trials=6).run(out)
    assert tried(result) == tried(whole)
    assert result.final is not None and whole.final is not None
    for name, records in result.final.records.items():
        for mine, other in zip(records, whole.final.records[name], strict=True):
            assert (mine.path / "model.safetensors").read_bytes() == (other.path / "model.safetensors").read_bytes()


def test_a_killed_search_goes_on_to_the_same_trials(whole: TuneResult, tmp_path: Path) -> None:
    out = tmp_path / "out"
    program = f"from support.tuning import planned; from pathlib import Path; planned(trials=6).run(Path({str(out)!r}))"
    paths = os.pathsep.join([str(Path(__file__).parents[1]), *filter(None, sys.path)])
    process = subprocess.Popen([sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": paths})
    while not (trial_folder(out, 2) / "checkpoint").is_dir() and process.poll() is None:
        time.sleep(0.005)
    process.kill()
    process.wait()
    assert not (out / "final").exists()
    assert tried(planned(trials=6).run(out)) == tried(whole)


def test_a_line_that_a_kill_cut_off_is_no_part_of_the_journal(whole: TuneResult, tmp_path: Path) -> None:
    out = tmp_path / "out"
    planned(trials=2).run(out)
    with (out / JOURNAL).open("ab") as file:
        file.write(b'{"op_code": 4, "worker')
    assert tried(planned(trials=6).run(out)) == tried(whole)


def test_more_trials_go_on_from_those_that_are_there(whole: TuneResult, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = planned(trials=3).run(out)
    result = planned(trials=6).run(out)
    assert tried(result) == tried(whole)
    assert first.final is not None and result.final is not None
    assert set(first.final.records) <= set(result.final.records), "what was judged on test images stays in the table"


def test_the_same_command_again_trains_nothing(tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = planned().run(out)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("scores.json")}
    again = planned().run(out)
    assert tried(again) == tried(first)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("scores.json")} == before


def test_without_out_the_same_request_finds_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    first = planned(trials=1).run()
    assert first.out == tmp_path / "runs" / "shapes-tune-1"
    assert planned(trials=2).run().out == first.out
    assert planned(trials=1, seed=1).run().out == tmp_path / "runs" / "shapes-tune-2"


def test_a_folder_with_something_else_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "out"
    planned(trials=1).run(out)
    with pytest.raises(UsageError, match="holds a search of other data, settings or ranges; choose another --out"):
        planned(trials=1, search={"learning_rate": "0.001:0.2:log"}).run(out)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "diary.txt").write_text("dear diary")
    with pytest.raises(UsageError, match="is not empty and holds no search for settings"):
        planned(trials=1).run(tmp_path / "other")


def test_who_comes_second_with_another_request_is_refused(tmp_path: Path) -> None:
    """Both found the folder empty; another process has it, and stores its request before it gives it free."""
    planned(trials=1).run(tmp_path / "other")
    out = tmp_path / "out"
    out.mkdir()
    program = (
        "import shutil, sys, time; from pathlib import Path; from sadari.locks.folder import hold_folder\n"
        "with hold_folder(Path(sys.argv[1])):\n"
        "    print('held', flush=True); time.sleep(1); shutil.copy(sys.argv[2], sys.argv[1])"
    )
    words = [str(out), str(tmp_path / "other" / TUNE)]
    with subprocess.Popen([sys.executable, "-c", program, *words], stdout=subprocess.PIPE) as holding:
        assert holding.stdout is not None
        assert holding.stdout.readline() == b"held\n"
        with pytest.raises(UsageError, match="holds a search of other data, settings or ranges"):
            planned(trials=1, search={"learning_rate": "0.001:0.2:log"}).run(out)
    assert (out / TUNE).read_bytes() == (tmp_path / "other" / TUNE).read_bytes()


def test_what_is_damaged_is_one_sentence(tmp_path: Path) -> None:
    out = tmp_path / "out"
    planned(trials=1).run(out)
    (out / JOURNAL).write_bytes(b"nonsense\n" * 3)
    with pytest.raises(SadariError, match=r"journal\.log: it is damaged"):
        reopen_tuning(out)
    (out / TUNE).write_text("data = [")
    with pytest.raises(SadariError, match=r"tune\.toml: it is damaged"):
        reopen_tuning(out)
    with pytest.raises(UsageError, match="holds no search for settings"):
        reopen_tuning(tmp_path)


def test_reopened_it_shows_the_same(whole: TuneResult) -> None:
    again = reopen_tuning(whole.out)
    assert tried(again) == tried(whole)
    assert again.importances == whole.importances
    assert again.sentences == whole.sentences
    assert again.final is not None and whole.final is not None
    assert again.final.verdicts == whole.final.verdicts


def test_optuna_itself_reads_the_journal(whole: TuneResult) -> None:
    import optuna

    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(whole.out / JOURNAL)))
    study = optuna.load_study(study_name=None, storage=storage)
    assert [each.params for each in study.trials] == [dict(each.params) for each in whole.trials]
    assert whole.best is not None
    assert study.best_trial.number == whole.best.number


def test_two_workers_do_every_trial_once(tmp_path: Path) -> None:
    result = planned(trials=6, workers=2).run(tmp_path / "out")
    assert [each.number for each in result.trials] == list(range(6))
    assert all(each.run(result.out).finished for each in result.trials)
    again = planned(trials=6, workers=2).run(tmp_path / "out")
    assert tried(again) == tried(result)


def test_a_trial_that_another_process_holds_is_left_to_it(tmp_path: Path) -> None:
    plan = planned(trials=3)
    out = tmp_path / "out"
    planned(trials=1).run(out)
    request = Tuning.read(out)
    one, other = Journal(out, request, 10, 3), Journal(out, request, 10, 3)
    mine = one.claim(lambda trials: len(trials) < 3)
    theirs = other.claim(lambda trials: len(trials) < 3)
    assert mine is not None and theirs is not None
    assert {mine.trial.number, theirs.trial.number} == {1, 2}
    assert one.claim(lambda _: False) is None
    theirs.release()  # as a process that ends
    taken = one.claim(lambda _: False)
    assert taken is not None and taken.trial == theirs.trial
    taken.release()
    mine.release()
    assert [each.number for each in plan.run(out).trials] == [0, 1, 2]


def test_a_trial_that_somebody_just_looks_at_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a killed process a trial is left; another one that waits too has it for an instant whenever this one asks."""
    out = tmp_path / "out"
    planned(trials=1).run(out)
    left = Journal(out, Tuning.read(out), 10, 3).claim(lambda trials: len(trials) < 2)
    assert left is not None
    left.release()
    take, asked = Journal.claim, 0

    def claim(self: Journal, another: Callable[[Sequence[Trial]], bool]) -> Claim | None:
        nonlocal asked
        asked += 1
        return take(self, another) if asked > 2 else None

    monkeypatch.setattr(Journal, "claim", claim)
    result = planned(trials=2).run(out)
    assert [each.state for each in result.trials] == [DONE, DONE]


def test_a_budget_counts_what_earlier_commands_spent(tmp_path: Path) -> None:
    out = tmp_path / "out"
    plan = planned(trials=None, budget=0.001)
    result = plan.run(out)
    assert [each.number for each in result.trials] == [0], "the first trial begins whatever the budget"
    assert [each.number for each in plan.run(out).trials] == [0]
    ticks = iter(range(1000))
    assert not Limit(seconds=10.0).allows(result.trials, 10.0 + next(ticks))
    assert tune(plan.request, Limit(trials=2), seeds=1, out=out, progress=Silent()).trials[1].number == 1


def test_trials_are_whole_runs(whole: TuneResult) -> None:
    for trial in whole.trials:
        run = RunRecord.open(trial_folder(whole.out, trial.number))
        assert run.finished and run.job.seed == 0
        assert run.summary["judged_on"] == "val" and not run.scores("test") and not len(run.split.test)


def test_whatever_writes_holds_the_journal_before_optuna_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a thread that claims a trial and one that tells of another could wait for each other's lock forever."""
    request = planned(trials=1).request
    journal = Journal(tmp_path, request, 10, 3)
    storage, held = journal.study._storage, list[int]()
    write = type(storage)._write_log  # type: ignore[attr-defined]

    def watched(*arguments: object) -> None:
        held.append(journal._lock._taken)
        write(*arguments)

    monkeypatch.setattr(type(storage), "_write_log", watched)
    claim = journal.claim(lambda trials: not trials)
    assert claim is not None
    watch = journal.watch(claim.trial.number)
    assert watch is not None
    watch({"epoch": 1.0, "val_accuracy": 0.5, "val_loss": 1.0})
    journal.spend(claim.trial, 1.0)
    journal.tell(claim.trial, DONE, [0.5], seconds=1.0)
    assert len(held) >= 5 and min(held) >= 1
