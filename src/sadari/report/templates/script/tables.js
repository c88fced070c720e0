/**
 * A table that sorts by each column; roles are written out, as rows shown as blocks would lose them. A column: `label`, `value(row)` to sort by (null sorts last), `cell(row)` to show,
 * and if wanted `numeric`, `first` ("descending" where large is good), `hint`, `name` (a class), `below` (under the label).
 * rows that `last(row)` holds for stay at the end. sorted: the column the rows are sorted by already.
 */
function sortableTable({ caption, columns, rows, foot = [], last = () => false, sorted = -1, name = "" }) {
  const body = html("tbody", { role: "rowgroup" });
  const lines = rows.map((row) => ({ row, element: tableRow(columns, row) }));
  const state = { column: sorted, direction: sorted < 0 ? "" : columns[sorted].first ?? "ascending" };
  const heads = columns.map((column, index) => columnHead(column, () => sort(index)));

  function sort(index) {
    const usual = columns[index].first ?? "ascending";
    const other = usual === "ascending" ? "descending" : "ascending";
    state.direction = state.column === index && state.direction === usual ? other : usual;
    state.column = index;
    show();
  }

  function show() {
    const ordered = state.column < 0 ? lines : lines.toSorted(comparing(columns[state.column].value, state.direction, last));
    body.replaceChildren(...ordered.map((each) => each.element));
    heads.forEach((head, index) => head.setAttribute("aria-sort", index === state.column ? state.direction : "none"));
  }

  show();
  const end = foot.length ? html("tfoot", { role: "rowgroup" }, foot.map((row) => tableRow(columns, row))) : null;
  return html(
    "table",
    { class: name, role: "table" },
    html("caption", { class: "unseen" }, caption),
    html("thead", { role: "rowgroup" }, html("tr", { role: "row" }, heads)),
    body,
    end,
  );
}

function comparing(value, direction, last) {
  const sign = direction === "descending" ? -1 : 1;
  return (a, b) => {
    const [one, other] = [value(a.row), value(b.row)];
    const behind = last(a.row) - last(b.row) || (one === null) - (other === null);
    if (behind || one === null) return behind;
    return sign * (typeof one === "string" ? one.localeCompare(other) : one - other);
  };
}

function columnHead({ label, numeric, hint, name, below }, sort) {
  const button = html("button", { type: "button", class: "sort", title: hint, click: sort }, label);
  return html("th", { scope: "col", role: "columnheader", class: [numeric && "number", name].filter(Boolean).join(" ") }, button, below);
}

function tableRow(columns, row) {
  const cells = columns.map(({ cell, label, numeric, name }, index) => {
    const classes = [numeric && "number", name].filter(Boolean).join(" ");
    if (!index) return html("th", { scope: "row", role: "rowheader", class: classes }, cell(row));
    return html("td", { role: "cell", class: classes, "data-label": label }, cell(row));
  });
  return html("tr", { role: "row" }, cells);
}

/** A plain table: `heads` are texts, `rows` lists of nodes, the first of each its name; `numeric`: columns of numbers. */
function figuresTable(caption, heads, rows, numeric = range(heads.length).slice(1)) {
  const columns = heads.map((label, index) => ({ label, numeric: numeric.includes(index), cell: (row) => row[index] }));
  return html(
    "table",
    { role: "table" },
    html("caption", { class: "unseen" }, caption),
    html("thead", { role: "rowgroup" }, html("tr", { role: "row" }, columns.map((column) => html("th", { scope: "col", role: "columnheader", class: column.numeric ? "number" : "" }, named(column.label))))),
    html("tbody", { role: "rowgroup" }, rows.map((row) => tableRow(columns, row))),
  );
}

/** Names and what they are, side by side. */
function pairsList(entries, name = "") {
  return html("dl", { class: `pairs ${name}` }, Object.entries(entries).map(([name, value]) => html("div", {}, html("dt", {}, named(name)), html("dd", {}, named(value)))));
}
