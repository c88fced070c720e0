"""Where are the decisions about a set stored, and how are they read and written? One CSV; no image is ever touched."""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass
from pathlib import Path

from sadari.errors import SadariError, UsageError
from sadari.files import csv_writer, exists, expanded, write_text

NAME = "sadari-review.csv"
KEEP, RELABEL, DROP = "keep", "relabel", "drop"
KINDS = (KEEP, RELABEL, DROP)
COLUMNS = ("file", "decision", "label", "given_label", "digest", "when")
AUTO, NONE = "auto", "none"  # values of the setting `review`
SEPARATORS = ",;\t"  # Sadari writes commas
MOST_BYTES = 2**26  # assumed: half a million decisions


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided about one image.

    file: its id in the set. decision: "keep", "relabel" or "drop". label: the class that it has from now on; "" where
    it is dropped. given_label: the class that the set gives it. digest: of the bytes that were looked at. when: the
    time, as ISO 8601.
    """

    file: str
    decision: str
    label: str
    given_label: str
    digest: str
    when: str


Decisions = dict[str, Decision]  # by file


def beside(data: str | Path) -> Path | None:
    """Return where the decisions about the files at `data` are stored; None where there is nothing at that path.

    In a folder of images it is a file that no reader takes for one; of an archive or a table it is beside that file.
    """
    path = expanded(data)
    if not str(data) or not exists(path):
        return None
    return path / NAME if path.is_dir() else path.with_name(f"{path.name}.{NAME}")


def is_decisions(path: Path) -> bool:
    """Return whether a file has the name of decisions, which are no table of images."""
    return path.name == NAME or path.name.endswith(f".{NAME}")


def chosen_file(data: str | Path, named: bool, review: str) -> Path | None:
    """Return the file of decisions that counts for `data`, as the setting `review` says; None where there is none.

    named: whether `data` is a named set, which has no place beside it. Raises UsageError for a file that is not there.
    """
    if review == NONE:
        return None
    if review == AUTO:
        found = None if named else beside(data)
        return found if found is not None and exists(found) else None
    path = expanded(review)
    if not path.is_file():
        raise UsageError(f"review is auto, none or a file of decisions, and there is no file '{review}'")
    return path


def absolute_review(review: str) -> str:
    """Return the setting `review` with a path made absolute, so that a run finds the file from any folder."""
    if review in (AUTO, NONE):
        return review
    try:
        return str(expanded(review).resolve())
    except (OSError, RuntimeError, ValueError) as error:
        raise UsageError(f"there is no file of decisions {review[:200]!a} ({error})") from None


def read_decisions(path: Path) -> Decisions:
    """Read what `write_decisions` wrote, or a person edited. Raises SadariError where it is damaged."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise _damaged(path, f"it has more than {MOST_BYTES >> 20} MiB")
        text = path.read_text(encoding="utf-8-sig")
        return _unique(path, _rows(path, text))
    except OSError as error:
        raise SadariError(f"cannot read the decisions in {path}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise _damaged(path, "it is not written in UTF-8") from None
    except csv.Error as error:
        raise _damaged(path, str(error)) from None


def _rows(path: Path, text: str) -> Iterator[tuple[int, Decision]]:
    """Yield the decision of each line, with its number."""
    first = text.partition("\n")[0]
    # Spreadsheets of some languages save with semicolons. No column's name has either in it.
    separator = max(SEPARATORS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    heading = tuple(next(reader, ()))
    if missing := [name for name in COLUMNS if name not in heading]:
        raise _damaged(path, f"its first line lacks the column '{missing[0]}' of {','.join(COLUMNS)}")
    places = [heading.index(name) for name in COLUMNS]
    for cells in reader:
        if not any(cells):
            continue
        if len(cells) != len(heading):
            raise _damaged(path, f"line {reader.line_num} has {len(cells)} cells instead of {len(heading)}")
        decision = Decision(*(cells[place] for place in places))
        if wrong := _wrong(decision):
            raise _damaged(path, f"line {reader.line_num}: {wrong}")
        yield reader.line_num, decision


def _wrong(decision: Decision) -> str:
    """Return what is wrong with a decision, "" where nothing is."""
    if not decision.file:
        return "the file is empty"
    if decision.decision not in KINDS:
        return f"the decision is one of {', '.join(KINDS)}, not '{decision.decision}'"
    if decision.decision == RELABEL and not decision.label:
        return "a relabelled image has no label"
    return "" if decision.digest else "the digest is empty"


def _unique(path: Path, rows: Iterator[tuple[int, Decision]]) -> Decisions:
    found: Decisions = {}
    for line, decision in rows:
        if decision.file in found:
            raise _damaged(path, f"line {line} decides about '{decision.file}' a second time")
        found[decision.file] = decision
    return found


def _damaged(path: Path, reason: str) -> SadariError:
    return SadariError(
        f"the decisions in {path} cannot be used: {reason}; mend or remove that file, or do without it by review=none"
    )


def write_decisions(path: Path, decisions: Mapping[str, Decision]) -> None:
    """Write `decisions`, sorted by file, whole or not at all; a file without any is removed.

    Raises SadariError where the folder cannot be written.
    """
    if not decisions:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise SadariError(f"cannot remove {path}: {error.strerror or error}") from None
        return
    text = io.StringIO()
    rows = csv_writer(text)
    rows.writerow(COLUMNS)
    rows.writerows(astuple(decisions[file]) for file in sorted(decisions))
    write_text(path, text.getvalue())
