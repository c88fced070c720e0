"""What is in the HTML file that classifies images by itself? The serving page, the runtime and the model, in one file.

A page that is opened as a file may not read other files, so everything is in it. Its policy (CSP) allows the two
scripts and the style by their sums, and no connection to anything.
"""

import gzip
import json
from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from sadari.deploy.browser.bundle import bundle
from sadari.deploy.browser.runtime import WASM, runtime_file, runtime_script

WEB = Path(__file__).parents[1] / "web"  # the serving page
OWN = Path(__file__).parent / "script"  # what takes the place of its server
SPEED = 6  # of gzip (measured on the runtime: 9 takes twice as long for 0.4 % less)


def page(described: Mapping[str, Any], onnx: bytes) -> str:
    """Return the page as HTML. described: what it says of the model, as GET /model does. onnx: the model's file."""
    style = _text("page.css")
    scripts = runtime_script(), script_of("main.js")
    head = [
        '<meta http-equiv="Content-Security-Policy" content="'
        f"default-src 'none'; script-src {' '.join(map(_sum, scripts))} 'wasm-unsafe-eval'; style-src {_sum(style)}; "
        "img-src blob: data:; base-uri 'none'; form-action 'none'\">",
        f'<link rel="icon" href="data:image/svg+xml;base64,{_base64(_text("ladder.svg").encode())}">',
        _element("style", "", style),
    ]
    blocks = [
        _element("script", 'type="application/json" id="described"', _json(described)),
        _element("script", 'type="text/plain" id="runtime"', _packed(runtime_file(WASM))),
        _element("script", 'type="text/plain" id="network"', _packed(onnx)),
        *(_element("script", 'type="module"', each) for each in scripts),
    ]
    html = _text("index.html")
    html = _replaced(html, '<link rel="icon"', '<script type="module" src="web/main.js"></script>\n', _lines(head))
    html = _replaced(html, "<noscript>", "</noscript>\n", "<noscript><p>This page needs JavaScript.</p></noscript>\n")
    return html.replace("</body>\n", f"{_lines(blocks)}</body>\n")


def script_of(module: str) -> str:
    """Return a module of the page, with all that it imports, as one script."""
    return bundle(module, _text)


def _text(name: str) -> str:
    """Return a file of the page; one of its own comes before the serving page's of the same name."""
    path = OWN / name
    return (path if path.is_file() else WEB / name).read_text(encoding="utf-8")


def _replaced(html: str, first: str, last: str, new: str) -> str:
    """Return `html` with `new` in the place of what goes from `first` to the end of `last`."""
    before, _, rest = html.partition(first)
    _, _, after = rest.partition(last)
    assert after, f"the serving page has no {first} ... {last}"
    return f"{before}{new}{after}"


def _element(tag: str, attributes: str, text: str) -> str:
    assert f"</{tag}" not in text.lower() and "<!--" not in text
    return f"<{f'{tag} {attributes}'.strip()}>{text}</{tag}>"


def _lines(elements: list[str]) -> str:
    return "".join(f"{each}\n" for each in elements)


def _sum(text: str) -> str:
    """Return the name of an element with this text in a policy."""
    return f"'sha256-{_base64(sha256(text.encode()).digest())}'"


def _json(document: Mapping[str, Any]) -> str:
    """Return `document` as JSON that ends no element, whatever the names of the classes are."""
    return json.dumps(document, ensure_ascii=False).replace("<", "\\u003c")


def _packed(content: bytes) -> str:
    return _base64(gzip.compress(content, SPEED, mtime=0))


def _base64(content: bytes) -> str:
    return b64encode(content).decode("ascii")
