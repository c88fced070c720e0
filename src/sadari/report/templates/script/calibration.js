/** The reliability diagram of the chosen arm, and the calibration of all arms. */
function calibration() {
  const show = (arm, index) => {
    if (!arm.calibration.length) return html("p", { class: "quiet" }, named(arm.name), " gives no probabilities to check.");
    const plot = responsive((width) => reliability(arm, index, Math.min(width, 460)), 440);
    const caption = html("p", { class: "caption" }, named(arm.name), `: calibration error ${percent(arm.calibration_error)}.`);
    const about = arm.about_calibration.map((sentence) => html("p", { class: "caption", dir: "auto" }, sentence));
    const hollow = arm.uncalibrated.length ? html("p", { class: "caption" }, "Hollow circles: without the temperature.") : "";
    return [caption, arm.caution && html("p", { class: "notice", dir: "auto" }, arm.caution), plot.element, hollow, ...about];
  };
  return [
    armChooser("Arm whose calibration is shown"),
    html("div", { class: "beside even" }, follow(show), fitting("Calibration of all arms", calibrationTable())),
  ];
}

function calibrationTable() {
  const rows = finished().filter((index) => report.arms[index].calibration_error !== null);
  const columns = [
    { label: "Arm", value: (index) => report.arms[index].name, cell: armName, name: "name" },
    {
      label: "Calibration error\u202f%", numeric: true, value: (index) => report.arms[index].calibration_error,
      cell: (index) => hundredths(report.arms[index].calibration_error, 1),
    },
    { label: "Mean confidence\u202f%", numeric: true, first: "descending", value: meanConfidence, cell: (index) => hundredths(meanConfidence(index), 1) },
    {
      label: "Accuracy\u202f%", numeric: true, first: "descending", value: (index) => report.arms[index].accuracy.mean,
      cell: (index) => hundredths(report.arms[index].accuracy.mean, 1),
    },
  ];
  return sortableTable({ caption: "Calibration of all arms", columns, rows });
}

function meanConfidence(index) {
  const bins = report.arms[index].calibration;
  const total = bins.reduce((sum, bin) => sum + bin.images, 0);
  return total ? bins.reduce((sum, bin) => sum + bin.images * bin.confidence, 0) / total : null;
}

function reliability(arm, index, width) {
  const height = width * 0.92;
  const box = [46, 26, width - 12, height - 100];
  const x = linear([0, 1], [box[0], box[2]]);
  const y = linear([0, 1], [box[3], box[1]]);
  const bins = arm.calibration.filter((bin) => bin.images > 0);
  const most = Math.max(...bins.map((bin) => bin.images));
  const below = linear([0, most], [height - 44, height - 88]);
  const unlabelled = { ...x, ticks: [] };
  return drawing(
    `Reliability diagram of ${arm.name}`, bins.map(binText).join("; "), width, height,
    axes({ box, x: unlabelled, y, formatX: shareTicks(x), formatY: shareTicks(y), labelY: "accuracy % of the images in the bin" }),
    line(x.at(0), y.at(0), x.at(1), y.at(1), "ideal"),
    bins.map((bin) =>
      svg("g", { class: series(index) }, svg("title", {}, binText(bin)),
        bar(x, bin, y.at(bin.accuracy), y.at(0), "bin"),
        line(x.at(bin.confidence), y.at(bin.confidence), x.at(bin.confidence), y.at(bin.accuracy), "miscalibrated"),
        svg("circle", { cx: x.at(bin.confidence), cy: y.at(bin.accuracy), r: 3.5, class: "mark" }),
        bar(x, bin, below.at(bin.images), below.at(0), "bin count"))),
    arm.uncalibrated.filter((bin) => bin.images > 0).map((bin) =>
      svg("circle", { cx: x.at(bin.confidence), cy: y.at(bin.accuracy), r: 3.5, class: "before" },
        svg("title", {}, `without the temperature, ${binText(bin)}`))),
    axes({ box: [box[0], box[1], box[2], height - 44], x, y: { ...y, ticks: [] }, formatX: shareTicks(x), labelX: "confidence %, with the images in each bin" }),
  );
}

function bar(x, { low, high }, top, bottom, name) {
  const left = x.at(low) + 1;
  return svg("rect", { x: left, y: top, width: Math.max(0.5, x.at(Math.min(1, high)) - 1 - left), height: Math.max(0, bottom - top), class: name });
}

function binText(bin) {
  return `${images(bin.images)} images at ${percent(bin.confidence)}: ${percent(bin.accuracy)} right`;
}
