/** The leaderboard: one row per arm, its interval drawn on a scale that all rows share. */
function leaderboard() {
  const arms = report.arms;
  const scale = forestScale(contenders().map((index) => arms[index]));
  const decimals = standingDecimals();
  const columns = [
    { label: "Arm", value: (index) => arms[index].name, cell: armCell, name: "name" },
    {
      label: "95\u202f% interval", name: "forest", first: "descending", hint: "Sorts by the lower end",
      value: (index) => arms[index].accuracy?.low ?? null, below: scale && forestAxis(scale),
      cell: (index) => (arms[index].accuracy ? forestRow(index, scale) : failureCell(arms[index])),
    },
    {
      label: "Accuracy\u202f%", numeric: true, first: "descending", name: "main",
      value: (index) => arms[index].accuracy?.mean ?? null,
      cell: (index) => hundredths(arms[index].accuracy?.mean, decimals),
    },
    {
      label: "from – to", numeric: true, first: "descending", hint: "Ends of the 95 % interval; sorts by its width",
      value: (index) => (arms[index].accuracy ? arms[index].accuracy.low - arms[index].accuracy.high : null),
      cell: (index) => intervalText(arms[index].accuracy, (share) => hundredths(share, decimals)),
    },
    ...(arms.some((arm) => arm.letters) ? [{ label: "Letters", hint: "Arms that share a letter are not shown to differ", value: (index) => arms[index].letters || null, cell: (index) => arms[index].letters || MISSING }] : []),
    ...secondaryColumns(arms),
  ];
  const failed = (index) => Number(arms[index].status !== "done" && arms[index].accuracy === null);
  const table = sortableTable({ caption: "Leaderboard", columns, rows: range(arms.length), last: failed, sorted: 2, name: arms.length > 7 ? "leaderboard dense" : "leaderboard" });
  const anyPublished = arms.some(({ published }) => published.accuracy !== undefined);
  const key = anyPublished && html("p", { class: "key" }, html("span", {}, html("span", { class: "published-key" }), " published accuracy"));
  return html("div", {}, fitting("Leaderboard", table), key);
}

/** The other figures of an arm; a column that no arm can fill is left out. */
function secondaryColumns(arms) {
  const plain = (label, value, format, more = {}) => ({
    label, numeric: true, value: (index) => value(arms[index]) ?? null, cell: (index) => format(value(arms[index])), ...more,
  });
  const copied = report.facts.copied.length;
  return [
    plain("No copies\u202f%", (arm) => arm.without_copies?.mean, (share) => hundredths(share, standingDecimals()), {
      first: "descending", hint: `Accuracy on the images that have no copy in an earlier split: all but ${copied}`,
    }),
    plain("Gap", (arm) => arm.gap, (gap) => points(gap, 1), { hint: "Training accuracy minus accuracy, in points" }),
    plain("Macro F1", (arm) => arm.scores.macro_f1, figure, { first: "descending", hint: "Unweighted mean of the classes' F1" }),
    plain("Log loss", (arm) => arm.scores.loss, figure, { hint: "Mean negative log probability of the true class, in nats" }),
    plain("Params", (arm) => arm.params, whole, { hint: "Trainable and other parameters" }),
    plain("Training", (arm) => arm.seconds, duration, { hint: "Mean wall time of one seed" }),
    plain("Images/s", (arm) => arm.images_per_second, whole, { first: "descending", hint: "Inference rate" }),
  ].filter((column) => range(arms.length).some((index) => column.value(index) !== null));
}

function armCell(index) {
  const arm = report.arms[index];
  return html("span", { class: "arm" }, swatch(index), html("span", {}, named(arm.name), seedsText(arm)));
}

/** The number of seeds, only where the arms differ in it. */
function seedsText(arm) {
  const numbers = new Set(finished().map((index) => report.arms[index].seeds.length));
  return numbers.size > 1 && arm.seeds.length > 0 && html("small", { class: "quiet" }, counted(arm.seeds.length, "seed"));
}

/** The reason is said once, in the section of failed arms. */
function failureCell(arm) {
  return html("span", { class: "failure" }, html("a", { href: "#failures" }, `${arm.status}: why`));
}

/** An interval, its ends written by `written`; an unknown one excludes no accuracy. */
function intervalText(ends, written) {
  if (!ends || ends.low === ends.high) return MISSING;
  return ends.low < 0.005 && ends.high > 0.995 ? "unknown" : `${written(ends.low)} – ${written(ends.high)}`;
}

