/** Accuracy under each corruption: one small plot each, all on one scale, and the figures. */
function robustness() {
  const drawn = contenders().map((index) => report.arms[index].name);
  const judged = report.robustness.flatMap(({ rows }) => drawn.flatMap((name) => rows[name] ?? []));
  const values = judged.map(({ mean }) => mean).filter(Number.isFinite);
  const domain = padded(values.length ? values : [0, 1], 0.06, 0, 1);
  const plots = report.robustness.map((each) => html("figure", {}, html("figcaption", {}, named(each.corruption), unitText(each.labels)), responsive((width) => corrupted(each, domain, width), 320).element));
  const tables = report.robustness.map((each) => html("div", {}, html("h3", {}, named(each.corruption)), robustnessTable(each)));
  return [
    html("ul", { class: "key arms-key" }, robustArms().filter((index) => contenders().includes(index)).map((index) => html("li", {}, armName(index)))),
    html("div", { class: "small-multiples" }, plots),
    folded("The figures", tables),
  ];
}

/** What the levels are measured in, where all of them share it: "of the side" of "5 % of the side". */
function sharedUnit(labels) {
  const units = new Set(labels.slice(1).map((label) => label.match(/^\S+ %? ?(.*)$/)?.[1] ?? ""));
  return units.size === 1 ? [...units][0] : "";
}

function unitText(labels) {
  const unit = sharedUnit(labels);
  return unit && html("span", { class: "quiet" }, `, ${unit}`);
}

function robustArms() {
  return range(report.arms.length).filter((index) => report.robustness.some(({ rows }) => rows[report.arms[index].name]));
}

function corrupted({ corruption, labels, rows }, domain, width) {
  const height = 220;
  const most = Math.max(30, (width - 60) / labels.length - 8);
  const unit = sharedUnit(labels);
  const names = labels.map((label) => cutMiddle(unit && label.endsWith(unit) ? label.slice(0, -unit.length).trim() : label, most, 12));
  const box = [40, 14, width - Math.max(14, textWidth(names.at(-1), 12) / 2 + 2), height - 26];
  const step = (box[2] - box[0]) / Math.max(1, labels.length - 1);
  const x = { ticks: range(labels.length), at: (level) => box[0] + step * level };
  const y = linear(domain, [box[3], box[1]], 4);
  const shown = robustArms().filter((index) => rows[report.arms[index].name] && contenders().includes(index));
  const place = (index) => rows[report.arms[index].name].map(({ mean }, level) => [x.at(level), mean === null ? NaN : y.at(mean)]);
  return drawing(
    `Accuracy under ${corruption}`, shown.map((index) => `${report.arms[index].name}: ${rows[report.arms[index].name].map(({ mean }) => percent(mean)).join(", ")}`).join("; "),
    width, height,
    axes({ box, x, y, formatX: (level) => names[level], formatY: shareTicks(y) }),
    shown.map((index) => svg("g", {}, svg("title", {}, report.arms[index].name), path(place(index), `curve ${series(index)}`),
      place(index).filter(([, top]) => Number.isFinite(top)).map(([left, top]) => mark(index, left, top)))),
  );
}

function robustnessTable({ corruption, labels, rows }) {
  const shown = robustArms().filter((index) => rows[report.arms[index].name]);
  const lines = shown.map((index) => [armName(index), ...rows[report.arms[index].name].map(({ mean }) => hundredths(mean))]);
  const caption = `Accuracy in per cent under ${corruption}`;
  return fitting(caption, figuresTable(caption, ["Accuracy\u202f%", ...labels], lines));
}
