"""What did the steps of gpu.sh bring? Their figures as one document, all that they printed, and a table.

gathered.py WORK FOLDER DRY    (run by ../gpu.sh after every step)

WORK has steps.tsv (a line for each step: name, outcome, seconds), and for each step NAME.log and, where it stored some,
its figures in NAME.json. FOLDER gets results.json, log.txt and summary.txt; the table is printed too. DRY: yes for a
dry run, whose figures mean nothing.
"""

import json
import sys
from pathlib import Path
from typing import Any

from sadari.files import write_json, write_text

WIDEST = 100  # characters of what a step said last


def steps_in(work: Path) -> list[dict[str, Any]]:
    """Return every step with its outcome, seconds, last line and figures."""
    steps = []
    for line in (work / "steps.tsv").read_text(encoding="utf-8").splitlines():
        name, outcome, seconds = line.split("\t")
        said = [each for each in _log(work, name).splitlines() if each.strip()]
        steps.append(
            {
                "step": name,
                "outcome": outcome,
                "seconds": int(seconds),
                "said": said[-1].strip() if said else "",
                "figures": _figures(work / f"{name}.json"),
            }
        )
    return steps


def _log(work: Path, name: str) -> str:
    file = work / f"{name}.log"
    return file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""


def _figures(file: Path) -> Any:
    """Return what a step stored; None where it stored nothing, or was stopped in the middle of that."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def table(steps: list[dict[str, Any]]) -> str:
    """Return a line for each step: its name, how it ended, its seconds, and what it said last."""
    rows = [
        f"{each['step']:14} {each['outcome']:16} {each['seconds']:>4} s  {each['said'][:WIDEST]}".rstrip()
        for each in steps
    ]
    return "\n".join([f"{'step':14} {'outcome':16} {'took':>6}  last line", *rows])


def main() -> None:
    work, folder, dry = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3] == "yes"
    steps = steps_in(work)
    write_json(folder / "results.json", {"dry_run": dry, "steps": steps})
    write_text(folder / "log.txt", "".join(f"== {each['step']}\n{_log(work, each['step'])}\n" for each in steps))
    text = table(steps) + ("\na dry run: its figures mean nothing" if dry else "")
    write_text(folder / "summary.txt", text + "\n")
    print(text)


if __name__ == "__main__":
    main()
