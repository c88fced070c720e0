const LISTED = 12; // confusions beside the matrix
const MOST_LISTED = 60;

/** The confusion matrix of the chosen arm; beside it its commonest confusions, and the pictures of the chosen cell. */
function confusionSection() {
  const state = { asShares: false, redraw: () => {} };
  const units = choice("Figures", [["counts", "counts"], ["shares", "shares of the row"]], "counts", (unit) => {
    state.asShares = unit === "shares";
    state.redraw();
  });
  const place = follow((arm, index) => {
    units.element.hidden = !arm.confusion.length;
    return arm.confusion.length ? confusionOf(arm, index, state, units.element) : commonCells(arm, index);
  });
  return [html("div", { class: "bar" }, armChooser("Arm whose confusion matrix is shown"), units.element), place];
}

function confusionOf(arm, index, state, units) {
  const cell = { place: startingCell(arm.confusion) };
  const panel = html("div", { class: "cell-pictures", "aria-live": "polite" });
  const list = confusionList(confusionsOf(arm), (row, column) => made.select([row, column]));
  const grid = html("div", { class: "grid" });
  const element = html("div", { class: "confusion", "data-arm": index }, grid, html("div", {}, list.element, panel));
  let made = null;
  let width = 0;
  const fit = () => {
    if (!width) return;
    const figures = made.layOut(width);
    units.hidden = !figures; // a choice of figures is no choice where none are shown
    list.element.hidden = figures;
  };
  state.redraw = () => {
    made = confusionGrid(arm, state.asShares, cell.place, (row, column) => {
      cell.place = [row, column];
      list.mark(row, column);
      panel.replaceChildren(...cellPictures(arm, row, column));
    });
    grid.replaceChildren(...made.elements);
    made.select(cell.place);
    fit();
  };
  new ResizeObserver(([{ target: box }]) => {
    const room = roomOf(box);
    if (!room || room === width) return;
    width = room;
    requestAnimationFrame(fit);
  }).observe(element);
  state.redraw();
  return element;
}

/** The width for the matrix: all of it where the pictures are below, otherwise what their column leaves. */
function roomOf(element) {
  const { gridTemplateColumns: columns, columnGap: gap, fontSize: size } = getComputedStyle(element);
  return element.clientWidth - (columns.split(" ").length > 1 ? 20 * parseFloat(size) + parseFloat(gap) : 0);
}

function confusionGrid(arm, asShares, start, choose) {
  const counts = arm.confusion;
  const shares = counts.map(rowShares);
  const reading = html("p", { class: "reading" });
  const look = (row, column) => reading.replaceChildren(...cellText(row, column, counts[row][column], shares[row][column]));
  const { element, select, layOut } = matrixGrid({ label: `Confusion matrix of ${arm.name}, rows are the truth`, counts, shares, asShares, start, choose, look });
  look(...start);
  const caption = html("p", { class: "caption" }, named(arm.name), `: rows are the truth, columns the predictions; ${meanText(arm)}.`);
  return { elements: [caption, element, reading], select, layOut };
}

/** The mistakes of a matrix as [truth, predicted, images, share of the class], the commonest first. */
function confusionsOf({ confusion: counts }) {
  const found = counts.flatMap((row, truth) => {
    const shares = rowShares(row);
    return row.map((count, predicted) => [truth, predicted, count, shares[predicted]]).filter(([, predicted, count]) => predicted !== truth && count > 0);
  });
  return found.toSorted((one, other) => other[2] - one[2] || other[3] - one[3]).slice(0, MOST_LISTED);
}

/** Confusions to choose from; those beyond the first are folded. `mark(truth, predicted)` shows which one is chosen. */
function confusionList(confusions, choose) {
  const buttons = confusions.map(([truth, predicted, count, share]) =>
    html("button", { type: "button", "aria-pressed": "false", click: () => choose(truth, predicted) },
      html("span", {}, named(className(truth)), html("span", { class: "quiet" }, " → "), named(className(predicted))),
      html("span", { class: "quiet figures" }, images(count), share !== undefined && ` · ${percent(share, 0)}`)));
  const items = (some) => html("ol", { class: "confusions" }, some.map((button) => html("li", {}, button)));
  const more = buttons.slice(LISTED);
  const element = html("div", { class: "listed" }, html("h3", {}, "Commonest confusions"),
    buttons.length ? items(buttons.slice(0, LISTED)) : html("p", { class: "quiet" }, "None."),
    more.length > 0 && folded(`${counted(more.length, "more confusion")}`, items(more)));
  const mark = (row, column) => confusions.forEach(([truth, predicted], place) => buttons[place].setAttribute("aria-pressed", truth === row && predicted === column));
  return { element, mark };
}

function meanText(arm) {
  return arm.networks > 1 ? `images, mean of ${arm.networks} ${arm.networks_are}` : arm.seeds.length > 1 ? "images" : "images, one seed";
}

function rowShares(row) {
  const total = row.reduce((sum, count) => sum + count, 0);
  return row.map((count) => (total ? count / total : 0));
}

/** With too many classes for a matrix: the cells that hold the most images, the largest first. */
function commonCells(arm, index) {
  const names = Object.keys(arm.cells).map((name) => name.split(",").map(Number));
  const size = ([row, column]) => arm.cells[`${row},${column}`]?.images ?? 0;
  const wrong = names.filter(([row, column]) => row !== column).toSorted((a, b) => size(b) - size(a)).slice(0, MOST_LISTED);
  if (!wrong.length) return html("p", { class: "quiet" }, named(arm.name), " confuses nothing.");
  const panel = html("div", { class: "cell-pictures", "aria-live": "polite" });
  const show = (row, column) => {
    list.mark(row, column);
    panel.replaceChildren(...cellPictures(arm, row, column));
  };
  const list = confusionList(wrong.map((place) => [...place, size(place)]), show);
  show(...wrong[0]);
  return [html("p", { class: "caption" }, named(arm.name), ": too many classes for a matrix."), html("div", { class: "confusion", "data-arm": index }, list.element, panel)];
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
  const description = `${some}${arm.networks > 1 ? " that at least one network puts here" : ""}, with the probability of the prediction.`;
  return [heading, html("p", { class: "quiet" }, description), gallery(shown, inSeeds(arm))];
}