/** A second decimal where an interval is narrower than a point. */
function standingDecimals() {
  const widths = finished().map((index) => report.arms[index].accuracy.high - report.arms[index].accuracy.low);
  return widths.length && Math.min(...widths) < 0.01 ? 2 : 1;
}

let inScale = null;

/**
 * Positions of the arms that axes are made for. Arms that do no better than guessing are marked at the edge where they
 * would take more than half of the room: what is decided between the others would be a few pixels wide.
 */
function contenders() {
  inScale ??= chosenForScale();
  return inScale;
}

function chosenForScale() {
  const done = finished();
  const accuracy = (index) => report.arms[index].accuracy;
  const guesses = done.filter((index) => report.arms[index].model === "majority");
  const guessing = Math.max(1 / report.facts.classes.length, ...guesses.map((index) => accuracy(index).high));
  const better = done.filter((index) => !guesses.includes(index) && accuracy(index).mean > guessing);
  const span = (some) => Math.max(...some.map((index) => accuracy(index).high)) - Math.min(...some.map((index) => accuracy(index).low));
  return better.length > 0 && span(better) < span(done) / 2 ? better : done;
}

/** From accuracy to per cent of the column's width. */
function forestScale(arms) {
  if (!arms.length) return null;
  const ends = arms.flatMap(({ accuracy, published }) => [accuracy.low, accuracy.high, published.accuracy ?? accuracy.mean]);
  return linear(padded(ends, 0.06, 0, 1), [3, 97], 4);
}

function forestAxis(scale) {
  const format = shareTicks(scale);
  return svg(
    "svg",
    { class: "forest-axis", "aria-hidden": "true" },
    scale.ticks.map((value) => text(`${scale.at(value)}%`, 12, format(value), "centre")),
  );
}

function forestRow(index, scale) {
  const arm = report.arms[index];
  const { mean, low, high } = arm.accuracy;
  const label = `${arm.name}: ${percent(mean, 2)}, 95 % interval ${hundredths(low, 2)} to ${percent(high, 2)}`;
  const drawn = contenders().includes(index) ? intervalDrawing(label, scale, mean, low, high, index) : edgeDrawing(label, scale, mean, index);
  if (arm.published.accuracy !== undefined) drawn.append(publishedMark(arm.published.accuracy, scale));
  return drawn;
}

/** An arm far below the scale: an arrow at its lower end, with the figure. */
function edgeDrawing(label, scale, mean, index) {
  return svg(
    "svg",
    { class: "forest-row edge", role: "img", "aria-label": `${label}, below the scale` },
    svg("title", {}, `${label}, below the scale`),
    scaleLines(scale),
    svg("svg", { x: "3%", y: "50%", overflow: "visible" }, svg("path", { d: "M4 -5L-5 0L4 5Z", class: `mark ${series(index)}` }), text(12, 0, hundredths(mean), "middle")),
  );
}

/** What somebody else reports for the arm. */
function publishedMark(accuracy, scale) {
  const label = `published: ${percent(accuracy, 2)}`;
  return svg("svg", { x: `${scale.at(accuracy).toFixed(2)}%`, y: "50%", overflow: "visible" }, svg("title", {}, label), svg("path", { d: "M0 -10V10", class: "published" }));
}

/** One row of a forest plot: lines of the scale, the interval, the mean. `index` of null draws it in the colour of text. */
function intervalDrawing(label, scale, mean, low, high, index, zero = null) {
  const at = placeOn(scale);
  return svg(
    "svg",
    { class: "forest-row", role: "img", "aria-label": label },
    svg("title", {}, label),
    scaleLines(scale, zero),
    svg("g", { class: index === null ? "neutral" : series(index) }, line(at(low), "50%", at(high), "50%", "interval")),
    svg("svg", { x: at(mean), y: "50%", overflow: "visible" }, index === null ? svg("path", { d: SHAPES[2], class: "mark neutral" }) : mark(index)),
  );
}

function placeOn(scale) {
  return (value) => `${scale.at(value).toFixed(2)}%`;
}

function scaleLines(scale, zero = null) {
  const at = placeOn(scale);
  return scale.ticks.map((value) => line(at(value), "0", at(value), "100%", value === zero ? "zero" : "grid"));
}
