const HUES = 7;
// Paths around the origin; with seven hues no two of 35 arms look alike, and none by hue alone.
const SHAPES = [
  "M-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0-9 0Z",
  "M-4 -4H4V4H-4Z",
  "M0 -5.6L5.6 0L0 5.6L-5.6 0Z",
  "M0 -5L5.2 4H-5.2Z",
  "M0 5L5.2 -4H-5.2Z",
];
let drawings = 0;

/** The class that gives an arm or a line its hue. */
function series(index) {
  return `series-${index % HUES}`;
}

/** The mark of an arm or a line: a shape as well as a hue. */
function mark(index, x = 0, y = 0, attributes = {}) {
  const shape = SHAPES[index % SHAPES.length];
  return svg("path", { d: shape, class: `mark ${series(index)}`, transform: `translate(${x} ${y})`, ...attributes });
}

/** The mark alone, to be put before a name. */
function swatch(index) {
  return svg("svg", { class: "swatch", viewBox: "-7 -7 14 14", "aria-hidden": "true" }, mark(index));
}

/** An arm's name with its mark. */
function armName(index) {
  return html("span", { class: "arm" }, swatch(index), named(report.arms[index].name));
}

/** An SVG picture with a title and a description for readers who cannot see it. */
function drawing(title, description, width, height, ...children) {
  const id = `drawing-${(drawings += 1)}`;
  return svg(
    "svg",
    {
      viewBox: `0 0 ${width} ${height}`, width, height, role: "img",
      "aria-labelledby": `${id}-title`, "aria-describedby": `${id}-text`,
    },
    svg("title", { id: `${id}-title` }, title),
    svg("desc", { id: `${id}-text` }, description),
    ...children,
  );
}

function line(x1, y1, x2, y2, name) {
  return svg("line", { x1, y1, x2, y2, class: name });
}

function text(x, y, content, name = "", attributes = {}) {
  return svg("text", { x, y, class: name, ...attributes }, content);
}

/** Points [[x, y], ...] as a line; a missing y breaks it. */
function path(places, name, attributes = {}) {
  let pen = "M";
  const steps = places.map(([x, y]) => {
    if (!Number.isFinite(y)) return (pen = "M") && "";
    const step = `${pen}${x.toFixed(1)} ${y.toFixed(1)}`;
    pen = "L";
    return step;
  });
  return svg("path", { d: steps.join("") || "M0 0", class: name, ...attributes });
}

/** The band between two lines over the same x: [[x, low, high], ...]. */
function band(places, name) {
  const there = places.map(([x, low]) => `${x.toFixed(1)} ${low.toFixed(1)}`);
  const back = places.map(([x, , high]) => `${x.toFixed(1)} ${high.toFixed(1)}`).reverse();
  return svg("path", { d: `M${[...there, ...back].join("L")}Z`, class: name });
}

/** A vertical interval with caps. */
function whisker(x, low, high, name) {
  return svg("path", { d: `M${x - 3} ${low}h6M${x} ${low}V${high}M${x - 3} ${high}h6`, class: `whisker ${name}` });
}

/** The axes of a plot: horizontal lines with their values, values below, names of both axes. */
function axes({ box, x, y, formatX, formatY, labelX, labelY }) {
  const [left, top, right, bottom] = box;
  return svg(
    "g",
    { class: "axes", "aria-hidden": "true" },
    y.ticks.map((value) => [
      line(left, y.at(value), right, y.at(value), "grid"),
      text(left - 8, y.at(value), formatY(value), "end middle"),
    ]),
    spaced(x.ticks, x.at, formatX).map((value) => [
      line(x.at(value), bottom, x.at(value), bottom + 4, "tick"),
      text(x.at(value), bottom + 18, formatX(value), "centre"),
    ]),
    line(left, bottom, right, bottom, "base"),
    labelX && text((left + right) / 2, bottom + 36, labelX, "centre label"),
    labelY && text(left - 8, top - 12, labelY, "label start", { x: 0 }),
  );
}

/** The ticks whose labels do not overlap those before them. */
function spaced(ticks, at, format) {
  let free = -Infinity;
  return ticks.filter((value) => {
    const half = textWidth(String(format(value)), 12) / 2 + 4;
    if (at(value) - half < free) return false;
    free = at(value) + half;
    return true;
  });
}
