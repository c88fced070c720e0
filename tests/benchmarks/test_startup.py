"""Does the benchmark of starting time what it says, in processes that find only what they may?"""

from pathlib import Path
from subprocess import CalledProcessError

import pytest

from support.yardstick import load

startup = load("startup")
Figure, run = startup.Figure, startup.run
SOURCE = Path(__file__).parents[2] / "src"


def test_a_process_is_timed_as_a_whole_or_by_itself(tmp_path: Path) -> None:
    asleep = "import time; time.sleep(0.2); print(7.5)"
    assert 0.2 < run(Figure("whole", asleep), SOURCE, tmp_path, "one") < 7.5
    assert run(Figure("inside", asleep, inside=True), SOURCE, tmp_path, "one") == 7.5
    with pytest.raises(CalledProcessError):
        run(Figure("fails", "raise SystemExit(1)"), SOURCE, tmp_path, "one")


def test_a_turn_before_the_others_does_not_count(tmp_path: Path) -> None:
    counting = "import os, sys; print(sum(name.startswith('run-') for name in os.listdir())); os.mkdir(sys.argv[1])"
    figure = Figure("counting", counting, ("RUN",), inside=True)
    assert startup.measure([figure], SOURCE, tmp_path, 3) == {"counting": [1.0, 2.0, 3.0]}


def test_bytecode_is_found_or_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    settled = startup.environment(Figure("settled", ""), SOURCE, tmp_path)
    first = startup.environment(Figure("first", "", bytecode=False), SOURCE, tmp_path)
    assert "PYTHONDONTWRITEBYTECODE" not in settled and first["PYTHONDONTWRITEBYTECODE"] == "1"
    assert settled["PYTHONPYCACHEPREFIX"] != first["PYTHONPYCACHEPREFIX"]
    assert settled["SADARI_CACHE_DIR"].startswith(str(tmp_path))


@pytest.mark.slow
def test_the_first_step_ends_the_process(tmp_path: Path) -> None:
    words = ("train", "shapes:images=60,size=16", "--model", "mlp", "--set", "tensorboard=off", "--out", "RUN")
    run(Figure("first step", startup.FIRST_STEP + startup.COMMAND, words), SOURCE, tmp_path, "one")
    assert (tmp_path / "one" / "settings.toml").is_file()
    assert not (tmp_path / "one" / "history.csv").exists()


def test_the_table_has_a_line_for_every_figure() -> None:
    name = startup.FIGURES[0].name
    lines = startup.table({"after": {"seconds": {name: [0.1, 0.3, 0.2]}}, "before": {"seconds": {name: [1.0]}}})
    assert lines[0].split() == ["before", "after"]
    assert " ".join(lines[1].split()) == f"{name} 1.00 s (1.00 - 1.00) 0.20 s (0.10 - 0.30)"
    assert len(lines) == 1 + len(startup.FIGURES)
