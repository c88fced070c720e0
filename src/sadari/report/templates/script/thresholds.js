const BUTTONED_CLASSES = 6; // that stand side by side as buttons; more are a list
const BEND = 8; // places on a straight piece of the ROC curve, which is bent over recall
const Z = 1.959964; // of a 95 % interval

/** The ROC and precision-recall curves of a class, and what each threshold gives on the images that judge. */
function thresholds() {
  const state = { name: null, at: 0.5 };
  return [
    armChooser("Arm whose thresholds are shown"),
    follow((arm, index) => {
      if (!arm.thresholds.length) return html("p", { class: "quiet" }, named(arm.name), " has no curves.");
      return thresholdsOf(arm, index, state);
    }),
    html("p", { class: "caption" },
      "A threshold that is picked here is picked on the images that judge it, and flatters. To choose one on validation images: ",
      html("code", {}, 'sadari evaluate RUN --operating "CLASS:precision>=0.95"'), "."),
  ];
}

function thresholdsOf(arm, index, state) {
  const names = arm.thresholds.map(({ name }) => name);
  const worst = arm.thresholds.toSorted((one, other) => one.average_precision.mean - other.average_precision.mean)[0];
  if (!names.includes(state.name)) state.name = worst.name;
  const reading = html("div", { "aria-live": "polite" });
  const chosen = () => arm.thresholds[names.indexOf(state.name)];
  const place = () => placeOf(chosen(), state.at);
  const plots = [rocDrawing, precisionDrawing].map((draw) => responsive((width) => draw(arm, index, chosen(), place(), width), 420));
  const slider = html("input", {
    type: "range", min: 1, "aria-label": "Threshold",
    input: () => {
      state.at = chosen().thresholds[Number(slider.value)];
      update();
    },
  });
  const update = () => {
    const curve = chosen();
    slider.max = curve.thresholds.length - 1;
    slider.value = place();
    slider.setAttribute("aria-valuetext", thresholdText(curve, place()));
    plots.forEach((plot) => plot.redraw());
    reading.replaceChildren(thresholdReading(arm, curve, place()));
  };
  const options = names.map((name) => [name, names.length <= BUTTONED_CLASSES ? named(name) : name]);
  const pick = (name) => {
    state.name = name;
    update();
  };
  const control = names.length > 1 && (names.length <= BUTTONED_CLASSES ? choice : selection)("Class against the rest", options, state.name, pick).element;
  update();
  return [
    control,
    html("div", { class: "pair-of-plots" }, plots.map((plot) => plot.element)),
    html("label", { class: "slider controls" }, html("span", {}, "strict"), slider, html("span", {}, "lax")),
    reading,
  ];
}

/** The point of a curve whose threshold is nearest to the wanted one. */
function placeOf({ thresholds: all }, wanted) {
  const near = all.map((each) => Math.abs(each - wanted));
  return Math.max(1, near.indexOf(Math.min(...near.slice(1)), 1));
}

function thresholdText(curve, place) {
  return `threshold ${typed(curve.thresholds[place])}: ${thresholdShares(curve, place).map(({ label, right, of }) => `${label} ${of ? percent(right / of) : MISSING}`).join(", ")}`;
}

/** Precision, recall and specificity at a point, with their counts. */
function thresholdShares({ images: count, others, hits, alarms }, place) {
  const [hit, alarm] = [hits[place], alarms[place]];
  return [
    { label: "precision", right: hit, of: hit + alarm, hint: "of the images said to be of the class, those that are" },
    { label: "sensitivity (recall)", right: hit, of: count, hint: "of the images of the class, those that are said to be" },
    { label: "specificity", right: others - alarm, of: others, hint: "of the other images, those that are not said to be" },
  ];
}

/** Wilson's interval of a share. */
function wilson(right, of) {
  const share = right / of;
  const score = (Z * Z) / of;
  const middle = (share + score / 2) / (1 + score);
  const half = Math.sqrt(score * (share * (1 - share) + score / 4)) / (1 + score);
  return [Math.max(0, middle - half), Math.min(1, middle + half)];
}

