"""What does the page across data sets show? One table, the verdicts, the ranks, and links to the sets' own reports."""

from base64 import b64encode
from datetime import datetime
from os.path import relpath
from pathlib import Path
from urllib.parse import quote

from sadari.comparison.across.result import AcrossResult
from sadari.evaluation.arms.borrowing import chance_text
from sadari.evaluation.sentences import p_text
from sadari.files import write_text
from sadari.report.origin import installed_version
from sadari.report.page import NAME, render_plain
from sadari.report.plots.ranks import draw_ranks
from sadari.report.plots.saving import save
from sadari.values import Interval

PLOT = "critical-difference"
SETS_NOTE = (
    "The sets count as drawn at random from those that the question is about; an interval says nothing of sets of "
    "another kind."
)


def write_across(result: AcrossResult, path: Path | None = None, made: str = "") -> Path:
    """Write the page about `result` to `path`, or as report.html into its folder; return that path.

    The diagram is written beside it into `plots`, as PNG and SVG. made: the time to be printed; the present minute
    where it is "". Raises SadariError where a file cannot be written.
    """
    path = path if path is not None else result.out / NAME
    diagram = ""
    if result.ranks is not None:
        _, svg = save(draw_ranks, result.ranks, result.out / "plots" / PLOT)
        diagram = f"data:image/svg+xml;base64,{b64encode(svg.read_bytes()).decode('ascii')}"
    document = result.document()
    page = render_plain(
        "across.html.j2",
        result=result,
        title=f"{', '.join(result.results)} compared across",
        made=made or datetime.now().astimezone().strftime("%Y-%m-%d %H:%M"),
        version=installed_version(),
        names=list(result.results),
        links={name: _link(each.out / NAME, path) for name, each in result.results.items()},
        arms=document["arms"],
        spans={name: {arm.name: _span(arm.accuracy) for arm in each.arms} for name, each in result.results.items()},
        verdicts=document["verdicts"],
        signed=lambda share: f"{100 * share:+z.1f}",
        p_text=p_text,
        chance_text=chance_text,
        notes=[*filter(None, (SETS_NOTE, result.caution, *result.left_out))],
        diagram=diagram,
    )
    write_text(path, page)
    return path


def _span(found: Interval | None) -> str:
    """Return the 95 % interval of an accuracy in per cent; "" where there is none."""
    return f"{100 * found.low:.1f} to {100 * found.high:.1f}" if found is not None and found.exists else ""


def _link(report: Path, page: Path) -> str:
    """Return the relative address of a report on the page in `page`."""
    return quote(Path(relpath(report, page.resolve().parent)).as_posix())
