/** With more classes the cells are too small for figures, or for names, however wide the window is. */
const FIGURES_UP_TO = 16;
const NAMES_UP_TO = 40;
// Pixels.
const WIDEST_CELL = [67, 18, 640]; // with figures, with names, and all cells together without either
const LEAST_NAMED = 11; // a cell beside which a name can stand
const NAME_SIZE = 12;
const SLANTED_ROOM = 100;
const FULL_HEAT = 0.25; // the share of a class from which a mistake is drawn in the full colour
const MOVES = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

/**
 * The confusion matrix as a grid: rows are the truth, columns the predictions. One cell takes part in the tab order; arrow
 * keys, Home and End move it, Enter, the space bar or a click choose. `choose(row, column)` is called then, `look(row, column)`
 * for every cell passed. `layOut(room)` makes it as wide as it may be and says whether its figures fit into its cells.
 */
function matrixGrid({ label, counts, shares, asShares, start, choose, look }) {
  const size = counts.length;
  const cells = counts.map((row, truth) => row.map((count, predicted) => gridCell(truth, predicted, count, shares[truth][predicted], asShares, size)));
  const [columns, rows] = [range(size).map(columnName), range(size).map(rowName)];
  const table = html(
    "table",
    { class: "matrix", role: "grid", "aria-label": label, "aria-readonly": "true", "--classes": String(size) },
    html("thead", {}, html("tr", { role: "row" }, html("td"), columns)),
    html("tbody", {}, cells.map((row, index) => html("tr", { role: "row" }, rows[index], row))),
  );
  const figures = size <= FIGURES_UP_TO ? Math.max(...cells.flat().map(({ textContent }) => textWidth(textContent, NAME_SIZE))) : Infinity;
  const layOut = (room) => {
    const plan = matrixPlan(room, size, figures);
    table.classList.toggle("wordless", !plan.names);
    table.classList.toggle("figureless", !plan.figures);
    table.style.setProperty("--cell", `${plan.cell}px`);
    table.style.setProperty("--gap", `${plan.gap}px`);
    rows.forEach((head, index) => (head.textContent = cutMiddle(className(index), plan.names, NAME_SIZE)));
    columns.forEach((head, index) => (head.firstChild.textContent = cutMiddle(className(index), SLANTED_ROOM, NAME_SIZE)));
    return plan.figures;
  };
  let current = start;

  function moveTo([row, column], focus = true) {
    cells[current[0]][current[1]].tabIndex = -1;
    current = [row, column];
    const cell = cells[row][column];
    cell.tabIndex = 0;
    if (focus) cell.focus();
    look(row, column);
  }

  function pick([row, column]) {
    table.querySelector("[aria-selected=true]")?.removeAttribute("aria-selected");
    cells[row][column].setAttribute("aria-selected", "true");
    choose(row, column);
  }

  table.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === " ") pick(current);
    else if (MOVES[event.key] || event.key === "Home" || event.key === "End") moveTo(target(event, current, size));
    else return;
    event.preventDefault();
  });
  table.addEventListener("click", ({ target: { dataset } }) => {
    if (dataset.cell === undefined) return;
    moveTo(dataset.cell.split(",").map(Number));
    pick(current);
  });
  table.addEventListener("mouseover", ({ target: { dataset } }) => dataset.cell && look(...dataset.cell.split(",").map(Number)));
  cells[start[0]][start[1]].tabIndex = 0;
  const select = (place) => {
    moveTo(place, false);
    pick(place);
  };
  return { element: table, select, layOut };
}

/** How wide cells and names of a matrix are within `room` pixels; `names` is 0 where there is no room for them. */
function matrixPlan(room, size, figures) {
  const longest = Math.max(...report.facts.classes.map((name) => textWidth(name, NAME_SIZE))) + 1;
  const named = Math.min(longest, Math.max(56, 0.32 * room));
  const [withFigures, withNames, all] = WIDEST_CELL;
  const gap = size <= NAMES_UP_TO ? 1 : 0;
  const cellIn = (left, most) => Math.min(most, (left - gap * (size + 2)) / size);
  const beside = cellIn(room - named - 10, size <= FIGURES_UP_TO ? withFigures : withNames);
  if (size > NAMES_UP_TO || beside < LEAST_NAMED) {
    return { cell: Math.max(2, cellIn(room - 4, Math.max(5, all / size))), gap, names: 0, figures: false };
  }
  return { cell: Math.floor(beside), gap, names: named, figures: beside >= figures + 4 };
}

function target({ key, ctrlKey }, [row, column], size) {
  const inside = (place) => Math.min(size - 1, Math.max(0, place));
  if (key === "Home") return ctrlKey ? [0, 0] : [row, 0];
  if (key === "End") return ctrlKey ? [size - 1, size - 1] : [row, size - 1];
  const [down, right] = MOVES[key];
  return [inside(row + down), inside(column + right)];
}

/** One cell; its heat is its share of the row, for mistakes drawn so that a few in a hundred can be seen. */
function gridCell(truth, predicted, count, share, asShares, size) {
  const heat = truth === predicted ? share : Math.min(1, Math.sqrt(share / FULL_HEAT));
  const figures = size <= FIGURES_UP_TO && count > 0;
  return html(
    "td",
    {
      role: "gridcell", tabindex: -1, "data-cell": `${truth},${predicted}`,
      class: truth === predicted ? "hit" : "miss",
      "--heat": heat > 0 ? heat.toFixed(3) : null,
      "aria-label": `${className(truth)} taken for ${className(predicted)}: ${images(count)}, ${percent(share)}`,
    },
    figures && (asShares ? cellShare(share) : images(count)),
  );
}

function cellShare(share) {
  return share < 0.0995 ? hundredths(share, 1) : hundredths(share, 0);
}

function columnName(index) {
  const name = className(index);
  return html("th", { scope: "col", role: "columnheader", title: name, abbr: name }, html("span", { class: "slanted", dir: "auto" }, name));
}

function rowName(index) {
  const name = className(index);
  return html("th", { scope: "row", role: "rowheader", title: name, dir: "auto" }, name);
}
