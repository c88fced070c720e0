"""How fast is Sadari beside its peers, at the same accuracy? One command, all entrants in turn, one table.

    uv run python benchmarks/speed/yardstick.py [--pairs 5] [--models mlp,cnn] [--peers keras-jax,torch]
                                                [--precision both]
    uv run python benchmarks/speed/yardstick.py --quick

Peers: Keras 3 on TensorFlow, JAX and torch, a plain PyTorch loop with a DataLoader, skorch, and scikit-learn for the
classical models, each in an environment of its own that uv makes (the first time it downloads some hundred MB). Every
turn is added to yardstick.json beside this file, and RESULTS.md beside it is made anew from that: interrupted, the same
command goes on. Delete the JSON to begin anew; `--pairs 0` only writes the page. The page says how it is measured.

--quick: mlp and cnn once against the peers that Sadari's development environment has, or those that are named; it
prints, and writes nothing unless --out names a file. It ends with status 1 where something is wrong (an entrant fails,
or counts other parameters), never for being slow. --gpu, with --quick: on a graphics processor, where there is one.
"""

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from machine import commit, this_machine
from race.entrants import INSTALLED, OURS, PEERS, Entrant, prepare
from race.page import page, tables
from race.pictures import describe_pictures, write_pictures
from race.record import Record
from race.standing import Standing
from race.tasks import CLASSICAL, NETWORKS, QUICK, Task, Workload, make_task
from race.turns import take_turn
from sadari.errors import SadariError
from sadari.files import write_text
from sadari.registry import unknown_name

HERE = Path(__file__).parent
FITTING = "scikit-learn"  # the peer of the classical models
COMMAND = "uv run python benchmarks/speed/yardstick.py"


@dataclass(frozen=True)
class Plan:
    """What is to be measured: networks and models, by which entrants, how often, and in which environments."""

    workloads: Mapping[str, Workload]
    ours: Sequence[Entrant]
    peers: Sequence[Entrant]
    pairs: int
    own: bool

    def entrants(self, task: Task) -> list[Entrant]:
        """Return who computes `task`: scikit-learn the classical models, all other peers the networks.

        Nobody, where no peer is left. Precision makes no difference to the classical models.
        """
        peers = [each for each in self.peers if (each.name == FITTING) == task.classical]
        return [*(self.ours[:1] if task.classical else self.ours), *peers] if peers else []


def measure(plan: Plan, record: Record, results: Path | None) -> None:
    """Take the turns that are missing, round by round, and print each; after each, write the page to `results`."""
    with tempfile.TemporaryDirectory(prefix="yardstick-") as name:
        folder = Path(name)
        if plan.own:
            prepare(plan.peers, folder)
        pictures = {
            kind: describe_pictures(kind) for kind in dict.fromkeys(each.pictures for each in plan.workloads.values())
        }
        tasks = [make_task(model, each, pictures[each.pictures]) for model, each in plan.workloads.items()]
        for number in range(1, plan.pairs + 1):
            for task in tasks:
                entrants = plan.entrants(task)
                missing = record.missing(task, [each.name for each in entrants], plan.pairs)
                if not entrants or missing <= plan.pairs - number:
                    continue
                file = write_pictures(plan.workloads[task.model].pictures, task.pictures, folder)
                turn = {"commit": commit(), **take_turn(task, entrants, len(record.of(task)), file, plan.own)}
                record.add(turn)
                print(f"{number}/{plan.pairs} {describe_turn(turn)}", flush=True)
                if results:
                    write_text(results, page(record, COMMAND))


def describe_turn(turn: Mapping[str, Any]) -> str:
    """Return one line about one turn: who took how long, who failed."""
    standing = Standing([dict(turn)])
    parts = []
    for name in standing.names():
        speeds = standing.speeds(name)
        parts.append(f"{name} {speeds[0]:,.3g}/s" if speeds else f"{name} failed: {standing.failure(name)}")
    return f"{turn['task']['model']}: " + ", ".join(parts)


def failures(record: Record) -> list[str]:
    """Return who failed somewhere, with the reason."""
    return sorted(
        {
            f"{name} on {turn['task']['model']}: {figure['failed']}"
            for turn in record.turns
            for name, figure in turn["figures"].items()
            if "failed" in figure
        }
    )


def chosen(text: str, known: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Return the entries of `known` that the comma-separated `text` names, or all.

    Raises UsageError for any other name.
    """
    names = [each.strip() for each in text.split(",")] if text else list(known)
    for name in names:
        if name not in known:
            raise unknown_name(kind, name, list(known))
    return {name: known[name] for name in names}


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--models", default="", help="networks and classical models, by default all")
    parser.add_argument("--peers", default="", help="by default all")
    parser.add_argument("--pairs", type=int, default=5, help="turns at each network")
    parser.add_argument("--precision", choices=[*OURS, "both"], default="both", help="that of Sadari's training steps")
    parser.add_argument("--out", type=Path, help=f"by default {HERE / 'yardstick.json'}")
    parser.add_argument("--results", type=Path, default=HERE / "RESULTS.md")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--gpu", action="store_true", help="with --quick: on a graphics processor")
    return parser.parse_args()


def run_quick(options: argparse.Namespace) -> int:
    """Run the quick form and return the exit status."""
    workloads = chosen(options.models, QUICK, "network")
    peers = chosen(options.peers, {name: PEERS[name] for name in INSTALLED}, "peer").values()
    ours, *theirs = (replace(each, gpu=options.gpu) for each in (OURS["auto"], *peers))
    plan = Plan(workloads, [ours], theirs, 1, own=False)
    with tempfile.TemporaryDirectory() as folder:
        record = Record.open(options.out or Path(folder) / "yardstick.json", this_machine())
        measure(plan, record, None)
    print("\n\n".join(["", *tables(record)]))
    return complain(record)


def run_all(options: argparse.Namespace) -> int:
    """Run the whole measurement, or what is left of it, and return the exit status."""
    workloads = chosen(options.models, {**NETWORKS, **CLASSICAL}, "network or model")
    ours = list(OURS.values()) if options.precision == "both" else [OURS[options.precision]]
    plan = Plan(workloads, ours, list(chosen(options.peers, PEERS, "peer").values()), options.pairs, own=True)
    record = Record.open(options.out or HERE / "yardstick.json", this_machine())
    if options.pairs:
        measure(plan, record, options.results)
    write_text(options.results, page(record, COMMAND))
    return complain(record)


def complain(record: Record) -> int:
    """Print who failed; return 1 where somebody did, else 0."""
    found = failures(record)
    for sentence in found:
        print(sentence, file=sys.stderr)
    return 1 if found else 0


def main() -> int:
    options = read_options()
    try:
        return run_quick(options) if options.quick else run_all(options)
    except SadariError as error:
        print(error, file=sys.stderr)
        return error.status
    except KeyboardInterrupt:
        print("interrupted; all whole turns are stored, and the same command goes on", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
