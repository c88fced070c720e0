"""How does the page of a map look? One HTML file with thumbnails, names and script in it, which asks no network."""

from functools import cache
from pathlib import Path

from sadari.files import write_text
from sadari.report.maps.view import MapView, view_of
from sadari.report.origin import installed_version
from sadari.report.page import render_page, text_of
from sadari.review.data_map import DataMap

# In reading order, from elements to the page; the last one starts it. Those of the map are part of the report too.
SCRIPTS = (
    *("dom.js", "format.js", "names.js", "plot.js", "controls.js", "scheme.js"),
    *("map/groups.js", "map/marks.js", "map/hand.js", "map/canvas.js", "map/aside.js", "map/explore.js", "map/page.js"),
)
STYLES = ("page.css", "map.css")


def write_map(found: DataMap, path: Path) -> Path:
    """Write the page about `found` to `path` and return it; raises SadariError where it cannot be written."""
    write_text(path, render_map(found))
    return path


def render_map(found: DataMap) -> str:
    """Return the HTML of the page about `found`, to be written as UTF-8."""
    view: MapView = view_of(found)
    splits = " · ".join(f"{found.splits.count(name):,} {name}" for name in view.split_names if name)
    return render_page(
        "map.html.j2",
        {"title": f"{found.name}: a map of its pictures", "facts": splits, "notes": found.notes, "map": view},
        script=_script(),
        style="".join(map(text_of, STYLES)),
        version=installed_version(),
    )


@cache
def _script() -> str:
    return "".join(text_of(f"script/{name}") for name in SCRIPTS)
