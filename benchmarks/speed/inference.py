"""How many images a second does Sadari judge, beside its own ONNX file, PyTorch and Keras with the same weights?

    uv run python benchmarks/speed/inference.py [--models mlp,cnn] [--turns 5] [--entrants sadari,torch] [--minutes 3]
                                                [--installed] [--gpu]

The ten thousand test images of Fashion-MNIST are in memory as uint8 and become class probabilities. Weights are random
and the same for every entrant; one that returns other classes in float32 ends the measurement. Every figure is a
process of its own that warms up and then measures three passes; its start (until its first prediction) and its peak
memory are reported too. Before its first turn each peer tries batches of 32, 256 and 1,000, and from then on takes its
fastest one; torch.compile, which compiles anew for each, takes 256, and Sadari the blocks that it always takes. The
order rotates from turn to turn. --installed: everybody in Sadari's own environment; --gpu: on a graphics processor,
where there is one and the entrant's packages know it. Every turn is added to inference.json beside this file:
interrupted, or out of --minutes, the same command goes on. `--turns 0` only prints the tables.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from machine import commit, this_machine
from race.entrants import prepare
from race.judging import BATCHES, JUDGES, Judge, Judging, make_judging, test_pictures
from race.page import processor
from race.record import Record
from race.standing import Spread
from race.turns import WrongError, take_turn
from sadari.errors import SadariError
from yardstick import chosen

HERE = Path(__file__).parent
MODELS = ("mlp", "cnn", "lstm", "cnn2", "a4-cnn", "sprint")
OWN = "sadari"
LARGEST = 1e-3  # difference of a probability that rounding in float32 may make (assumed: ten times a tie)


def measure(
    models: Sequence[str], judges: Sequence[Judge], turns: int, record: Record, until: float, own: bool = True
) -> None:
    """Take the turns that are missing, model by model within a round, until the clock says `until`.

    own: whether entrants have environments of their own.
    """
    with tempfile.TemporaryDirectory(prefix="inference-") as name:
        folder = Path(name)
        if own:
            prepare(judges, folder)
        images = test_pictures(folder)
        tasks: dict[str, Judging] = {}
        for number in range(1, turns + 1):
            for model in models:
                known = [turn for turn in measured(record) if turn["task"]["model"] == model]
                done = sum({each.name for each in judges} <= set(turn["figures"]) for turn in known)
                if done >= number or time.monotonic() > until:
                    continue
                if model not in tasks:
                    tasks[model] = make_judging(model, images, folder / model)
                _turn(tasks[model], judges, record, folder / model / "images.npy", own)
                print(f"{number}/{turns} {describe_turn(record.turns[-1])}", flush=True)


def _turn(task: Judging, judges: Sequence[Judge], record: Record, file: Path, own: bool = True) -> None:
    """Take one turn, and before it one in which those entrants choose their batch that have not done so."""
    choosing = replace(task, choosing=True)
    free = [each for each in judges if len(each.batches) > 1 and each.name not in _batches(record, choosing)]
    if free:
        record.add({"commit": commit(), **take_turn(choosing, free, 0, file, own)})  # type: ignore[arg-type]
    batches = _batches(record, choosing)
    ready = [replace(each, batches=(batches.get(each.name, each.batches[0]),)) for each in judges]
    turn = take_turn(task, ready, len(record.of(task)), file, own)  # type: ignore[arg-type]
    for name, figure in turn["figures"].items():
        if JUDGES[name].precision != "bfloat16" and figure.get("other_classes"):
            raise WrongError(f"{name} on {task.model} names another class for {figure['other_classes']:,} images")
        if JUDGES[name].precision != "bfloat16" and figure.get("largest", 0.0) > LARGEST:
            raise WrongError(f"{name} on {task.model} is {figure['largest']:.2g} away from Sadari's probabilities")
    record.add({"commit": commit(), **turn})


def _batches(record: Record, choosing: Judging) -> dict[str, int]:
    """Return the fastest batch of every entrant that has tried some."""
    found: dict[str, int] = {}
    for turn in record.of(choosing):  # type: ignore[arg-type]
        for name, figure in turn["figures"].items():
            tried = figure.get("tried", {})
            found[name] = int(max(tried, key=tried.__getitem__, default=BATCHES[1]))
    return found


def measured(record: Record) -> list[dict[str, Any]]:
    """Return the turns without those that only chose a batch."""
    return [turn for turn in record.turns if not turn["task"]["choosing"]]


def rate(turn: dict[str, Any], name: str) -> float | None:
    """Return the images per second in the median pass; None where there is no figure."""
    seconds = turn["figures"].get(name, {}).get("seconds")
    return turn["task"]["images"] / statistics.median(seconds) if seconds else None


def describe_turn(turn: dict[str, Any]) -> str:
    """Return one line about one turn."""
    rates = ((name, rate(turn, name)) for name in turn["figures"])
    return f"{turn['task']['model']}: " + ", ".join(
        f"{name} {each:,.0f}/s" if each else f"{name} failed: {turn['figures'][name].get('failed', '')}"
        for name, each in rates
    )


def tables(record: Record) -> list[str]:
    """Return tables of images per second, ratios, memory and start, with a row for each network."""
    turns = measured(record)
    names = [name for name in JUDGES if any(name in turn["figures"] for turn in turns)]
    peers = [name for name in names if name != OWN]
    models = [model for model in MODELS if any(turn["task"]["model"] == model for turn in turns)]
    of = {model: [turn for turn in turns if turn["task"]["model"] == model] for model in models}
    return [
        "Images per second (and the batch):",
        _table(names, {model: [_rate(of[model], name) for name in names] for model in models}),
        "Times as fast as each, turn by turn: median (least-greatest):",
        _table(peers, {model: [_ratio(of[model], name) for name in peers] for model in models}),
        "Peak memory, MiB:",
        _table(names, {model: [_median(of[model], name, "peak_mib", ",.0f") for name in names] for model in models}),
        "Seconds from the start of the process to its first prediction:",
        _table(names, {model: [_median(of[model], name, "start", ".1f") for name in names] for model in models}),
    ]


def _rate(turns: Sequence[dict[str, Any]], name: str) -> str:
    rates = [each for turn in turns if (each := rate(turn, name))]
    batch = next((turn["figures"][name]["batch"] for turn in turns if rate(turn, name)), 0)
    return f"{statistics.median(rates):,.0f}{f' ({batch:,})' if batch else ''}" if rates else "-"


def _ratio(turns: Sequence[dict[str, Any]], name: str) -> str:
    pairs = [(rate(turn, OWN), rate(turn, name)) for turn in turns]
    ratios = [own / other for own, other in pairs if own and other]
    if not ratios:
        return "-"
    spread = Spread.of(ratios)
    return f"{spread.median:.2f} ({spread.least:.2f}-{spread.greatest:.2f})"


def _median(turns: Sequence[dict[str, Any]], name: str, what: str, form: str) -> str:
    found = [turn["figures"][name][what] for turn in turns if what in turn["figures"].get(name, {})]
    return format(statistics.median(found), form) if found else "-"


def _table(names: Sequence[str], rows: dict[str, list[str]]) -> str:
    lines = [["network", *names], ["---"] * (len(names) + 1), *([model, *cells] for model, cells in rows.items())]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--models", default="", help="by default all")
    parser.add_argument("--entrants", default="", help="by default all")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--minutes", type=float, default=600, help="begin no turn after so many")
    parser.add_argument("--out", type=Path, default=HERE / "inference.json")
    parser.add_argument("--installed", action="store_true", help="all in the environment of Sadari")
    parser.add_argument("--gpu", action="store_true")
    options = parser.parse_args()
    try:
        models = list(chosen(options.models, dict.fromkeys(MODELS), "network"))
        judges = [replace(each, gpu=options.gpu) for each in chosen(options.entrants, JUDGES, "entrant").values()]
        record = Record.open(options.out, this_machine())
        if options.turns:
            until = time.monotonic() + 60 * options.minutes
            measure(models, judges, options.turns, record, until, own=not options.installed)
    except SadariError as error:
        print(error, file=sys.stderr)
        return error.status
    print("\n\n".join([f"On {processor(record.machine)}:", *tables(record)]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
