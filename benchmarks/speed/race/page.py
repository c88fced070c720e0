"""How is a record shown? As a page of tables in Markdown, all made from the JSON."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from race.entrants import OURS, PEERS
from race.record import Record, Turn
from race.standing import Spread, Standing
from race.tasks import CLASSICAL, NETWORKS

MODELS = (*NETWORKS, *CLASSICAL)
OWN = tuple(each.name for each in OURS.values())
TITLES = {"sadari": "Sadari as it comes", "sadari-float32": "Sadari in float32"}

METHOD = """\
Each figure is a process of its own. In a turn all entrants compute the same task one after the other, in an order
that rotates from turn to turn; the turn's number is the seed of all of them. Only figures of one turn are divided by
each other; the tables give the median ratio, and the least and the greatest in brackets. All entrants learn the same
images in memory, shuffled in every epoch, with the same layers (the peers build them from Sadari's own description, and
a layer with another number of parameters ends the measurement), batch, optimiser, rates and starting distributions, for
three epochs, the first of which warms up and is not timed. Batch normalisation's running statistics do not affect
training; they follow with momentum 0.9 in the peers, and as a mean that leans to the newest in Sadari. Keras
trains by `model.fit`, torch by a loop over a `DataLoader`, skorch by `NeuralNetClassifier.fit`, each on arrays in
memory with its own defaults for threads and compilation. `-bfloat16` is Keras's `mixed_bfloat16` policy, or torch's
autocast.

After the last epoch all entrants are judged on the same test images. No mark follows a ratio where the accuracies
are equal (the 95 % Welch interval of their difference over the seeds is within one point of zero). `▼` follows it where
Sadari's is lower, `▲` where it is higher (the interval leaves zero out), and `?` where it is too wide to say. Of many
comparisons one in twenty is marked by chance.
"""


def page(record: Record, command: str) -> str:
    """Return the whole of RESULTS.md: speeds, accuracies, the classical models, how it was measured."""
    head = [
        "# Sadari beside its peers",
        f"Made by `{command}` from `{record.path.name}`. {_circumstances(record)}",
        *tables(record),
        "## How it was measured",
        METHOD,
    ]
    return "\n\n".join(each.strip() for each in head) + "\n"


def tables(record: Record) -> list[str]:
    """Return titles, the processor and tables, as far as there are figures for them."""
    found = [Standing(turns) for turns in record.tasks(MODELS)]
    networks = [each for each in found if each.task["model"] in NETWORKS]
    classical = [each for each in found if each.task["model"] in CLASSICAL]
    place = f"On {processor(record.machine)}:"
    parts: list[str] = []
    for own in OWN:
        took_part = [each for each in networks if each.figures(own)]
        if took_part:
            parts += [f"## {TITLES[own]}: how many times as fast", place, ratios(took_part, own)]
    if networks:
        parts += ["## Images per second", place, rates(networks)]
        parts += ["## Test accuracy", place, accuracies(networks)]
    if classical:
        parts += ["## Classical models: seconds of a fit", place, fits(classical)]
    return parts


def ratios(standings: Sequence[Standing], own: str) -> str:
    """Return a row for each network: the ratio to every peer, and to the fastest of Keras's backends."""
    peers = _peers(standings)
    keras = [name for name in peers if name.startswith("keras")]
    rows = []
    for each in standings:
        best = each.best(keras)
        against = f"{_against(each, own, best)} {best}".strip() if best else "-"
        turns = str(len(each.figures(own)))
        rows.append(
            [_name(each), _precisions(each, own), turns, *(_against(each, own, peer) for peer in peers), against]
        )
    return _table(["network", "precision", "turns", *peers, "best Keras"], rows)


def rates(standings: Sequence[Standing]) -> str:
    """Return a row for each network: the median images per second of every entrant, the task beside it."""
    names = [*_present(standings, OWN), *_peers(standings)]
    rows = [[_name(each), *_described(each), *(_rate(each, name) for name in names)] for each in standings]
    return _table(["network", "params", "data", "images", "batch", *names], rows)


def accuracies(standings: Sequence[Standing]) -> str:
    """Return a row for each network: mean and std over the seeds of every entrant's test accuracy."""
    names = [*_present(standings, OWN), *_peers(standings)]
    rows = [[_name(each), str(len(each.turns)), *(_accuracy(each, name) for name in names)] for each in standings]
    return _table(["network", "turns", *names], rows)


