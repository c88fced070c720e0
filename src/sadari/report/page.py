"""How does a report look? Renders `contents.Report` as one HTML page that needs nothing but a browser.

Everything that varies is either escaped by Jinja2 or stands in one JSON element that the page's script reads and writes
as text. The page's own content security policy lets nothing run or load that is not in the file, so that not even a
class named `<script>` could reach a network.
"""

import json
import math
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from sadari.comparison.result import ComparisonResult
from sadari.files import write_text
from sadari.report.build import build_report
from sadari.report.contents import Report
from sadari.values import Interval

NAME = "report.html"
TEMPLATES = Path(__file__).parent / "templates"
# In reading order, from elements to sections; the last one starts the page.
SCRIPTS = (
    "dom.js",
    "format.js",
    "names.js",
    "scales.js",
    "plot.js",
    "controls.js",
    "tables.js",
    "pictures.js",
    "leaderboard.js",
    "cost.js",
    "verdicts.js",
    "borrowing.js",
    "claims.js",
    "curves.js",
    "matrix.js",
    "confusion.js",
    "mistakes.js",
    "map/groups.js",
    "map/marks.js",
    "map/hand.js",
    "map/canvas.js",
    "map/aside.js",
    "map/explore.js",
    "map/copies.js",
    "classes.js",
    "calibration.js",
    "thresholds.js",
    "robustness.js",
    "sweeps.js",
    "layers.js",
    "data.js",
    "origin.js",
    "scheme.js",
    "start.js",
)
STYLES = ("page.css", "map.css", "print.css")
DIGITS = 6  # significant digits of a number in the page: more than any plot or table shows

WITH_PATHS = frozenset(
    ("command", "model", "reference", "data", "weights", "layers", "text", "origin", "reason", "notes")
)
_QUOTED_PATH = re.compile(r"'(?:~|[A-Za-z]:)?[/\\][^'\n]*[/\\]([^'/\\\n]+)'")
_PATH = re.compile(r"""(?<![\w/\\.:~-])(?:~|[A-Za-z]:)?[/\\](?:[^\s'"/\\,;]+[/\\])+(?=[^\s'"/\\,;])""")


def write_report(result: ComparisonResult, path: Path | None = None, made: str = "") -> Path:
    """Write the page about `result` to `path`, or as report.html into its folder; return that path.

    made: the time to be printed; the present minute where it is "". Raises SadariError where a file of a run is
    damaged, or the page cannot be written; an older page stays then.
    """
    path = path if path is not None else result.out / NAME
    write_text(path, render(build_report(result, made)))
    return path


def render(report: Report) -> str:
    """Return the HTML that shows `report`: one document, complete in itself, to be written as UTF-8.

    A figure that is not finite is shown as missing; half a surrogate pair in a name as the replacement character.
    """
    return render_page("page.html.j2", report, script=_script(), style="".join(map(text_of, STYLES)))


def render_page(template: str, contents: Any, *, script: str, style: str, **values: str) -> str:
    """Return the HTML of a page whose own `script` alone may run in it. contents: values that it reads and draws."""
    plain = _plain(contents)
    return str(
        _environment()
        .get_template(template)
        .render(
            report=plain,
            data=_as_json(plain),
            script=script,
            style=style,
            script_hash=hash_of(script),
            style_hash=hash_of(style),
            **values,
        )
    )


def render_plain(template: str, **values: Any) -> str:
    """Return the HTML of a page without a script, in the look of the report; its text can be written as UTF-8."""
    style = "".join(map(text_of, ("page.css", "checked.css")))
    return _clean(str(_environment().get_template(template).render(**values, style=style, style_hash=hash_of(style))))


@cache
def _environment() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters["span"] = lambda accuracy: Interval(**accuracy).span
    return environment


@cache
def _script(names: tuple[str, ...]) -> str:
    return "".join(text_of(f"script/{name}") for name in names)


@cache
def text_of(name: str) -> str:
    """Return the text of a file beside the templates."""
    return (TEMPLATES / name).read_text(encoding="utf-8")


def hash_of(text: str) -> str:
    """Return the name under which a content security policy allows exactly this inline script or style."""
    return f"sha256-{b64encode(sha256(text.encode('utf-8')).digest()).decode('ascii')}"


def _plain(value: Any) -> Any:
    """Return `value` as dicts, lists, strings and finite numbers."""
    if is_dataclass(value):
        return {field.name: _of(field.name, getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {_clean(str(key)): _of(str(key), each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, str):
        return _clean(value)
    if value is None or isinstance(value, (bool, int)):
        return value
    return _short(float(value))


def _of(key: str, value: Any) -> Any:
    """Return the plain value of a key; paths become names, since the page may leave this machine."""
    if key in WITH_PATHS and isinstance(value, str):
        return _clean(without_folders(value))
    if key in WITH_PATHS and isinstance(value, (list, tuple)):
        return [_of(key, each) for each in value]
    return _plain(value)


def without_folders(text: str) -> str:
    """Return `text` with only the last name of each absolute path in it, quoted or not."""
    return _PATH.sub("", _QUOTED_PATH.sub(r"'\1'", text))


def _clean(text: str) -> str:
    """Return `text` as UTF-8 can write it: file names may hold bytes that could not be decoded."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _short(number: float) -> int | float | None:
    """Return `number` to DIGITS digits, None where it is not finite; whole numbers without decimals."""
    if not math.isfinite(number):
        return None
    return int(number) if number.is_integer() and abs(number) < 1e15 else float(f"{number:.{DIGITS}g}")


def _as_json(contents: Any) -> str:
    """Return JSON that no HTML parser can leave: what could end the element or start a comment is escaped."""
    text = json.dumps(contents, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
