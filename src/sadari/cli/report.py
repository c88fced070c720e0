"""`sadari report`: one page about runs that are on disk already, of one day or of several."""

from collections.abc import Sequence
from itertools import chain, count
from pathlib import Path
from typing import Annotated

from sadari.cli.options import AsJson, AsLatex, RunsOrComparisons, out_option, require_one_form
from sadari.cli.output.console import echo, print_json
from sadari.cli.output.progress import TerminalProgress
from sadari.errors import SadariError, UsageError

SUFFIXES = (".html", ".htm")


def report(
    paths: RunsOrComparisons,
    out: Annotated[
        Path | None, out_option("Where to write; report.html in the one folder, or here.", metavar="FILE.html")
    ] = None,
    as_json: AsJson = False,
    as_latex: AsLatex = False,
) -> None:
    """Write one page about a comparison, or about runs of different days that were judged on the same images."""
    require_one_form(as_json, as_latex)
    place = _place(paths, out)

    from sadari.comparison.reopen import reopen
    from sadari.report.page import write_report
    from sadari.report.sentences import verdict_sentence
    from sadari.run_lookup import is_across, is_tuning

    if len(paths) == 1 and is_across(paths[0]):
        _report_across(paths[0], place, as_json, as_latex)
        return
    if len(paths) == 1 and is_tuning(paths[0]):
        _report_tuning(paths[0], place, as_json, as_latex)
        return
    try:
        result = reopen(paths, TerminalProgress())
        page = write_report(result, place).resolve()
    except BaseException:
        if out is None and place.is_file() and not place.stat().st_size:
            place.unlink()  # it was made to take the name
        raise
    if as_json:
        print_json(result.document(page))
        return
    _say((verdict_sentence(result),), page, as_latex)
    if as_latex:
        echo(result.to_latex().rstrip())


def _report_across(folder: Path, place: Path, as_json: bool, as_latex: bool) -> None:
    """Write the page about a comparison across data sets, and those of its sets, to which it links."""
    from sadari.comparison.across.run import reopen_sets
    from sadari.report.across import write_across
    from sadari.report.page import write_report

    result = reopen_sets(folder, TerminalProgress())
    for each in result.results.values():
        write_report(each)
    page = write_across(result, place).resolve()
    if as_json:
        print_json(result.document(page))
        return
    _say((result.headline,), page, as_latex)
    if as_latex:
        echo(result.to_latex().rstrip())


def _report_tuning(folder: Path, place: Path, as_json: bool, as_latex: bool) -> None:
    """Write the page about a search for settings, finished or not, and that of its final comparison."""
    from sadari.report.tuned.page import write_tuned
    from sadari.tuning.run import reopen_tuning

    result = reopen_tuning(folder, TerminalProgress())
    page = write_tuned(result, place).resolve()
    if as_json:
        print_json(result.document(page))
        return
    _say(result.sentences, page, as_latex)
    if as_latex and result.final is None:
        raise SadariError(f"the search {folder} has no final comparison yet, so no table; go on with it first")
    if as_latex and result.final is not None:
        echo(result.final.to_latex().rstrip())


def _say(sentences: Sequence[str], page: Path, aside: bool) -> None:
    """Print what was found and where the page is; aside: on standard error, where LaTeX has standard output."""
    for sentence in (*sentences, f"report  {page}"):
        echo(sentence, err=aside)


def _place(paths: list[Path], out: Path | None) -> Path:
    """Return where the page goes: into the one folder that is named; for several ones, here, under a free name."""
    if out is not None:
        if out.suffix.lower() not in SUFFIXES or out.is_dir():
            raise UsageError(f"--out takes the name of an HTML file, such as report.html, not '{out}'")
        return out
    if len(paths) == 1:
        return paths[0] / "report.html"
    for name in chain([Path("report.html")], (Path(f"report-{number}.html") for number in count(2))):
        try:
            name.open("x").close()  # so that another command does not take the same name
            return name
        except FileExistsError:
            continue
        except OSError as error:
            raise SadariError(f"cannot write {name}: {error.strerror}; choose another --out") from None
    raise AssertionError
