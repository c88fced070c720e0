const MANY_ARMS = 6;
const SETTLED = 0.25; // of the epochs, after which an accuracy is inside the axis (assumed: the rise before is alike)
const SQUEEZED = 4; // times the epochs of another arm, from which they are on a logarithmic axis (as in plots/curves.py)
let clips = 0;

/** The learning curves: two plots over the epochs, a choice of arms, and a reading of every curve at one epoch. */
function curves() {
  const arms = range(report.arms.length).filter((index) => report.arms[index].curves.length);
  const learning = arms.filter((index) => epochsOf(index) > 1 && contenders().includes(index));
  const shown = (learning.length ? learning : arms).slice(0, MANY_ARMS);
  const state = { shown: new Set(shown), epoch: startingEpoch(shown[0]) };
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
    fitting("Reading at one epoch", reading),
    diagnoses(arms),
  ];
}

/** The best epoch of an arm; its last one where no validation tells. */
function startingEpoch(index) {
  return Math.max(1, Math.round(report.arms[index].best_epoch ?? epochsOf(index)));
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
  const values = shown.flatMap((each) => axisValues(each, name)).filter(Number.isFinite);
  const x = epochScale(state.shown, epochs, [box[0], box[2]]);
  const y = curveScale(name, values.length ? values : [0, 1], [box[3], box[1]]);
  const clip = `clip-${(clips += 1)}`;
  const formatY = name === "accuracy" ? shareTicks(y) : typed;
  return drawing(
    name === "accuracy" ? "Accuracy over the epochs" : "Loss over the epochs",
    `Training and validation curves of ${[...state.shown].map((index) => report.arms[index].name).join(", ")}`, width, height,
    axes({ box, x, y, formatX: String, formatY, labelX: "epoch", labelY: name === "accuracy" ? "accuracy %" : "loss" }),
    Number.isFinite(state.epoch) && line(x.at(state.epoch), box[1], x.at(state.epoch), box[3], "reader"),
    svg("clipPath", { id: clip }, svg("rect", { x: box[0], y: box[1] - 2, width: box[2] - box[0] + 2, height: box[3] - box[1] + 2 })),
    svg("g", { "clip-path": `url(#${clip})` },
      shown.map(({ lines, split, index }) => lines.map((values) => curve(values, x, y, `curve seed-line ${split}-line ${series(index)}`))),
      shown.map(({ mean, split, index }) => curve(mean, x, y, `curve ${split}-line ${series(index)}`))),
    shown.filter(({ split }) => split === "val").map(({ mean, index }) => bestMark(mean, index, x, y)),
  );
}

/** The values that an axis must hold: of accuracies those after the steep rise, of arms that do better than guessing. */
function axisValues({ lines, index }, name) {
  if (!contenders().includes(index)) return [];
  return lines.flatMap((values) => (name === "accuracy" ? values.slice(Math.floor(SETTLED * values.length)) : values));
}

/** Logarithmic where one arm has many times the epochs of another, so that the passes of a solver squeeze no epochs. */
function epochScale(shown, epochs, at) {
  const lengths = [...shown].map(epochsOf).filter((each) => each > 1);
  const squeezed = lengths.length > 0 && Math.max(...lengths) >= SQUEEZED * Math.min(...lengths);
  const scale = squeezed ? logarithmic([1, epochs], at) : linear([1, Math.max(2, epochs)], at, Math.min(8, epochs));
  return { ...scale, ticks: scale.ticks.filter(Number.isInteger) };
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
  const lowest = Math.max(y.at(y.low), y.at(y.high));
  return mark(index, x.at(Math.min(best, mean.length)), Math.min(y.at(value), lowest));
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
  // That of the best arm is in the first screen already.
  const said = ({ diagnosis, about_seeds: aboutSeeds }) => [report.conclusions.includes(diagnosis) ? "" : diagnosis, aboutSeeds].filter(Boolean).join(" ");
  const diagnosed = arms.filter((index) => said(report.arms[index]));
  return diagnosed.length > 0 && html("dl", { class: "diagnoses" }, diagnosed.map((index) =>
    html("div", {}, html("dt", {}, armName(index)), html("dd", { dir: "auto" }, said(report.arms[index])))));
}
