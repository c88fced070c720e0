"""How does a value look in a notebook? Pieces of HTML in the notebook's own colours, so that a dark one stays dark."""

import struct
import zlib
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from math import isfinite

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Points = Sequence[tuple[float, float]]

GALLERY = 10  # classes whose images are shown
SIDES = (64, 48, 32, 24, 16)  # of these images, in pixels: the first with which the table stays below GALLERY_BYTES
GALLERY_BYTES = 90_000  # of HTML, which a notebook stores with every output (assumed: not too much)
SHOWN_SIDE = 48  # pixels on the screen that a thumbnail is enlarged to (assumed: enough to recognise it)
CHART_WIDTH, CHART_HEIGHT = 300, 130
LEFT, RIGHT, TOP, BOTTOM = 46, 40, 20, 18  # room for the labels around a chart's lines
LINE = 11  # pixels from one label to the next
COLOURS = ("#3b8fd4", "#d9761c")  # contrast on white 3.5 and 3.2, on #111111 5.5 and 6.0; WCAG requires 3 of graphics


class Html(str):
    """Text that is HTML already, and is not escaped again."""

    __slots__ = ()


def card(title: str, facts: Iterable[str], *parts: Html) -> Html:
    """Return the HTML of one value: its name, each of `facts` on a line, then `parts`; empty ones are left out."""
    return Html(f"<div><strong>{escape(title)}</strong>{joined(map(fact, facts))}{joined(parts)}</div>")


def fact(sentence: str) -> Html:
    """Return a line of its own; "" for an empty sentence."""
    return Html(f"<div>{escape(sentence)}</div>" if sentence else "")


def table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> Html:
    """Return a table, the first column aligned left and the others right; "" where there are no rows."""
    body = "".join(f"<tr>{_cells('td', row)}</tr>" for row in rows)
    return Html(f"<table><thead><tr>{_cells('th', heading)}</tr></thead><tbody>{body}</tbody></table>" if body else "")


def figures(columns: Mapping[str, Mapping[str, float]]) -> Html:
    """Return a table with a row for each figure that a column has, such as the metrics of train, val and test."""
    names = dict.fromkeys(name for column in columns.values() for name in column)
    rows = [
        (name, *(f"{column[name]:.4f}" if name in column else "-" for column in columns.values())) for name in names
    ]
    return table(("", *columns), rows)


def _cells(tag: str, texts: Sequence[str]) -> str:
    sides = ["left", *["right"] * (len(texts) - 1)]
    return "".join(
        f'<{tag} style="text-align:{side}">{_text(text)}</{tag}>' for side, text in zip(sides, texts, strict=True)
    )


def _text(text: str) -> str:
    return text if isinstance(text, Html) else escape(text)


def joined(parts: Iterable[Html]) -> Html:
    """Return the `parts` one after the other."""
    return Html("".join(parts))


def gallery(classes: Sequence[tuple[str, int, Pixels]]) -> Html:
    """Return a table of classes: name, number of images, and some images, uint8 (n, H, W, C), as large as they fit."""
    smaller = [(name, f"{count:,}", [thumbnail(each, SIDES[0]) for each in images]) for name, count, images in classes]
    shown = Html("")
    for side in SIDES:
        rows = [
            (name, count, joined(picture(thumbnail(each, side), name) for each in images))
            for name, count, images in smaller
        ]
        shown = table(("class", "images", "some of them"), rows)
        if len(shown) <= GALLERY_BYTES:
            break
    return shown


