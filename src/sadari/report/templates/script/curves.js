const MANY_ARMS = 6;

/** The learning curves: two plots over the epochs, a choice of arms, and a reading of every curve at one epoch. */
function curves() {
  const arms = range(report.arms.length).filter((index) => report.arms[index].curves.length);
  const shown = arms.slice(0, MANY_ARMS);
  const state = { shown: new Set(shown), epoch: Math.min(...shown.map((index) => epochsOf(index))) };
  const figures = ["accuracy", "loss"].filter((name) => arms.some((index) => report.arms[index].curves.some(({ figure: each }) => each === name)));
  const plots = figures.map((name) => responsive((width) => curveDrawing(name, state, width)));
  const reading = html("div");
  const slider = epochSlider((epoch) => {
    state.epoch = epoch;
    update();
  });
  const update = () => {
    state.epoch = slider.show(state.epoch, lastEpoch(state.shown));
    plots.forEach((plot) => plot.redraw());
    reading.replaceChildren(readings(state, figures));
  };
  const choose = (chosen) => {
    state.shown = new Set([...chosen].map((order) => arms[order]));
    update();
  };
  const on = new Set(range(arms.length).filter((order) => state.shown.has(arms[order])));
  update();
  return [
    toggles("Arms shown", arms.map(armName), on, choose),
    html("div", { class: "pair-of-plots" }, plots.map((plot) => plot.element)),
    curvesKey(arms),
    slider.element,
    scrolling("Reading at one epoch", reading),
    diagnoses(arms),
  ];
}

/** What the lines mean, for the kinds of lines that there are. */
function curvesKey(arms) {
  const validated = arms.some((index) => report.arms[index].curves.some(({ split }) => split === "val"));
  const marked = validated && arms.some((index) => report.arms[index].best_epoch !== null);
  return html("p", { class: "key" },
    validated && keyLine("val-line", "validation"),
    keyLine("train-line", "training"),
    arms.some((index) => report.arms[index].seeds.length > 1) && keyLine("seed-line", "one seed"),
    marked && html("span", {}, bestKey(), " best epoch, mean over seeds"));
}

function keyLine(name, text) {
  return html("span", {}, svg("svg", { viewBox: "0 0 30 10", class: "key-line", "aria-hidden": "true" }, line(1, 5, 29, 5, `curve neutral ${name}`)), ` ${text}`);
}

function bestKey() {
  return svg("svg", { class: "swatch", viewBox: "-7 -7 14 14", "aria-hidden": "true" }, svg("path", { d: SHAPES[0], class: "mark neutral" }));
}

/** `show(epoch, last)` sets it, no further than the last epoch there is, and returns its value. */
function epochSlider(change) {
  const output = html("output");
  const slider = html("input", { type: "range", min: 1, "aria-label": "Epoch to read", input: () => change(Number(slider.value)) });
  const show = (epoch, last) => {
    slider.max = last;
    slider.value = Math.min(epoch, last);
    output.textContent = slider.value;
    return Number(slider.value);
  };
  return { element: html("label", { class: "slider controls" }, "Read at epoch ", output, slider), show };
}

function lastEpoch(shown) {
  return Math.max(1, ...[...shown].map((index) => epochsOf(index)));
}

function epochsOf(index) {
  return Math.max(...report.arms[index].curves.map(({ value }) => value.length));
}

