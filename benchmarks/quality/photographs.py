"""Who is how accurate on a folder of photographs after how many seconds: Sadari, or what users would take instead?

    SADARI_DATA_DIR=... uv run python benchmarks/quality/photographs.py [--only PATTERN,...] [--turns 3] [--work FOLDER]
    SADARI_DATA_DIR=... uv run python benchmarks/quality/photographs.py --quick      (10 photographs a class, one epoch)
    uv run python benchmarks/quality/photographs.py --list                           (what is missing, in its order)
    uv run python benchmarks/quality/photographs.py --write [--page docs/PAGE.md]    (tables and picture, no measuring)

Entrants: Sadari's models, and fastai (`vision_learner`, `fine_tune`), AutoGluon MultiModal (`timm_image`), Keras (the
program of its guide to transfer learning, on TensorFlow) and a plain PyTorch loop over timm's network. All begin with
the same weights, EfficientNet-Lite0 as it comes with Sadari, whose features are compared before anything is timed, and
keep their own defaults for the rest; photo_race/peers/ says at the top of each program what it does,
photo_race/entrants.py which end points it has.

Sets: `flowers` (judged on its `val`, 736 photographs) and `animals` (on its `test`, 240), with 10, 50 and all training
photographs of a class. A turn draws the 10 and 50 anew, the same files for everybody, and is the seed of the training.
A cell is one process: seconds by the clock from its start until its predictions are written, no cache, no network, both
cores to itself. One scorer reads the predictions of all.

Each finished cell is a line of photographs.json beside this file, and is not measured again: interrupted, the same
command goes on; what failed is tried again. What says most comes first (photo_race/cells.py): one end point of
everybody on every set, about three hours on two cores; all of three turns take about a day, most of it with all
photographs of `flowers` (both worked out from the seconds of one step). Environments (6 GB, made once by uv from
photo_race/requirements/), sets, weights and logs are in --work; photographs.log there has the lines that this prints.
--only: patterns such as `flowers/10`, `*/all/1/fastai`, of the names that --list prints. After each cell, RESULTS.md
beside this file and photographs.png are written anew.
"""

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

sys.path.append(str(Path(__file__).parents[1] / "speed"))  # for machine.py
from machine import this_machine
from photo_race.bench import Bench, Say, prepare
from photo_race.cells import SETS, TURNS, Cell, chosen, ordered
from photo_race.entrants import ENTRANTS
from photo_race.page import tables, write_section
from photo_race.picture import draw_picture
from photo_race.record import Entry, Record
from sadari.errors import SadariError, UsageError

HERE = Path(__file__).parent


def measure_all(cells: Sequence[Cell], bench: Bench, record: Record, say: Say, after: Callable[[], None]) -> None:
    """Measure the cells one after the other and store each; call `after` behind each."""
    for number, cell in enumerate(cells, start=1):
        entry = bench.measure(cell)
        record.add(cell, entry)
        say(f"{number}/{len(cells)} {cell.name}: {described(entry)}")
        after()


def described(entry: Entry) -> str:
    """Return one line about what came of a cell."""
    if "failed" in entry:
        return f"failed: {entry['failed']}"
    return f"accuracy {entry['accuracy']:.4f} after {entry['seconds']:.1f} s"


def all_cells(turns: int) -> list[Cell]:
    return list(ordered({name: each.points for name, each in ENTRANTS.items()}, turns))


def quick_cells() -> list[Cell]:
    """Return one short cell of each entrant."""
    return [Cell(SETS[-1], "10", 1, name, each.quick.name) for name, each in ENTRANTS.items()]


def run_quick(options: argparse.Namespace, say: Say) -> int:
    """Run the quick form, which writes nothing beside this file, and return the exit status."""
    cells = chosen(quick_cells(), options.only)
    bench = prepare(cells, options.work, data_folder(), say)
    with tempfile.TemporaryDirectory() as folder:
        record = Record.open(Path(folder) / "photographs.json", this_machine())
        measure_all(cells, bench, record, say, lambda: None)
    say("\n\n".join(["", *tables(record)]))
    return complain(record)


def run_all(options: argparse.Namespace, say: Say) -> int:
    """Measure what is missing and return the exit status."""
    record = Record.open(options.out, this_machine())
    missing = record.missing(chosen(all_cells(options.turns), options.only))
    if not options.write and missing:
        bench = prepare(missing, options.work, data_folder(), say)
        say(f"{len(missing)} cells are missing")
        measure_all(missing, bench, record, say, lambda: write_results(record, options))
    write_results(record, options)
    return complain(record)


def write_results(record: Record, options: argparse.Namespace) -> None:
    """Write tables and picture from what the record has; nothing where it has nothing."""
    if record.finished():
        for page in filter(None, (options.results, options.page)):
            write_section(record, page)
        draw_picture(record, options.picture)


def complain(record: Record) -> int:
    """Print what failed; return 1 where something did, else 0."""
    failed = {cell.name: entry["failed"] for cell, entry in record.entries.items() if "failed" in entry}
    for name, reason in failed.items():
        print(f"{name}: {reason}", file=sys.stderr)
    return 1 if failed else 0


def data_folder() -> Path:
    """Return the folder of the sets. Raises UsageError where nobody says which."""
    folder = os.environ.get("SADARI_DATA_DIR", "")
    if not folder:
        raise UsageError("set SADARI_DATA_DIR to the folder that has flowers/ and animals/")
    return Path(folder)


def list_missing(options: argparse.Namespace) -> int:
    record = Record.open(options.out, this_machine())
    for cell in record.missing(chosen(all_cells(options.turns), options.only)):
        print(cell.name)
    return 0


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", default="", help="patterns of SET/SIZE/TURN/ENTRANT/POINT, separated by commas")
    parser.add_argument("--turns", type=int, default=TURNS)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "sadari-photographs")
    parser.add_argument("--out", type=Path, default=HERE / "photographs.json")
    parser.add_argument("--results", type=Path, default=HERE / "RESULTS.md")
    parser.add_argument("--picture", type=Path, default=HERE / "photographs.png")
    parser.add_argument("--page", type=Path, help="another page that has the marks for the tables")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--write", action="store_true", help="write tables and picture, measure nothing")
    return parser.parse_args()


def sayer(log: Path) -> Say:
    """Return what prints a line, and writes it to the log with the time."""

    def say(line: str) -> None:
        print(line, flush=True)
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as file:
            file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime())} {line}\n")

    return say


def interrupted(*_: Any) -> None:
    raise KeyboardInterrupt


def main() -> int:
    options = read_options()
    if options.list:
        return list_missing(options)
    signal.signal(signal.SIGTERM, interrupted)
    options.work.mkdir(parents=True, exist_ok=True)
    say = sayer(options.work / "photographs.log")
    try:
        with FileLock(options.work / "running.lock", timeout=0):
            for left in options.work.glob("cell-*"):
                shutil.rmtree(left, ignore_errors=True)
            return run_quick(options, say) if options.quick else run_all(options, say)
    except Timeout:
        print(f"another one is measuring in {options.work}; wait for it, or name another --work", file=sys.stderr)
        return 1
    except SadariError as error:
        print(error, file=sys.stderr)
        return error.status
    except KeyboardInterrupt:
        print("interrupted; all finished cells are stored, and the same command goes on", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
