"""How does a comparison become a file to mail? Gathered, drawn, and written whole."""

from pathlib import Path

from sadari.comparison.result import ComparisonResult
from sadari.files import write_text
from sadari.report.gather import gather
from sadari.report.page import render

NAME = "report.html"


def write_report(result: ComparisonResult, path: Path | None = None, made: str = "") -> Path:
    """Write the page about `result` to `path`, or as report.html into its folder; returns where it lies.

    made: when, as it is to be printed; the present minute where it is "". Raises SadariError where a file of a run is
    damaged, or the page cannot be written; an older page is kept then.
    """
    path = path if path is not None else result.out / NAME
    write_text(path, render(gather(result, made)))
    return path
