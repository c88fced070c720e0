/** The confusion matrix of the chosen arm, and beside it the pictures of the chosen cell. */
function confusionSection() {
  let asShares = false;
  let redraw = () => {};
  const units = choice("Figures", [["counts", "counts"], ["shares", "shares of the row"]], "counts", (unit) => {
    asShares = unit === "shares";
    redraw();
  });
  const place = follow((arm, index) => {
    if (!arm.confusion.length) return commonCells(arm);
    let cell = startingCell(arm.confusion);
    const grid = html("div", { class: "grid" });
    const panel = html("div", { class: "cell-pictures", "aria-live": "polite" });
    redraw = () => {
      const made = confusionGrid(arm, asShares, cell, (row, column) => {
        cell = [row, column];
        panel.replaceChildren(...cellPictures(arm, row, column));
      });
      grid.replaceChildren(...made.elements);
      made.pick();
    };
    redraw();
    return html("div", { class: "confusion", "data-arm": index }, grid, panel);
  });
  return [html("div", { class: "bar" }, armChooser("Arm whose confusion matrix is shown"), units.element), place];
}

function confusionGrid(arm, asShares, start, choose) {
  const counts = arm.confusion;
  const shares = counts.map(rowShares);
  const reading = html("p", { class: "reading" });
  const look = (row, column) => reading.replaceChildren(...cellText(row, column, counts[row][column], shares[row][column]));
  const grid = matrixGrid({ label: `Confusion matrix of ${arm.name}, rows are the truth`, counts, shares, asShares, start, choose, look });
  look(...start);
  const caption = html("p", { class: "caption" }, named(arm.name), `: rows are the truth, columns the predictions; ${meanText(arm)}.`);
  return { elements: [caption, html("div", { class: "scroll matrix-scroll" }, grid.element), reading], pick: grid.pick };
}

function meanText(arm) {
  return arm.seeds.length > 1 ? `images, mean of ${arm.seeds.length} seeds` : "images, one seed";
}

function rowShares(row) {
  const total = row.reduce((sum, count) => sum + count, 0);
  return row.map((count) => (total ? count / total : 0));
}

/** With too many classes for a matrix: the cells that hold the most images, the largest first. */
function commonCells(arm) {
  const names = Object.keys(arm.cells).map((name) => name.split(",").map(Number));
  const size = ([row, column]) => arm.cells[`${row},${column}`]?.images ?? 0;
  const wrong = names.filter(([row, column]) => row !== column).toSorted((a, b) => size(b) - size(a)).slice(0, 60);
  if (!wrong.length) return html("p", { class: "quiet" }, named(arm.name), " confuses nothing.");
  const panel = html("div", { class: "cell-pictures", "aria-live": "polite" });
  const show = (place) => panel.replaceChildren(...cellPictures(arm, ...wrong[place]));
  const labels = wrong.map(([row, column]) => html("span", {}, named(className(row)), " → ", named(className(column)), html("span", { class: "quiet" }, ` ${whole(size([row, column]))}`)));
  show(0);
  const list = choice("Confusions, the commonest first", labels.map((each, place) => [place, each]), 0, show);
  return [html("p", { class: "caption" }, named(arm.name), ": too many classes for a matrix; these are the commonest confusions."), list.element, panel];
}

/** The commonest mistake, so that the pictures beside the matrix are worth a look at once. */
function startingCell(counts) {
  let best = [0, Math.min(1, counts.length - 1)];
  counts.forEach((row, truth) =>
    row.forEach((count, predicted) => {
      if (truth !== predicted && count > counts[best[0]][best[1]]) best = [truth, predicted];
    }));
  return best;
}

function cellText(row, column, count, share) {
  const verb = row === column ? " recognised as " : " taken for ";
  return [named(className(row), { class: "truth" }), verb, named(className(column), { class: "guess" }),
    `: ${images(count)} ${count === 1 ? "image" : "images"}, ${percent(share)} of the row`];
}

function cellPictures(arm, row, column) {
  const name = `${row},${column}`;
  const { shown = [], images: total = 0 } = arm.cells[name] ?? {};
  const count = arm.confusion[row]?.[column] ?? 0;
  const heading = html("h3", {}, named(className(row)), row === column ? " recognised" : [" taken for ", named(className(column))]);
  if (!shown.length) return [heading, html("p", { class: "quiet" }, count > 0 ? "This report holds no pictures of this cell." : "No image fell into this cell.")];
  const all = Math.max(shown.length, total);
  const some = all > shown.length ? `${shown.length} of ${counted(all, "image")}` : counted(all, "image");
  const description = `${some}${arm.seeds.length > 1 ? " that at least one seed puts here" : ""}, with the probability of the prediction.`;
  return [heading, html("p", { class: "quiet" }, description), gallery(shown, inSeeds(arm))];
}