function thresholdReading(arm, curve, place) {
  const grouped = report.facts.groups > 0;
  const rows = thresholdShares(curve, place).map(({ label, right, of, hint }) => [
    html("span", { title: hint }, label), of ? hundredths(right / of) : MISSING,
    of && !grouped ? wilson(right, of).map((share) => hundredths(share)).join(" – ") : MISSING, `${whole(right)} of ${whole(of)}`,
  ]);
  const [hit, alarm] = [curve.hits[place], curve.alarms[place]];
  const counts = [
    [["is ", named(curve.name)], whole(hit), whole(curve.images - hit)],
    ["is another", whole(alarm), whole(curve.others - alarm)],
  ];
  const title = `Figures of ${curve.name} at the threshold`;
  return html("div", {},
    html("p", { class: "caption" }, named(arm.name), arm.networks > 1 && `, the first of its ${arm.networks} ${arm.networks_are}`, ": ",
      named(curve.name), " where its probability is at least ", html("strong", {}, typed(curve.thresholds[place])),
      `. AUC ${areaText(curve.auc)}, average precision ${areaText(curve.average_precision)}.`,
      !curve.whole && ` ${whole(curve.hits.length)} points of the curve are shown.`),
    html("div", { class: "beside even" },
      fitting(title, figuresTable(title, ["Figure", "%", "95\u202f% interval", "Images"], rows)),
      fitting(`Counts of ${curve.name}`, figuresTable(`Counts of ${curve.name}`, ["Truth", ["said to be ", named(curve.name)], "said not to be"], counts))),
    html("p", { class: "caption" }, grouped
      ? "The images come in groups, which these counts do not know: sadari evaluate has intervals that count groups."
      : "The intervals are about other images at this very threshold, by this network."));
}

function areaText({ mean, low, high }) {
  return `${mean.toFixed(3)} (${low.toFixed(3)} – ${high.toFixed(3)})`;
}

function squareBox(width) {
  const height = Math.min(width, 460) * 0.86;
  return [height, [46, 26, Math.min(width, 460) - 12, height - 48]];
}

function rocDrawing(arm, index, curve, place, width) {
  const x = (at) => curve.alarms[at] / curve.others;
  const y = (at) => curve.hits[at] / curve.images;
  const all = range(curve.hits.length).map((at) => [x(at), y(at)]);
  return curveDrawn(`ROC curve of ${curve.name}, ${arm.name}`, index, all, [x(place), y(place)], [[0, 0], [1, 1]], width, "1 − specificity %", "sensitivity %");
}

function precisionDrawing(arm, index, curve, place, width) {
  const at = (hit, alarm) => [hit / curve.images, hit / (hit + alarm)];
  const all = range(curve.hits.length - 1).flatMap((start) =>
    range(BEND + 1).map((step) => {
      const between = (counts) => counts[start] + ((counts[start + 1] - counts[start]) * step) / BEND;
      return [between(curve.hits), between(curve.alarms)];
    }).filter(([hit, alarm]) => hit + alarm > 0).map(([hit, alarm]) => at(hit, alarm)));
  const chance = curve.images / (curve.images + curve.others);
  return curveDrawn(`Precision and recall of ${curve.name}, ${arm.name}`, index, all, at(curve.hits[place], curve.alarms[place]), [[0, chance], [1, chance]], width, "recall %", "precision %");
}

function curveDrawn(title, index, all, here, chance, width, labelX, labelY) {
  const [height, box] = squareBox(width);
  const x = linear([0, 1], [box[0], box[2]]);
  const y = linear([0, 1], [box[3], box[1]]);
  const to = ([across, up]) => [x.at(across), y.at(up)];
  return drawing(
    title, `${labelX} ${hundredths(here[0])}, ${labelY} ${hundredths(here[1])} at the threshold`, Math.min(width, 460), height,
    axes({ box, x, y, formatX: shareTicks(x), formatY: shareTicks(y), labelX, labelY }),
    line(...to(chance[0]), ...to(chance[1]), "ideal"),
    path(all.map(to), `curve ${series(index)}`),
    mark(index, ...to(here)),
  );
}
