const MOMENTS = [0.001, 0.01, 0.1, 0.3, 1, 3, 10, 30, 60, 180, 600, 1800, 3600, 10800, 36000, 108000, 360000];
const COSTS = {
  seconds: { name: "training time", label: "training time of one seed", of: (arm) => arm.seconds, format: duration, cheap: -1, ticks: MOMENTS },
  params: { name: "parameters", label: "parameters", of: (arm) => arm.params, format: brief, cheap: -1 },
  rate: { name: "speed", label: "images per second at inference", of: (arm) => arm.images_per_second, format: brief, cheap: 1 },
};

const NAME_SHARE = 0.45; // of the width of the plot, for a name in it

/** Accuracy against cost: one mark per arm, its interval, and the line that no arm beats in both. */
function costPlot() {
  const kinds = Object.keys(COSTS).filter((kind) => costPlaces(kind).length > 0);
  if (!kinds.length) return null;
  let kind = kinds[0];
  const plot = responsive((width) => costDrawing(kind, width));
  const change = (chosen) => {
    kind = chosen;
    plot.redraw();
  };
  return [
    html("div", { class: "plot-head" }, html("h2", { class: "small" }, "Accuracy against cost"),
      choice("Cost", kinds.map((each) => [each, COSTS[each].name]), kind, change).element),
    plot.element,
  ];
}

function costPlaces(kind) {
  return finished()
    .map((index) => ({ index, cost: COSTS[kind].of(report.arms[index]), accuracy: report.arms[index].accuracy, below: !contenders().includes(index) }))
    .filter(({ cost }) => cost > 0);
}

function costDrawing(kind, width) {
  const height = 300;
  const box = [46, 26, width - 12, height - 44];
  const places = costPlaces(kind);
  const x = logarithmic(paddedLog(places.map(({ cost }) => cost), 1.6), [box[0], box[2]]);
  x.ticks = COSTS[kind].ticks?.filter((value) => value >= x.low && value <= x.high) ?? x.ticks;
  const inside = places.filter(({ below }) => !below);
  const y = linear(padded((inside.length ? inside : places).flatMap(({ accuracy }) => [accuracy.low, accuracy.high]), 0.08, 0, 1), [box[3], box[1]]);
  const top = (share) => Math.min(box[3], y.at(share));
  const at = places.map((place) => ({ ...place, x: x.at(place.cost), y: top(place.accuracy.mean), low: top(place.accuracy.low), high: top(place.accuracy.high) }));
  const steps = frontier(at.filter(({ below }) => !below), COSTS[kind].cheap);
  const descriptions = places.map(({ index, cost, accuracy }) => `${report.arms[index].name}: ${percent(accuracy.mean)} for ${COSTS[kind].format(cost)}`);
  return drawing(
    `Accuracy against ${COSTS[kind].label}`, descriptions.join("; "), width, height,
    axes({ box, x, y, formatX: COSTS[kind].format, formatY: shareTicks(y), labelX: COSTS[kind].label, labelY: "accuracy %" }),
    path(steps, "frontier"),
    at.map((place, order) => svg("g", {}, svg("title", {}, descriptions[order]), costMark(place))),
    labelled(at, box, steps),
  );
}

/** An arm with its interval; one far below the axes is an arrow at their edge. */
function costMark({ x: left, y: top, low, high, index, below }) {
  if (below) return svg("path", { d: "M-5 -4H5L0 5Z", class: `mark ${series(index)} edge`, transform: `translate(${left} ${top - 5})` });
  return [whisker(left, low, high, series(index)), mark(index, left, top)];
}

/** Steps through the arms that no other beats in accuracy and in cost. */
function frontier(places, cheap) {
  const byCost = places.toSorted((a, b) => cheap * (b.x - a.x) || b.accuracy.mean - a.accuracy.mean);
  const best = byCost.filter((place, order) => byCost.slice(0, order).every((each) => each.accuracy.mean < place.accuracy.mean));
  return best.flatMap((place, order) => (order ? [[place.x, best[order - 1].y], [place.x, place.y]] : [[place.x, place.y]]));
}

/** Names beside their marks, each at the first of ten places where it hides nothing. */
function labelled(places, [left, top, right, bottom], steps) {
  const segments = steps.slice(1).map(([x, y], order) => boxAround([x, y], steps[order]));
  const marks = places.map(({ x, y, low, high }) => [x - 7, Math.min(high, y - 7), x + 7, Math.max(low, y + 7)]);
  const taken = [...marks, ...segments];
  return places.map(({ x, y, index, below, accuracy }) => {
    const figure = below ? ` ${hundredths(accuracy.mean)}` : "";
    const name = cutMiddle(report.arms[index].name, (right - left) * NAME_SHARE) + figure;
    const width = textWidth(name);
    const spots = [[10, 4], [-10 - width, 4], [-width / 2, -12], [-width / 2, 22], [10, -8], [10, 17], [-10 - width, -8], [-10 - width, 17], [-8, -14], [8 - width, -14]];
    const boxes = spots.map(([dx, dy]) => [x + dx, y + dy - 11, x + dx + width, y + dy + 3]);
    const inside = ([x1, y1, x2, y2]) => x1 >= left && x2 <= right && y1 >= top - 14 && y2 <= bottom;
    const free = (box) => inside(box) && !taken.some((other) => overlap(box, other));
    const spot = boxes.findIndex(free);
    if (spot < 0) return null;
    taken.push(boxes[spot]);
    return text(boxes[spot][0], boxes[spot][1] + 11, name, `point-name ${series(index)}`);
  });
}

function boxAround([a, b], [c, d]) {
  return [Math.min(a, c), Math.min(b, d) - 1, Math.max(a, c) + 1, Math.max(b, d) + 1];
}

function overlap([a, b, c, d], [e, f, g, h]) {
  return a < g && e < c && b < h && f < d;
}
