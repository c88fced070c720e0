const report = JSON.parse(document.getElementById("contents-data").textContent);
const DONE = "done";
let chosenTrial = null;

/** The page below its first screen, in reading order. */
const SECTIONS = [
  {
    id: "history", title: "History", there: () => trials().some(({ accuracy }) => accuracy !== null), draw: () => responsive(historyDrawing).element,
    lede: "Accuracy on validation images of each trial, in the order in which they began. Rings were stopped early; poor trials lie at the lower edge.",
  },
  {
    id: "importance", title: "Importance", there: () => report.trials.axes.some(({ importance }) => importance !== null), draw: () => responsive(importanceDrawing).element,
    lede: "The share of each setting in how the accuracy of the trials varies, alone (fANOVA). It speaks of the ranges that were searched, and of few trials it says little.",
  },
  {
    id: "parallel", title: "Parallel coordinates", there: () => done().length > 1, draw: parallel,
    lede: "Each finished trial is a line through its settings, the more accurate the stronger. Point at a line to read it.",
  },
  {
    id: "slices", title: "Slices", there: () => done().length > 1, draw: slices,
    lede: "Accuracy against one setting at a time, whatever the others were.",
  },
  {
    id: "front", title: "Accuracy against speed", there: () => report.trials.speed && done().length > 0, draw: () => responsive(frontDrawing).element,
    lede: "The line joins the trials that no other one beats both in accuracy and in images per second.",
  },
  { id: "trials", title: "Trials", there: () => trials().length, draw: trialsTable, lede: "Every trial with its settings; a heading sorts." },
];

function trials() {
  return report.trials.points;
}

function done() {
  return trials().filter(({ state, accuracy }) => state === DONE && accuracy !== null);
}

function trialText(trial) {
  const settings = report.trials.axes.map(({ key }, index) => `${key}=${trial.params[index]}`).join(", ");
  const figure = trial.accuracy === null ? trial.state : `${percent(trial.accuracy, 2)}${trial.state === DONE ? "" : `, ${trial.state}`}`;
  return `trial ${trial.number}${trial.default ? " (default)" : ""}: ${figure}; ${settings}`;
}

function trialDot(trial, cx, cy, more = "") {
  const name = `trial-dot ${trial.state === DONE ? "" : "is-stopped"} ${trial.finalist ? "is-chosen" : ""} ${more}`;
  return svg("g", {}, svg("title", {}, trialText(trial)), svg("circle", { cx, cy, r: trial.finalist ? 5 : 4, class: name }));
}

function parallel() {
  const state = { most: Math.min(done().length, 10) };
  const reading = html("p", { class: "reading", dir: "auto" }, "Point at a line to read its settings.");
  const output = html("output", {}, String(state.most));
  const choose = (number) => {
    if (chosenTrial === number) return;
    chosenTrial = number;
    reading.textContent = capitalised(trialText(trials().find((trial) => trial.number === number)));
    plot.redraw();
  };
  const plot = responsive((width) => parallelDrawing(width, state.most, choose));
  const slider = html("input", {
    type: "range", min: 1, max: done().length, value: state.most, "aria-label": "How many of the best trials are in colour",
    input: () => {
      state.most = Number(slider.value);
      output.textContent = slider.value;
      plot.redraw();
    },
  });
  return [html("label", { class: "slider controls" }, "The best ", output, slider), plot.element, reading];
}

function slices() {
  return html("div", { class: "small-multiples" }, report.trials.axes.map((axis, place) => responsive((width) => sliceDrawing(axis, place, width), 320).element));
}

function trialsTable() {
  const columns = [
    { label: "Trial", value: (trial) => trial.number, cell: (trial) => `${trial.number}${trial.default ? " default" : ""}`, numeric: false },
    { label: "Validation\u202f%", value: (trial) => trial.accuracy, cell: (trial) => hundredths(trial.accuracy, 2), numeric: true, first: "descending" },
    { label: "Log loss", value: (trial) => trial.loss, cell: (trial) => figure(trial.loss), numeric: true },
    report.trials.speed && { label: "Images/s", value: (trial) => trial.images_per_second, cell: (trial) => whole(trial.images_per_second), numeric: true, first: "descending" },
    ...report.trials.axes.map((axis, place) => ({ label: axis.key, value: (trial) => trial.places[place], cell: (trial) => named(trial.params[place]), numeric: !axis.values.length })),
    { label: "Epochs", value: (trial) => trial.epochs, cell: (trial) => whole(trial.epochs), numeric: true },
    { label: "Time", value: (trial) => trial.seconds, cell: (trial) => duration(trial.seconds), numeric: true },
    { label: "State", value: (trial) => trial.state, cell: (trial) => [trial.state, trial.reason && html("span", { class: "words", dir: "auto" }, trial.reason)] },
  ].filter(Boolean);
  return fitting("Trials", sortableTable({ caption: "Trials", columns, rows: trials().toSorted((a, b) => b.accuracy - a.accuracy), sorted: 1 }));
}

function start() {
  document.getElementById("scheme").append(schemeSwitch());
  for (const { id, title, lede, there, draw } of SECTIONS) {
    if (!there()) continue;
    const body = html("div", { class: "body" });
    document.getElementById("sections").append(html("section", { id, "aria-labelledby": `${id}-title` }, html("h2", { id: `${id}-title` }, title), html("p", { class: "lede" }, lede), body));
    body.append(...[draw()].flat(Infinity).filter(Boolean));
  }
  fitAll();
  document.documentElement.dataset.drawn = "all";
}

start();
