/** The dots of all trials in their order, the best so far as steps, and the default's accuracy as a line. */
function historyDrawing(width) {
  const height = 320;
  const box = [46, 26, width - 12, height - 44];
  const seen = trials().filter(({ accuracy }) => accuracy !== null);
  const x = linear([0, Math.max(1, trials().length - 1)], [box[0] + 6, box[2] - 6], Math.min(8, trials().length));
  x.ticks = x.ticks.filter(Number.isInteger);
  const y = linear(padded(shownAccuracies(seen), 0.08, 0, 1), [box[3], box[1]]);
  const top = (share) => Math.min(box[3], y.at(share));
  const steps = trials().filter(({ best }) => best !== null)
    .flatMap(({ number, best }, order, all) => (order ? [[x.at(number), top(all[order - 1].best)], [x.at(number), top(best)]] : [[x.at(number), top(best)]]));
  const usual = seen.find((each) => each.default && y.at(each.accuracy) <= box[3]);
  return drawing(
    "Accuracy of each trial", `${seen.length} trials; the best has ${percent(Math.max(...seen.map(({ accuracy }) => accuracy)))} on validation images`, width, height,
    axes({ box, x, y, formatX: String, formatY: shareTicks(y), labelX: "trial", labelY: "validation accuracy %" }),
    usual && [line(box[0], top(usual.accuracy), box[2], top(usual.accuracy), "default-line"), text(box[2], top(usual.accuracy) - 6, "default", "end")],
    path(steps, "best-line"),
    seen.map((trial) => trialDot(trial, x.at(trial.number), top(trial.accuracy))),
  );
}

/** The accuracies that the axis must hold: poor trials lie at its lower edge, so that good ones can be told apart. */
function shownAccuracies(seen) {
  const done = seen.filter(({ state }) => state === DONE).map(({ accuracy }) => accuracy).sort((a, b) => a - b);
  return done.length > 3 ? done.slice(Math.floor(done.length / 4)) : seen.map(({ accuracy }) => accuracy);
}

function importanceDrawing(width) {
  const known = report.trials.axes.filter(({ importance }) => importance !== null);
  const height = 34 + 30 * known.length;
  const room = Math.min(width * 0.42, 12 + Math.max(...known.map(({ key }) => textWidth(key, 13))));
  const x = linear([0, 1], [room, width - 44]);
  return drawing(
    "Importance of each setting", known.map(({ key, importance }) => `${key}: ${importance.toFixed(2)}`).join("; "), width, height,
    known.map(({ key, importance }, row) => [
      text(room - 8, 20 + 30 * row, cutMiddle(key, room - 10), "end middle point-name"),
      svg("rect", { x: room, y: 10 + 30 * row, width: Math.max(1, x.at(importance) - room), height: 20, class: "bar" }),
      text(Math.max(room + 1, x.at(importance)) + 6, 20 + 30 * row, importance.toFixed(2), "middle"),
    ]),
  );
}

/** Where a value is on its axis, from 0 at the bottom to 1. */
function share({ low, high, log }, value) {
  if (log) return Math.log(value / low) / Math.log(high / low);
  return high > low ? (value - low) / (high - low) : 0.5;
}

/** Parallel coordinates: a line for each finished trial. most: how many of the best are in colour. */
function parallelDrawing(width, most, choose) {
  const shown = report.trials.axes.slice(0, width < 560 ? 4 : 8);
  const height = 380;
  const [left, top, right, bottom] = [24, 54, width - 64, height - 22];
  const x = (index) => (shown.length > 1 ? left + (index / (shown.length - 1)) * (right - left) : (left + right) / 2);
  const ranked = done().toSorted((a, b) => a.accuracy - b.accuracy || b.loss - a.loss);
  const lines = ranked.map((trial, order) => {
    const faded = order < ranked.length - most;
    const places = shown.map((axis, index) => [x(index), bottom - share(axis, trial.places[index]) * (bottom - top)]);
    const name = `trial-line${faded ? " is-faded" : ""}${trial.number === chosenTrial ? " is-chosen" : ""}`;
    return svg("g", { click: () => choose(trial.number), mouseenter: () => choose(trial.number) }, svg("title", {}, trialText(trial)), path(places, name, { "--share": order / Math.max(1, ranked.length - 1) }));
  });
  return drawing(
    "Parallel coordinates of the trials", `The settings of the best ${Math.min(most, ranked.length)} of ${ranked.length} trials; the table below has all of them`, width, height,
    lines,
    shown.map((axis, index) => {
      const room = shown.length > 1 ? (right - left) / (shown.length - 1) - 10 : width;
      return [
        line(x(index), top, x(index), bottom, "base"),
        text(x(index), index % 2 ? 20 : 38, cutMiddle(axis.key, 2 * room), index === 0 ? "label" : index === shown.length - 1 ? "label end" : "label centre", index === 0 ? { x: 0 } : index === shown.length - 1 ? { x: width } : {}),
        axisLabels(axis).map(([label, at]) => text(x(index) + 6, bottom - at * (bottom - top), cutMiddle(label, Math.max(room, 50), 12), "middle")),
      ];
    }),
  );
}

function axisLabels(axis) {
  if (axis.values.length) return axis.values.map((label, place) => [label, share(axis, place)]);
  return [[typed(axis.low), 0], [typed(axis.high), 1]];
}

/** Accuracy against one setting. */
function sliceDrawing(axis, place, width) {
  const height = 230;
  const box = [42, 26, width - 10, height - 44];
  const inner = [box[0] + 10, box[2] - 10];
  const x = axis.values.length
    ? { ...linear([0, Math.max(1, axis.values.length - 1)], inner), ticks: range(axis.values.length) }
    : axis.log ? logarithmic([axis.low, axis.high], inner) : linear([axis.low, axis.high], inner);
  const y = linear(padded(shownAccuracies(done()), 0.08, 0, 1), [box[3], box[1]]);
  const formatX = axis.values.length ? (value) => cutMiddle(axis.values[value], (inner[1] - inner[0]) / axis.values.length, 12) : typed;
  return drawing(
    `Accuracy against ${axis.key}`, done().map((trial) => `${trial.params[place]}: ${percent(trial.accuracy)}`).join("; "), width, height,
    axes({ box, x, y, formatX, formatY: shareTicks(y), labelX: axis.key, labelY: "" }),
    done().map((trial) => trialDot(trial, x.at(trial.places[place]), Math.min(box[3], y.at(trial.accuracy)))),
  );
}

/** Accuracy against speed; those that no other trial beats in both are joined. */
function frontDrawing(width) {
  const height = 320;
  const box = [46, 26, width - 12, height - 44];
  const front = done().filter((trial) => trial.front).toSorted((a, b) => a.images_per_second - b.images_per_second);
  const x = logarithmic(paddedLog(done().map(({ images_per_second: speed }) => speed), 1.15), [box[0], box[2]]);
  const y = linear(padded(shownAccuracies(done()), 0.08, 0, 1), [box[3], box[1]]);
  const at = (trial) => [x.at(trial.images_per_second), Math.min(box[3], y.at(trial.accuracy))];
  return drawing(
    "Accuracy against speed", front.map(trialText).join("; "), width, height,
    axes({ box, x, y, formatX: brief, formatY: shareTicks(y), labelX: "images per second", labelY: "validation accuracy %" }),
    path(front.map(at), "best-line"),
    done().map((trial) => trialDot(trial, ...at(trial), trial.front ? "" : "is-pale")),
  );
}
