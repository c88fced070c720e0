"""When are searches for settings and exports of a project out of date?"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sadari.project import run as working
from sadari.project.asked import images_now
from sadari.project.file import read_project
from sadari.project.run import run_entries
from sadari.project.standing import Standing, project_standing
from sadari.tuning.plan import Plan
from sadari.tuning.request import store_request
from sadari.tuning.result import FILE, TuneResult

SEARCH = """
data = "digits"
[tune.rate]
model = "softmax"
trials = 2
seeds = 1
search = { learning_rate = "1e-3:1e-1:log" }
settings = { epochs = 1 }
"""


def write(text: str) -> None:
    Path("sadari.toml").write_text(text, encoding="utf-8")


def stands(name: str) -> Standing:
    return project_standing(read_project(".")).entries[name]


def said(entry: Standing) -> list[str]:
    return [each.sentence for each in entry.reasons]


@pytest.fixture
def searches(whole: TuneResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """A project whose searches find what another one found, without training; the folders that were asked for."""
    asked: list[Path] = []

    def found(self: Plan, out: Path, progress: Any) -> TuneResult:
        del progress
        asked.append(out)
        request, _ = self.request.decided()
        store_request(
            replace(request, fingerprint=images_now(request.data, request.job({}).settings)["fingerprint"]), out
        )
        (out / FILE).write_text("{}", encoding="utf-8")
        return whole

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Plan, "run", found)
    monkeypatch.setattr(working, "write_plots", lambda _: ())
    monkeypatch.setattr(working, "write_tuned", lambda _: None)
    write(SEARCH)
    return asked


def test_a_search_is_made_once_and_says_what_it_found(searches: list[Path], whole: TuneResult) -> None:
    assert (stands("rate").state, stands("rate").to_do) == ("missing", "a search of 2 trials")
    assert run_entries(read_project(".")).up_to_date
    assert run_entries(read_project(".")).up_to_date
    assert searches == [Path("runs/rate").resolve()]
    record = Path("results/rate.json").read_text(encoding="utf-8")
    assert whole.gain in record and '"val_accuracy"' in record


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("1e-3:1e-1:log", "1e-3:1:log", "search: learning_rate=0.001:0.1:log -> learning_rate=0.001:1:log"),
        ("epochs = 1", "epochs = 2", "softmax: epochs 1 -> 2"),
        ("trials = 2", "trials = 4", "trials: 2 -> 4"),
        ("trials = 2", 'budget = "1m"', "budget: none -> 60 s"),
        ("seeds = 1", "seeds = 2", "seeds: 1 -> 1, 2"),
        ("seeds = 1", "seed = 5\nseeds = 1", "seed: 0 -> 5"),
        ("seeds = 1", 'pruner = "none"\nseeds = 1', "pruner: median -> none"),
    ],
)
def test_why_a_search_is_out_of_date(old: str, new: str, why: str, searches: list[Path]) -> None:
    run_entries(read_project("."))
    write(SEARCH.replace(old, new))
    assert stands("rate").state == "out of date"
    assert why in said(stands("rate"))
    assert len(searches) == 1


def test_the_folder_of_another_search_is_not_that_of_the_committed_result(searches: list[Path]) -> None:
    run_entries(read_project("."))
    committed = Path("results/rate.json").read_bytes()
    write(SEARCH.replace("epochs = 1", "epochs = 2"))
    run_entries(read_project("."))
    write(SEARCH)
    Path("results/rate.json").write_bytes(committed)
    assert (stands("rate").state, stands("rate").to_do) == ("recorded", "a search of 2 trials")
    assert run_entries(read_project(".")).up_to_date
    assert len(searches) == 3 and Path("runs/former/rate-2").is_dir()
    Path("results/rate.json").unlink()
    write(SEARCH.replace("epochs = 1", "epochs = 2"))
    assert stands("rate").state == "missing"


def test_fewer_trials_are_there_already(searches: list[Path]) -> None:
    run_entries(read_project("."))
    write(SEARCH.replace("trials = 2", "trials = 1"))
    assert stands("rate").state == "up to date"
    assert len(searches) == 1


def test_an_export_follows_what_it_is_of(searches: list[Path]) -> None:
    write(SEARCH + '[export.out]\nof = "rate"\nto = "safetensors"\n')
    found = run_entries(read_project("."), ("rate",))
    assert list(found.entries) == ["rate"] and searches
    assert stands("out").to_do == "the best run of rate is exported"
    Path("results/out.json").write_text(
        '{"kind": "export", "asked": {"of": "rate", "to": "onnx", "quantize": ""}, "run": "final/default-seed1", '
        '"file": "model.onnx", "model_sha256": "0"}',
        encoding="utf-8",
    )
    write(SEARCH.replace("epochs = 1", "epochs = 3") + '[export.out]\nof = "rate"\nto = "safetensors"\n')
    entry = stands("out")
    assert (entry.state, said(entry)) == ("out of date", ["to: onnx -> safetensors", "rate is out of date"])
