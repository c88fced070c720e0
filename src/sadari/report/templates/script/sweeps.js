/** Accuracy and loss against each varied setting: a pair of plots for each. */
function sweeps() {
  return report.sweeps.map((sweep) =>
    html(
      "div",
      { class: "sweep" },
      html("h3", {}, named(sweep.key)),
      sweep.sentences.length > 0 && html("p", { dir: "auto" }, sweep.sentences.map(capitalised).join(" ")),
      Object.keys(sweep.lines).length > 1 && html("ul", { class: "key arms-key" }, Object.keys(sweep.lines).map((name, index) => html("li", {}, html("span", { class: "arm" }, swatch(index), named(name))))),
      html("div", { class: "pair-of-plots" }, ["accuracy", "loss"].map((name) => responsive((width) => sweepDrawing(sweep, name, width)).element)),
      html("p", { class: "caption" }, sweepText(sweep)),
      folded("The figures", sweepTable(sweep)),
    ));
}

function sweepText(sweep) {
  const fitted = Object.keys(sweep.fits).length ? " The dashed line is a fitted curve with its band." : "";
  const best = sweep.best ? ["The ring marks ", named(sweep.best), ", which is shown to be best."] : ["No value is shown to be best, so none is marked."];
  return [best, fitted];
}

function sweepDrawing(sweep, name, width) {
  const height = 310;
  const box = [50, 30, width - 14, height - 44];
  const lines = Object.entries(sweep.lines);
  const fits = name === "accuracy" ? sweep.fits : {};
  const measured = lines.flatMap(([, places]) => places.map(({ value }) => value));
  const reached = Object.values(sweep.fits).flatMap(({ images }) => images);
  const ys = [...lines.flatMap(([, places]) => places.flatMap((each) => intervalOf(each, name))), ...Object.values(fits).flatMap(({ accuracy, low, high }) => [...accuracy, ...low, ...high])].filter(Number.isFinite);
  const x = sweepScale(measured, reached, [box[0] + 8, box[2] - 8]);
  const y = linear(name === "accuracy" ? padded(ys, 0.08, 0, 1) : padded(ys, 0.08, 0), [box[3], box[1]]);
  const formatY = name === "accuracy" ? shareTicks(y) : typed;
  return drawing(
    `${name} against ${sweep.key}`, lines.map(([line, places]) => sweepLineText(line, places, name)).join("; "), width, height,
    axes({ box, x, y, formatX: typed, formatY, labelX: sweep.key, labelY: name === "accuracy" ? "accuracy %" : "loss" }),
    lines.map(([line], index) => fits[line] && fitted(fits[line], index, x, y)),
    lines.map(([line, places], index) => [
      !fits[line] && path(places.map((each) => [x.at(each.value), y.at(intervalOf(each, name)[0])]), `curve ${series(index)}`),
      places.map((each) => sweepPoint(each, name, index, x, y, name === "accuracy" && each.arm === sweep.best)),
    ]),
  );
}

function sweepLineText(line, places, name) {
  const format = (value) => (name === "accuracy" ? percent(value) : figure(value));
  return `${line}: ${places.map((each) => `${typed(each.value)}: ${format(intervalOf(each, name)[0])}`).join(", ")}`;
}

/** Middle, low and high of a point: accuracy with its 95 % interval, loss with its lowest and highest seed. */
function intervalOf({ accuracy, loss, loss_low: low, loss_high: high }, name) {
  return name === "accuracy" ? [accuracy.mean, accuracy.low, accuracy.high] : [loss, low, high];
}

/** Logarithmic where positive values span more than a factor of fifteen; marked at the measured values where few. */
function sweepScale(measured, reached, at) {
  const all = [...measured, ...reached];
  const domain = [Math.min(...all), Math.max(...all)];
  const scale = domain[0] > 0 && domain[1] / domain[0] > 15 ? logarithmic(domain, at) : linear(domain, at);
  const distinct = [...new Set(measured)].sort((a, b) => a - b);
  return distinct.length <= 8 ? { ...scale, ticks: distinct } : scale;
}

function sweepPoint(point, name, index, x, y, best) {
  const [middle, low, high] = intervalOf(point, name);
  const [left, top] = [x.at(point.value), y.at(middle)];
  return svg(
    "g",
    {},
    svg("title", {}, sweepLineText(point.arm, [point], name)),
    whisker(left, y.at(low), y.at(high), series(index)),
    best && svg("circle", { cx: left, cy: top, r: 10, class: "ring" }),
    mark(index, left, top),
  );
}

function fitted({ images, accuracy, low, high }, index, x, y) {
  return svg("g", { class: series(index) }, band(images.map((count, at) => [x.at(count), y.at(low[at]), y.at(high[at])]), "band"),
    path(images.map((count, at) => [x.at(count), y.at(accuracy[at])]), `curve fit ${series(index)}`));
}

function sweepTable(sweep) {
  const ends = (point, name, format) => intervalOf(point, name).slice(1).map(format).join(" – ");
  const rows = Object.entries(sweep.lines).flatMap(([line, places]) =>
    places.map((each) => [
      [named(line), line && " ", typed(each.value)],
      hundredths(each.accuracy.mean), ends(each, "accuracy", (share) => hundredths(share)), figure(each.loss), ends(each, "loss", figure),
    ]));
  const caption = `Accuracy and loss against ${sweep.key}`;
  return fitting(caption, figuresTable(caption, [sweep.key, "Accuracy\u202f%", "from – to", "Log loss", "from – to"], rows));
}
