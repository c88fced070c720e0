"""What stands on the page of a search? What it found in sentences, the finalists, and its trials in every direction."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from os.path import relpath
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from sadari.files import write_text
from sadari.report.origin import installed_version
from sadari.report.page import NAME, render_page, text_of
from sadari.report.page import write_report as write_comparison
from sadari.report.plots.saving import save
from sadari.report.plots.tuning import draw_front, draw_history, draw_importances, draw_parallel, draw_slices
from sadari.report.tuned.figures import TrialsPlot, trials_plot
from sadari.tuning.finals import DEFAULT
from sadari.tuning.result import TuneResult
from sadari.tuning.space import in_words

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# In reading order, from elements to sections; the last one starts the page.
SCRIPTS = (
    "dom.js",
    "format.js",
    "names.js",
    "scales.js",
    "plot.js",
    "controls.js",
    "tables.js",
    "scheme.js",
    "tuned/trials.js",
    "tuned/start.js",
)


@dataclass(frozen=True)
class Finalist:
    """One arm that was judged on test images: its settings, and its accuracies with their interval where there is one.

    accuracy, low, high: on the images that judge; None where the arm failed, with a `reason`. validation: of its fresh
    seeds.
    """

    name: str
    settings: str
    accuracy: float | None
    low: float | None
    high: float | None
    validation: float | None
    reason: str = ""


@dataclass(frozen=True)
class TunedPage:
    """The whole page. verdict: the one sentence of the first screen. link: to the report of the final comparison."""

    title: str
    made: str
    verdict: str
    sentences: tuple[str, ...]
    counts: str
    finalists: tuple[Finalist, ...]
    judges: str
    link: str
    trials: TrialsPlot
    version: str


def write_tuned(result: TuneResult, path: Path | None = None, made: str = "") -> Path:
    """Write the page about `result` to `path`, or as report.html into its folder, and its plots; return that path.

    The report of the final comparison, to which it links, is written too. made: the time to be printed; the present
    minute where it is "". Raises SadariError where a file cannot be written.
    """
    path = path if path is not None else result.out / NAME
    write_tuned_plots(result)
    link = ""
    if result.final is not None:
        link = quote(Path(relpath(write_comparison(result.final), path.resolve().parent)).as_posix())
    page = tuned_page(result, link, made)
    script = "".join(text_of(f"script/{name}") for name in SCRIPTS)
    style = "".join(map(text_of, ("page.css", "tuned.css", "print.css")))
    write_text(path, render_page("tuned.html.j2", page, script=script, style=style))
    return path


def write_tuned_plots(result: TuneResult) -> tuple[Path, ...]:
    """Draw the trials into the folder `plots`, PNG and SVG; return the PNG files, none before a trial is done."""
    data = trials_plot(result)
    drawings: dict[str, Callable[[TrialsPlot], Figure]] = {"tune-history": draw_history}
    drawings |= {"tune-parallel": draw_parallel, "tune-slices": draw_slices}
    if result.importances:
        drawings["tune-importance"] = draw_importances
    if data.speed:
        drawings["tune-front"] = draw_front
    if not data.done:
        return ()
    return tuple(save(draw, data, result.out / "plots" / name)[0] for name, draw in drawings.items())


def tuned_page(result: TuneResult, link: str = "", made: str = "") -> TunedPage:
    """Return what the page about `result` shows. Equal results give equal pages."""
    best = result.best
    found = f"The best trial on validation images is {best.name}: {best.settings}." if best is not None else ""
    sentences = [found, result.curse, result.speed_note]
    if result.final is not None:
        sentences.append(result.final.choice)
    return TunedPage(
        title=f"{result.request.model.name} tuned on {Path(result.request.data).name}",
        made=made or datetime.now().astimezone().strftime("%Y-%m-%d %H:%M"),
        verdict=result.gain,
        sentences=tuple(each for each in sentences if each),
        counts=result.counts,
        finalists=_finalists(result),
        judges=result.final.data.judges if result.final is not None else "",
        link=link,
        trials=trials_plot(result),
        version=installed_version(),
    )


def _finalists(result: TuneResult) -> tuple[Finalist, ...]:
    if result.final is None:
        return ()
    settings = {trial.name: trial.settings for trial in result.trials} | {DEFAULT: in_words(result.default)}
    found = []
    for arm in result.final.arms:
        accuracy = arm.accuracy
        low, high = (accuracy.low, accuracy.high) if accuracy is not None and accuracy.exists else (None, None)
        mean = accuracy.mean if accuracy is not None else None
        about = settings.get(arm.name, "") or "the model's own settings"
        found.append(Finalist(arm.name, about, mean, low, high, arm.val_accuracy, arm.reason))
    return tuple(found)