function curveDrawing(name, state, width) {
  const epochs = lastEpoch(state.shown);
  const height = 320;
  const box = [46, 30, width - 12, height - 44];
  const shown = [...state.shown].flatMap((index) => arm(index, name));
  const values = shown.flatMap(({ lines }) => lines.flat()).filter(Number.isFinite);
  const x = linear([1, Math.max(2, epochs)], [box[0], box[2]], Math.min(8, epochs));
  x.ticks = x.ticks.filter(Number.isInteger);
  const y = curveScale(name, values.length ? values : [0, 1], [box[3], box[1]]);
  const formatY = name === "accuracy" ? shareTicks(y) : typed;
  return drawing(
    name === "accuracy" ? "Accuracy over the epochs" : "Loss over the epochs",
    `Training and validation curves of ${[...state.shown].map((index) => report.arms[index].name).join(", ")}`, width, height,
    axes({ box, x, y, formatX: String, formatY, labelX: "epoch", labelY: name === "accuracy" ? "accuracy %" : "loss" }),
    Number.isFinite(state.epoch) && line(x.at(state.epoch), box[1], x.at(state.epoch), box[3], "reader"),
    shown.map(({ lines, split, index }) => lines.map((values) => curve(values, x, y, `curve seed-line ${split}-line ${series(index)}`))),
    shown.map(({ mean, split, index }) => curve(mean, x, y, `curve ${split}-line ${series(index)}`)),
    shown.filter(({ split }) => split === "val").map(({ mean, index }) => bestMark(mean, index, x, y)),
  );
}

/** The lines of one arm for one figure: every seed's and their mean, of each split. */
function arm(index, name) {
  const linesOf = (split) => report.arms[index].curves.filter((each) => each.split === split && each.figure === name).map(({ value }) => value);
  return ["train", "val"]
    .map((split) => ({ index, split, lines: linesOf(split) }))
    .filter(({ lines }) => lines.length)
    .map((each) => ({ ...each, mean: meanCurve(each.lines) }));
}

/** The mean over the epochs that all seeds have. */
function meanCurve(lines) {
  const shared = Math.min(...lines.map((each) => each.length));
  return range(shared).map((epoch) => lines.reduce((sum, each) => sum + each[epoch], 0) / lines.length);
}

/** A loss that falls through more than a decade and a half is read on a logarithmic axis. */
function curveScale(name, values, at) {
  if (name === "accuracy") return linear(padded(values, 0.05, 0, 1), at);
  const positive = values.filter((value) => value > 0);
  const [low, high] = [Math.min(...positive), Math.max(...positive)];
  return positive.length === values.length && high / low > 30 ? logarithmic([low / 1.2, high * 1.2], at) : linear(padded(values, 0.05, 0), at);
}

function curve(values, x, y, name) {
  return path(values.map((value, epoch) => [x.at(epoch + 1), value === null ? NaN : y.at(value)]), name);
}

function bestMark(mean, index, x, y) {
  const best = report.arms[index].best_epoch;
  const value = best === null ? undefined : mean[Math.min(mean.length, Math.max(1, Math.round(best))) - 1];
  if (!Number.isFinite(value)) return null;
  return mark(index, x.at(Math.min(best, mean.length)), y.at(value));
}

function readings(state, figures) {
  const known = ([split, name]) => report.arms.some(({ curves }) => curves.some((each) => each.split === split && each.figure === name));
  const splits = figures.flatMap((name) => [["train", name], ["val", name]]).filter(known);
  const names = { train: "training", val: "validation" };
  const rows = [...state.shown].map((index) => [
    armName(index),
    ...splits.map(([split, name]) => {
      const found = arm(index, name).find((each) => each.split === split)?.mean[state.epoch - 1];
      return name === "accuracy" ? hundredths(found) : figure(found);
    }),
  ]);
  const heads = [`Epoch ${state.epoch}`, ...splits.map(([split, name]) => `${names[split]} ${name}${name === "accuracy" ? "\u202f%" : ""}`)];
  return figuresTable("Mean over the seeds at one epoch", heads, rows);
}

function diagnoses(arms) {
  const diagnosed = arms.filter((index) => report.arms[index].diagnosis);
  return diagnosed.length > 0 && html("dl", { class: "diagnoses" }, diagnosed.map((index) =>
    html("div", {}, html("dt", {}, armName(index)), html("dd", { dir: "auto" }, report.arms[index].diagnosis))));
}
