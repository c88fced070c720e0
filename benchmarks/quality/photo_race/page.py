"""How is the record shown? As tables in Markdown between two marks of a page, all made from the JSON."""

import statistics
from collections.abc import Sequence
from pathlib import Path

from photo_race.record import Record
from photo_race.standing import FASTER, PANELS, Standing, most_accurate, standings, within_a_fifth
from sadari.errors import SadariError
from sadari.files import write_text

COMMAND = "uv run python benchmarks/quality/photographs.py"
MARKS = "<!-- photographs -->\n", "<!-- /photographs -->\n"
TITLE = "# How accurate, after how long?"


def write_section(record: Record, path: Path) -> None:
    """Put the tables between the marks of the page; a page that is not there yet is begun with a title.

    Raises SadariError where the page has no marks.
    """
    text = path.read_text(encoding="utf-8") if path.is_file() else f"{TITLE}\n\n{''.join(MARKS)}"
    before, mark, rest = text.partition(MARKS[0])
    _, end, after = rest.partition(MARKS[1])
    if not (mark and end):
        raise SadariError(f"{path} has no lines {MARKS[0].strip()} and {MARKS[1].strip()} to write between")
    section = "\n\n".join(["## Photographs: Sadari beside what users would take instead", *tables(record)])
    write_text(path, f"{before}{mark}\n{section}\n\n{end}{after}")


def tables(record: Record) -> list[str]:
    """Return sentences and tables: a pair of tables for each set and size that has figures."""
    finished = record.finished()
    parts = [circumstances(record)]
    for data, size in PANELS:
        found = standings(finished, data, size)
        if found:
            parts += [f"### {data}, {_amount(size)}", figures(found)]
            parts += [goal(found)] if any(not each.own for each in found) else []
    failed = {cell.name: entry["failed"] for cell, entry in record.entries.items() if "failed" in entry}
    if failed:
        parts += ["### Failed", "\n".join(f"- {name}: {reason}" for name, reason in failed.items())]
    return parts


def circumstances(record: Record) -> str:
    """Return command, machine, dates and versions in some sentences."""
    machine, entries = record.machine, list(record.finished().values())
    kind = f" with {machine['instructions']}" if machine.get("instructions") else ""
    where = f"{machine['cores']} cores of {machine['processor'] or machine['system']}{kind}"
    if not entries:
        return f"Nothing has been measured yet on {where}."
    dates = sorted(entry["date"] for entry in entries)
    commits = ", ".join(sorted({entry["commit"] for entry in entries}))
    return (
        f"`{COMMAND}`: {len(entries)} processes from {dates[0]} to {dates[-1]} (UTC) on {where}, no graphics "
        f"processor; load average at their start {max(entry['load'] for entry in entries):.1f} at most. Versions: "
        f"{_versions(record)}; Sadari's sources: {commits}. Accuracies are means over the turns, "
        "with the standard deviation; seconds are medians, with the least and the greatest, of whole processes. In "
        "another turn, 10 and 50 photographs of a class are other ones."
    )


def _versions(record: Record) -> str:
    """Return the versions that each entrant ran with; several of one are joined."""
    found: dict[str, set[str]] = {}
    for cell, entry in record.finished().items():
        names = ", ".join(f"{name} {text}" for name, text in entry["versions"].items())
        found.setdefault(cell.entrant.partition(" ")[0], set()).add(names)
    return "; ".join(f"{name}: {' and '.join(sorted(texts))}" for name, texts in sorted(found.items()))


def figures(found: Sequence[Standing]) -> str:
    """Return a row for each end point."""
    rows = [[each.entrant, each.point, str(len(each.seconds)), _accuracy(each), _seconds(each)] for each in found]
    return _table(["who", "end point", "turns", "accuracy", "seconds"], rows)


def goal(found: Sequence[Standing]) -> str:
    """Return a row for each end point of a peer: what Sadari has in a fifth of its time; and who is best at the end."""
    peers = [each for each in found if not each.own]
    head = ["beside", "its accuracy", "its seconds", f"Sadari in 1/{FASTER} of them", "accuracy", "seconds", "reached"]
    text = _table(head, [_against(found, each) for each in peers])
    own, other = most_accurate([each for each in found if each.own]), most_accurate(peers)
    if not (own and other):
        return text
    verdict = "more accurate" if own.accuracy > other.accuracy else "not more accurate"
    return (
        f"{text}\n\nAt the end: {own.entrant} ({own.point}) {own.accuracy:.4f} after {own.median:.0f} s, "
        f"{other.entrant} ({other.point}) {other.accuracy:.4f} after {other.median:.0f} s: {verdict}, by means of "
        f"{own.judged} judged photographs that also say which end points these are."
    )


def _against(found: Sequence[Standing], peer: Standing) -> list[str]:
    cells = [f"{peer.entrant}, {peer.point}", f"{peer.accuracy:.4f}", f"{peer.median:.1f}"]
    own = within_a_fifth(found, peer)
    if own is None:
        return [*cells, "nothing is as fast", "-", "-", "no"]
    reached = "yes" if own.accuracy >= peer.accuracy else "no"
    return [
        *cells,
        f"{own.entrant.removeprefix('sadari ')}, {own.point}",
        f"{own.accuracy:.4f}",
        f"{own.median:.1f}",
        reached,
    ]


def _amount(size: str) -> str:
    return f"{size} photographs of a class" if size.isdecimal() else "all training photographs"


def _accuracy(each: Standing) -> str:
    spread = f" ± {statistics.stdev(each.accuracies):.4f}" if len(each.accuracies) > 1 else ""
    return f"{each.accuracy:.4f}{spread}"


def _seconds(each: Standing) -> str:
    spread = f" ({min(each.seconds):.1f}-{max(each.seconds):.1f})" if len(each.seconds) > 1 else ""
    return f"{each.median:.1f}{spread}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
