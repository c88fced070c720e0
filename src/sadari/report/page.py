"""How does a report look? Draws `contents.Report` as one HTML page that needs nothing but a browser.

Everything that varies is either escaped by Jinja2 or lies in one JSON element that the page's script reads and writes
as text. The page's own content security policy lets nothing run or load that is not in the file, so that not even a
class named `<script>` could reach a network.
"""

import json
import math
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from sadari.comparison.result import ComparisonResult
from sadari.files import write_text
from sadari.report.build import gather
from sadari.report.contents import Report

TEMPLATES = Path(__file__).parent / "templates"
# In reading order, from words to sections; the last one starts the page.
SCRIPTS = (
    "dom.js",
    "format.js",
    "scales.js",
    "plot.js",
    "controls.js",
    "tables.js",
    "pictures.js",
    "leaderboard.js",
    "cost.js",
    "verdicts.js",
    "claims.js",
    "curves.js",
    "matrix.js",
    "confusion.js",
    "mistakes.js",
    "classes.js",
    "calibration.js",
    "robustness.js",
    "sweeps.js",
    "layers.js",
    "data.js",
    "origin.js",
    "scheme.js",
    "start.js",
)
DIGITS = 6  # significant ones of a number in the page: more than any plot or table shows


def render(report: Report) -> str:
    """Which HTML shows `report`? One document, complete in itself, to be written as UTF-8.

    A figure that is not finite is shown as missing; half a surrogate pair in a name as the replacement character.
    """
    contents = _plain(report)
    script, style = _script(), _text("page.css")
    return str(
        _template().render(
            report=contents,
            data=_as_json(contents),
            script=script,
            style=style,
            script_hash=_hash(script),
            style_hash=_hash(style),
        )
    )


@cache
def _template() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.get_template("page.html.j2")


@cache
def _script() -> str:
    return "".join(_text(f"script/{name}") for name in SCRIPTS)


@cache
def _text(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """The name under which a content security policy allows exactly this inline script or style."""
    return f"sha256-{b64encode(sha256(text.encode('utf-8')).digest()).decode('ascii')}"


def _plain(value: Any) -> Any:
    """`value` as dicts, lists, strings and finite numbers."""
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {_clean(str(key)): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, str):
        return _clean(value)
    if value is None or isinstance(value, (bool, int)):
        return value
    return _short(float(value))


def _clean(text: str) -> str:
    """`text` that UTF-8 can write: file names may hold bytes that no decoding understood."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _short(number: float) -> int | float | None:
    if not math.isfinite(number):
        return None
    return int(number) if number.is_integer() and abs(number) < 1e15 else float(f"{number:.{DIGITS}g}")


def _as_json(contents: Any) -> str:
    """JSON that no HTML parser can leave: what could end the element or start a comment is written as an escape."""
    text = json.dumps(contents, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


NAME = "report.html"


def write_report(result: ComparisonResult, path: Path | None = None, made: str = "") -> Path:
    """Write the page about `result` to `path`, or as report.html into its folder; returns where it lies.

    made: when, as it is to be printed; the present minute where it is "". Raises SadariError where a file of a run is
    damaged, or the page cannot be written; an older page is kept then.
    """
    path = path if path is not None else result.out / NAME
    write_text(path, render(gather(result, made)))
    return path