def fits(standings: Sequence[Standing]) -> str:
    """Return a row for each model: seconds of Sadari and scikit-learn, their ratio and accuracies."""
    rows = [_fit(each, own, peer) for each in standings for own in _present([each], OWN) for peer in _peers([each])]
    head = ["model", "", "passes", "turns", "seconds", "peer", "its seconds", "times as fast", "test accuracy", "its"]
    return _table(head, rows)


def _fit(each: Standing, own: str, peer: str) -> list[str]:
    passes = str(each.task["epochs"]) if each.task["epochs"] > 1 else "to the end"
    seconds, others = (_median(each.speeds(name), lambda speed: f"{1 / speed:.1f}") for name in (own, peer))
    turns = str(len(each.figures(own, peer)))
    ratio, own_score, its_score = _against(each, own, peer), _accuracy(each, own), _accuracy(each, peer)
    return [_name(each), own, passes, turns, seconds, peer, others, ratio, own_score, its_score]


def _name(each: Standing) -> str:
    return str(each.task["model"])


def _described(each: Standing) -> list[str]:
    task = each.task
    return [f"{task['params']:,}", task["data"], f"{task['images']:,}", str(task["batch"])]


def _against(each: Standing, own: str, peer: str) -> str:
    ratio = each.ratio(own, peer)
    if ratio is None:
        return "failed" if each.failure(peer) else "-"
    return f"{_spread(ratio)}{each.agreement(own, peer).mark}"


def _spread(ratio: Spread) -> str:
    return f"{ratio.median:.2f} ({ratio.least:.2f}-{ratio.greatest:.2f})"


def _rate(each: Standing, name: str) -> str:
    return _median(each.speeds(name), lambda speed: f"{speed:,.0f}")


def _median(values: Sequence[float], printed: Callable[[float], str]) -> str:
    return printed(statistics.median(values)) if values else "-"


def _accuracy(each: Standing, name: str) -> str:
    found = each.accuracies(name)
    if not found:
        return "-"
    return f"{statistics.mean(found):.4f}" + (f" ± {statistics.stdev(found):.4f}" if len(found) > 1 else "")


def _precisions(each: Standing, own: str) -> str:
    return ", ".join(sorted({figure["precision"] for (figure,) in each.figures(own)}))


def _present(standings: Sequence[Standing], names: Sequence[str]) -> list[str]:
    """Return those of `names` that took part anywhere, in their order."""
    there = {name for each in standings for name in each.names()}
    return [name for name in names if name in there]


def _peers(standings: Sequence[Standing]) -> list[str]:
    return _present(standings, list(PEERS))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def processor(machine: Mapping[str, Any]) -> str:
    """Return the processor in words, with its kind of instructions where the record says it."""
    kind = f" with {machine['instructions']}" if machine.get("instructions") else ""
    return f"{machine['cores']} cores of {machine['processor'] or machine['system']}{kind}"


def _circumstances(record: Record) -> str:
    """Return machine, dates, load and versions in a sentence or two."""
    machine, turns = record.machine, record.turns
    where = f"{processor(machine)}, Python {machine['python']}"
    if not turns:
        return f"Nothing has been measured yet on {where}."
    dates = sorted(turn["date"] for turn in turns)
    load = max(turn["load"] for turn in turns)
    commits = ", ".join(sorted({turn["commit"] for turn in turns}))
    versions = ", ".join(f"{package} {text}" for package, text in sorted(_versions(turns).items()))
    return (
        f"{len(turns)} turns from {dates[0]} to {dates[-1]} (UTC) on {where}; no graphics processor; the load average "
        f"when a turn began was {load:.1f} at most. Versions: {versions}; Sadari's sources: {commits}."
    )


def _versions(turns: Sequence[Turn]) -> dict[str, str]:
    """Return the versions of every package that took part; several of one are joined."""
    found: dict[str, set[str]] = {}
    for turn in turns:
        for figure in turn["figures"].values():
            for package, text in figure.get("versions", {}).items():
                found.setdefault(package, set()).add(text)
    return {package: " and ".join(sorted(texts)) for package, texts in found.items()}