def picture(pixels: Pixels, label: str) -> Html:
    """Return `pixels` (H, W, C) as a picture inside the page, small ones enlarged; `label`: what is on it."""
    height, width, _ = pixels.shape
    times = max(1, SHOWN_SIDE // max(height, width))
    encoded = b64encode(png(pixels)).decode("ascii")
    return Html(
        f'<img src="data:image/png;base64,{encoded}" width="{times * width}" height="{times * height}" '
        f'alt="{escape(label)}" title="{escape(label)}" style="display:inline;margin:1px;image-rendering:pixelated"/>'
    )


def png(pixels: Pixels) -> bytes:
    """Return the bytes of a PNG file with these `pixels`: uint8 (H, W, C), C = 1 (grey) or 3 (RGB), without loss.

    Source: the PNG specification (ISO/IEC 15948); every row is coded as its difference from the one above (filter 2).
    """
    height, width, channels = pixels.shape
    rows = pixels.reshape(height, width * channels)
    above = np.diff(rows, axis=0, prepend=np.zeros_like(rows[:1]))  # uint8 wraps around, as the filter needs
    filtered = np.insert(above, 0, 2, axis=1)
    header = struct.pack(">2I5B", width, height, 8, 0 if channels == 1 else 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(filtered.tobytes(), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, content) for kind, content in chunks)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def thumbnail(pixels: Pixels, side: int) -> Pixels:
    """Return uint8 (H, W, C) with no side longer than `side`: each pixel is the mean of those it replaces."""
    longest = max(pixels.shape[:2])
    if longest <= side:
        return pixels
    sums, counts = pixels.astype(np.float32), np.ones((1, 1, 1), dtype=np.float32)
    for axis in (0, 1):
        length = pixels.shape[axis]
        starts = np.linspace(0, length, max(1, round(length * side / longest)), endpoint=False).astype(np.int64)
        sums = np.add.reduceat(sums, starts, axis=axis)
        widths = np.diff(starts, append=length).astype(np.float32)
        counts = counts * np.expand_dims(widths, (1, 2) if axis == 0 else (0, 2))
    return np.asarray(np.rint(sums / counts), dtype=np.uint8)


def learning(history: Sequence[Mapping[str, float]]) -> list[Html]:
    """Return charts of accuracy and loss on train and val, from the rows of a history."""
    return [
        chart(
            figure,
            {
                split_name: [
                    (row["epoch"], row[f"{split_name}_{figure}"]) for row in history if f"{split_name}_{figure}" in row
                ]
                for split_name in ("train", "val")
            },
        )
        for figure in ("accuracy", "loss")
    ]


def chart(title: str, curves: Mapping[str, Points]) -> Html:
    """Return at most two lines over epochs, by name, as a small picture; "" where there is no finite point.

    curves: (epoch, value) of each point; points that are not finite are left out.
    """
    finite = {name: [(x, y) for x, y in points if isfinite(x) and isfinite(y)] for name, points in curves.items()}
    drawn = {name: points for name, points in finite.items() if points}
    if not drawn:
        return Html("")
    epochs, values = zip(*(point for points in drawn.values() for point in points), strict=True)
    low, high, first, last = min(values), max(values), min(epochs), max(epochs)

    def place(point: tuple[float, float]) -> tuple[float, float]:
        across = (point[0] - first) / (last - first) if last > first else 0.5
        up = (point[1] - low) / (high - low) if high > low else 0.5
        return LEFT + across * (CHART_WIDTH - LEFT - RIGHT), CHART_HEIGHT - BOTTOM - up * (CHART_HEIGHT - TOP - BOTTOM)

    ways = {name: [place(point) for point in points] for name, points in drawn.items()}
    beside = _apart({name: way[-1][1] for name, way in ways.items()})
    lines = "".join(
        _line(way, colour) + _label(way[-1][0] + 5, beside[name] + 4, name, "start")
        for (name, way), colour in zip(ways.items(), COLOURS, strict=False)
    )
    labels = (
        _label(LEFT - 4, TOP + 4, f"{high:.3g}", "end")
        + _label(LEFT - 4, CHART_HEIGHT - BOTTOM, f"{low:.3g}", "end")
        + _label(LEFT, CHART_HEIGHT - 4, f"epoch {first:g}", "start")
        + (_label(CHART_WIDTH - RIGHT, CHART_HEIGHT - 4, f"{last:g}", "end") if last > first else "")
        + _label(LEFT, 11, title, "start")
    )
    size = f'width="{CHART_WIDTH}" height="{CHART_HEIGHT}" viewBox="0 0 {CHART_WIDTH} {CHART_HEIGHT}"'
    return Html(f'<svg {size} font-size="11" fill="currentColor" role="img">{lines}{labels}</svg>')


def _apart(heights: Mapping[str, float]) -> dict[str, float]:
    """Return the heights of the names of at most two lines, so that they do not cover each other."""
    down = sorted(heights, key=lambda name: heights[name])
    short = max(0.0, LINE - (heights[down[-1]] - heights[down[0]])) / 2 if len(down) > 1 else 0.0
    return {name: heights[name] + (short if name == down[-1] else -short) for name in down}


def _line(way: Points, colour: str) -> str:
    """Return a line through the points `way`, with a dot at its end, so that a single epoch is visible."""
    x, y = way[-1]
    return (
        f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in way)}" fill="none" stroke="{colour}" '
        f'stroke-width="1.5"/><circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{colour}"/>'
    )


def _label(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
