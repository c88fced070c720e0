"""How many planted wrong labels does `data review` put at the head of its list?

    SADARI_DATA_DIR=... uv run python benchmarks/quality/wrong_labels.py     some minutes after features are computed
    uv run python benchmarks/quality/wrong_labels.py --table

The folder has `animals/` and `flowers/`. Labels of photographs drawn at random are changed, to another class at
random or to the class that models which have not seen the photograph find most like it; then everything is done as
`data review` does it. `first`: the share of the planted labels among the first 8 % of the list (16 % where 10 % are
planted). `suspects`: the share that is called suspect. `true`: the share of planted labels among all suspects; the
sets' own wrong labels count as false alarms. `share`: the estimated share of wrong labels, with the sets' own ones.
Intervals are Wilson's, over all planted labels (or suspects) of all seeds. Results: wrong_labels.json beside this file;
docs/data-review.md shows them; --table prints them.
"""

import argparse
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sadari.data.copies.search import find_copies
from sadari.evaluation.labels.confident import confident_learning
from sadari.evaluation.statistics import wilson
from sadari.inference.device import resolve_machine, use_machine
from sadari.progress import Silent
from sadari.review.features import AUTO, reader_for
from sadari.review.out_of_fold import out_of_fold

SETS = ("animals", "flowers")
Z = 1.959964
Positions = NDArray[np.int64]


@dataclass(frozen=True)
class Kind:
    """Wrong labels that are planted: their share, whether they go to a similar class, and with which seeds."""

    name: str
    share: float
    similar: bool
    seeds: range


KINDS = (
    Kind("5 %, any class", 0.05, False, range(3)),
    Kind("10 %, any class", 0.10, False, range(2)),
    Kind("5 %, the most similar class", 0.05, True, range(2)),
)
HEAD = 1.6  # the head of the list has so many times as many images as labels are planted: 8 % for 5 %


def measure(folder: Path) -> list[dict[str, Any]]:
    """Return a row of figures for each kind of planted labels in the set in `folder`."""
    reader = reader_for(folder, {}, AUTO, Silent())
    images = reader.load(str(folder), Silent())
    rows = reader.features(images, np.arange(len(images), dtype=np.int64), Silent())
    groups, _, _ = find_copies(images, reader.settings, Silent()).joined(images.groups)
    classes = len(images.classes)

    def judged(labels: Positions) -> Any:
        with use_machine(resolve_machine(reader.settings), 1):
            found = out_of_fold(rows, labels, classes, groups, 0, Silent())
        return confident_learning(found.probabilities, labels, found.judged)

    alike = judged(images.labels)
    found = []
    for kind in KINDS:
        counts = np.zeros(5)  # planted, in the head, suspects among them, all suspects; sum of shares
        for seed in kind.seeds:
            planted, labels = plant(images.labels, classes, kind, seed, alike.suggested)
            said = judged(labels)
            head = said.ranked()[: round(HEAD * kind.share * len(labels))]
            suspects = np.flatnonzero(said.suspects)
            first, caught = (int(np.isin(planted, each).sum()) for each in (head, suspects))
            counts += [len(planted), first, caught, len(suspects), said.noise().share]
            print(folder.name, kind.name, seed, first / len(planted), flush=True)
        many, in_head, among, suspects_all, share = counts
        found.append(
            {
                "set": folder.name,
                "photographs": len(images),
                "planted": kind.name,
                "seeds": len(kind.seeds),
                "first": interval(in_head, many),
                "suspects": interval(among, many),
                "true": interval(among, suspects_all),
                "share": share / len(kind.seeds),
            }
        )
    return found


def plant(labels: Positions, classes: int, kind: Kind, seed: int, alike: Positions) -> tuple[Positions, Positions]:
    """Return the positions of the photographs that get a wrong label, and all labels with these."""
    rng = np.random.default_rng(seed)
    planted = rng.choice(len(labels), round(kind.share * len(labels)), replace=False)
    changed = labels.copy()
    other = (labels[planted] + rng.integers(1, classes, len(planted))) % classes
    changed[planted] = np.where(alike[planted] == labels[planted], other, alike[planted]) if kind.similar else other
    return planted, changed


def interval(count: float, of: float) -> list[float]:
    """Return a share with Wilson's 95 % interval."""
    share = count / of
    return [round(float(each), 4) for each in (share, *wilson(share, Z**2 / of))]


def table(rows: list[dict[str, Any]]) -> str:
    """Return the rows as the table of docs/data-review.md."""
    lines = [
        "| set | planted wrong labels | in the head of the list | called suspect | suspects that were planted |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        shown = (f"{at:.3f} ({low:.3f} - {high:.3f})" for at, low, high in (row["first"], row["suspects"], row["true"]))
        lines.append(f"| {row['set']} | {row['planted']}, {row['seeds']} seeds | {' | '.join(shown)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--table", action="store_true")
    stored = Path(__file__).with_suffix(".json")
    if parser.parse_args().table:
        print(table(json.loads(stored.read_text(encoding="utf-8"))))
        return
    root = Path(os.environ["SADARI_DATA_DIR"])
    rows = [row for name in SETS for row in measure(root / name)]
    stored.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    print(table(rows))


if __name__ == "__main__":
    main()
