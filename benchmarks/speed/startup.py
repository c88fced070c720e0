"""How long does it take until something happens? Whole commands, and the way to the first step of training.

    uv run python benchmarks/speed/startup.py [--as before|after] [--source OTHER/src] [--only "NAME;NAME"] [--turns 7]

Each figure is the wall time of whole processes, started in turn so that all figures see the same machine; the seconds
of `--turns` processes are stored under `--as` in startup.json beside this file. `--source` names another tree of
sources, such as those of an older version. Fashion-MNIST has to be in SADARI_DATA_DIR. The pack of it, and Python's
bytecode, are made in a temporary folder by a turn that does not count: this is the second start and every later one,
with warm file caches. Figures called `... first` find no bytecode at all, not even that of Python's own library.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from machine import describe_machine

HERE = Path(__file__).parent
COMMAND = "import sys; sys.argv[0] = 'sadari'; from sadari.cli.main import main; main()"
# The process ends, with all that it has begun, when the first optimiser step has been made.
FIRST_STEP = """
import os, sys
from sadari.training.engine import Engine
step = Engine._step
def only(*of_step):
    step(*of_step)
    os._exit(0)
Engine._step = only
"""
LOAD = """
import time, sadari
started = time.perf_counter()
assert len(sadari.load("fashion-mnist")) == 70_000
print(time.perf_counter() - started)
"""


@dataclass(frozen=True)
class Figure:
    """One thing that is timed. program: Python, with `arguments` behind it, RUN among them standing for a new folder.

    inside: whether the program prints its seconds, instead of being timed as a whole. bytecode: whether Python finds
    what it has compiled before. typed: the command line that a shell wants completed.
    """

    name: str
    program: str
    arguments: tuple[str, ...] = ()
    inside: bool = False
    bytecode: bool = True
    typed: tuple[str, ...] = ()


FIGURES = (
    Figure("--help", COMMAND, ("--help",)),
    Figure("models", COMMAND, ("models",)),
    Figure("completion", COMMAND, typed=("sadari", "train", "digits", "--model", "c")),
    Figure("--help first", COMMAND, ("--help",), bytecode=False),
    Figure("models first", COMMAND, ("models",), bytecode=False),
    Figure("data info fashion-mnist", COMMAND, ("data", "info", "fashion-mnist")),
    Figure("load fashion-mnist", LOAD, inside=True),
    Figure("first step of mlp", FIRST_STEP + COMMAND, ("train", "fashion-mnist", "--model", "mlp", "--out", "RUN")),
    Figure("first step of cnn", FIRST_STEP + COMMAND, ("train", "fashion-mnist", "--model", "cnn", "--out", "RUN")),
    Figure("train digits, logistic", COMMAND, ("train", "digits", "--model", "logistic", "--out", "RUN")),
    Figure(
        "train digits, mlp, 1 epoch", COMMAND, ("train", "digits", "--model", "mlp", "--epochs", "1", "--out", "RUN")
    ),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--as", dest="label", default="after")
    parser.add_argument("--source", type=Path, default=HERE.parents[1] / "src")
    parser.add_argument("--only", default="", help="names of figures, with semicolons; all by default")
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--out", type=Path, default=HERE / "startup.json")
    options = parser.parse_args()
    wanted = [each for each in FIGURES if not options.only or each.name in options.only.split(";")]
    with tempfile.TemporaryDirectory() as folder:
        seconds = measure(wanted, options.source.resolve(), Path(folder), options.turns)
    stored = json.loads(options.out.read_text(encoding="utf-8")) if options.out.is_file() else {}
    kept = stored.get(options.label, {}).get("seconds", {})
    stored[options.label] = {
        "command": f"benchmarks/speed/startup.py --as {options.label} --turns {options.turns}",
        "machine": describe_machine(),
        "date": time.strftime("%Y-%m-%d"),
        "seconds": {**kept, **seconds},
    }
    options.out.write_text(json.dumps(stored, indent=2) + "\n", encoding="utf-8")
    print("\n".join(table(stored)))


def measure(figures: Sequence[Figure], source: Path, folder: Path, turns: int) -> dict[str, list[float]]:
    """Return the seconds of every figure, a list of `turns`; a turn before them makes the pack and the bytecode."""
    seconds: dict[str, list[float]] = {each.name: [] for each in figures}
    for turn in range(turns + 1):
        for each in figures:
            taken = run(each, source, folder, f"run-{turn}-{figures.index(each)}")
            if turn:
                seconds[each.name].append(round(taken, 4))
    return seconds


def run(figure: Figure, source: Path, folder: Path, name: str) -> float:
    """Return the seconds that one process takes. Raises CalledProcessError where it fails."""
    arguments = [str(folder / name) if word == "RUN" else word for word in figure.arguments]
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", figure.program, *arguments],
        env=environment(figure, source, folder),
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    taken = time.perf_counter() - started
    return float(done.stdout) if figure.inside else taken


def environment(figure: Figure, source: Path, folder: Path) -> dict[str, str]:
    """Return the variables of a process: the sources, a cache and bytecode of its own, and what a shell sets."""
    found = {**os.environ, "PYTHONPATH": str(source), "SADARI_CACHE_DIR": str(folder / "cache")}
    found.pop("PYTHONDONTWRITEBYTECODE", None)
    found["PYTHONPYCACHEPREFIX"] = str(folder / "bytecode" if figure.bytecode else folder / "no bytecode")
    if not figure.bytecode:
        found["PYTHONDONTWRITEBYTECODE"] = "1"
    if figure.typed:
        found |= {"_SADARI_COMPLETE": "complete_bash", "COMP_WORDS": "\n".join(figure.typed)}
        found["COMP_CWORD"] = str(len(figure.typed) - 1)
    return found


def table(stored: Mapping[str, Mapping[str, Mapping[str, Sequence[float]]]]) -> list[str]:
    """Return a line per figure: the median, the least and the greatest of each label's seconds."""
    labels = sorted(stored, reverse=True)
    lines = ["".join([f"{'':28}", *(f"{label:>24}" for label in labels)])]
    for name in [each.name for each in FIGURES]:
        found = [stored[label]["seconds"].get(name, ()) for label in labels]
        cells = [f"{median(s):.2f} s ({min(s):.2f} - {max(s):.2f})" if s else "-" for s in found]
        lines.append("".join([f"{name:28}", *(f"{cell:>24}" for cell in cells)]))
    return lines


if __name__ == "__main__":
    main()
