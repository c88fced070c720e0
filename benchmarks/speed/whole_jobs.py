"""What does a whole command cost, from its start to its last line? CPU seconds of an older checkout and of this one.

    uv run python benchmarks/speed/whole_jobs.py --other OLDER/.venv/bin/python [--only "NAME;NAME"] [--turns 5]

Each job is a command as a user types it, in a fresh process, with the Python of either checkout in turn: CPU seconds
(user and system, of the process and of all that it started) and wall seconds. CPU seconds say what a command does,
whatever else the machine does; the wall seconds are for a quiet machine. A turn before the others makes the runs
that some jobs need, the packs and Python's bytecode, and does not count. Stored after each turn in whole_jobs.json
beside this file, so that a call with more `--turns` goes on; another pair of commits begins anew. Without `--other`
this checkout alone is timed.
"""

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from machine import this_machine
from sadari.files import read_json, write_json

COMMAND = "import sys; sys.argv[0] = 'sadari'; from sadari.cli.main import main; main()"
PICTURE = (
    "from sadari import load; from PIL import Image; Image.fromarray(load('digits').images[0][..., 0]).save('0.png')"
)
VERSION = (
    "import sadari, subprocess, pathlib; print(subprocess.run(['git', 'describe', '--always', '--dirty'], text=True, "
    "capture_output=True, cwd=pathlib.Path(sadari.__file__).parent).stdout.strip())"
)
READY_SECONDS = 300.0


@dataclass(frozen=True)
class Job:
    """One command. NEW in its words stands for a folder that is not there yet. served: it is ended once it answers."""

    name: str
    words: tuple[str, ...]
    served: bool = False


JOBS = (
    Job("compare digits", ("compare", "digits", "--out", "NEW")),
    Job("train digits --model mlp", ("train", "digits", "--model", "mlp", "--out", "NEW")),
    Job("report COMPARISON", ("report", "made")),
    Job("predict RUN photo", ("predict", "made/cnn-seed0", "0.png")),
    Job("explain RUN photo", ("explain", "made/cnn-seed0", "0.png", "--out", "NEW")),
    Job("serve RUN, until it answers", ("serve", "made/cnn-seed0", "--port", "PORT"), served=True),
    Job("models", ("models",)),
)


@dataclass(frozen=True)
class Taken:
    """What a command took, in seconds. cpu: of the process and of those that it waited for."""

    cpu: float
    wall: float


def prepare(python: str, folder: Path) -> None:
    """Make a comparison and a picture for the jobs, with the program of the checkout itself."""
    folder.mkdir(parents=True)
    for program, words in ((COMMAND, ("compare", "digits", "--seeds", "1", "--out", "made")), (PICTURE, ())):
        subprocess.run(
            [python, "-c", program, *words], cwd=folder, env=environment(folder), check=True, capture_output=True
        )


def environment(folder: Path) -> dict[str, str]:
    """Return the variables of a process: a cache and bytecode of the checkout's own, no other sources."""
    dropped = ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "VIRTUAL_ENV")
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    own = {"SADARI_CACHE_DIR": str(folder / "cache"), "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}
    return {**kept, **own}


def run(job: Job, python: str, folder: Path, new: str) -> Taken:
    """Run `job` in `folder`; raise SystemExit where the command fails."""
    port = free_port()
    words = [{"NEW": new, "PORT": str(port)}.get(word, word) for word in job.words]
    started = time.perf_counter()
    process = subprocess.Popen(
        [python, "-c", COMMAND, *words],
        cwd=folder,
        env=environment(folder),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    wall = 0.0
    if job.served:
        wait_until_ready(port, process)
        wall = time.perf_counter() - started
        process.terminate()
    assert process.stderr is not None
    with process.stderr:
        said = process.stderr.read().decode(errors="replace")
    _, status, usage = os.wait4(process.pid, 0)  # its processor time, and that of the processes that it waited for
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode and not job.served:
        raise SystemExit(f"{job.name} failed with {python}: {said}")
    return Taken(usage.ru_utime + usage.ru_stime, wall or time.perf_counter() - started)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def wait_until_ready(port: int, process: "subprocess.Popen[bytes]") -> None:
    """Wait until the server answers; raise SystemExit where it ended."""
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            with urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5):
                return
        except OSError:
            time.sleep(0.02)
    process.kill()
    raise SystemExit("the server did not answer")


def version_of(python: str) -> str:
    """Return the version of the sources that a Python has, as git describes it."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run([python, "-c", VERSION], env=kept, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def measure(jobs: tuple[Job, ...], pythons: Mapping[str, str], turns: int, out: Path) -> dict[str, Any]:
    """Run each job in turn with each Python, until each has `turns` figures; what `out` has already stays."""
    commits = {label: version_of(python) for label, python in pythons.items()}
    stored = read_json(out) if out.is_file() else {}
    if stored.get("commits") != commits:
        stored = {"commits": commits, "machine": this_machine(), "jobs": {}}
    with tempfile.TemporaryDirectory() as name:
        folders = {label: Path(name) / label for label in pythons}
        for label, python in pythons.items():
            prepare(python, folders[label])
        warm: set[tuple[str, str]] = set()
        for turn in range(turns):
            for job in jobs:
                for label, python in pythons.items():
                    taken = stored["jobs"].setdefault(job.name, {}).setdefault(label, {"cpu": [], "wall": []})
                    if len(taken["cpu"]) > turn:
                        continue
                    if (job.name, label) not in warm:  # which does not count
                        run(job, python, folders[label], f"warm-{jobs.index(job)}")
                        warm.add((job.name, label))
                    found = run(job, python, folders[label], f"new-{turn}-{jobs.index(job)}")
                    taken["cpu"].append(round(found.cpu, 3))
                    taken["wall"].append(round(found.wall, 3))
                    write_json(out, {**stored, "date": time.strftime("%Y-%m-%d"), "load": os.getloadavg()[0]})
    return stored


def table(stored: Mapping[str, Any]) -> list[str]:
    """Return a line for each job: median CPU and wall seconds of each checkout, and the ratio of the CPU seconds."""
    labels = list(stored["commits"])
    lines = [f"{'':30}" + "".join(f"{label + ' cpu':>14}{'wall':>9}" for label in labels)]
    for name, found in stored["jobs"].items():
        middle = {each: {of: statistics.median(found[each][of]) for of in ("cpu", "wall")} for each in found}
        cells = "".join(
            f"{middle[each]['cpu']:12.2f} s{middle[each]['wall']:7.2f} s" for each in labels if each in found
        )
        ratio = f"   {middle['other']['cpu'] / middle['this']['cpu']:.2f}x" if len(middle) == 2 else ""
        lines.append(f"{name:30}{cells}{ratio}")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--other", default="", help="the Python of an older checkout's environment")
    parser.add_argument("--only", default="", help="names of jobs, with semicolons; all by default")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    options = parser.parse_args()
    jobs = tuple(each for each in JOBS if not options.only or each.name in options.only.split(";"))
    if not jobs:
        raise SystemExit(f"--only names none of: {'; '.join(each.name for each in JOBS)}")
    pythons = {**({"other": options.other} if options.other else {}), "this": sys.executable}
    print("\n".join(table(measure(jobs, pythons, options.turns, options.out))))


if __name__ == "__main__":
    main()
