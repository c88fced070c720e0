const CRISP_BELOW = 40; // thumbnails up to this side show their pixels as squares
const MOST_FOUND = 24; // pictures of a list
const MANY_CLASSES = 12;
const sheets = new Map();

/** The sheet of a map's thumbnails, decoded once, under a short address. */
function sheetOf(view) {
  if (!sheets.has(view)) sheets.set(view, blobAddress(view.sheet));
  return sheets.get(view);
}

/** A thumbnail of `size` pixels; a button where `choose` says what it does. */
function thumbnail(view, at, size, choose) {
  const { label, id } = aboutPicture(view, at);
  if (at >= view.shown) return choose ? html("button", { type: "button", class: "copy", click: choose }, id) : null;
  const style = {
    "--sheet": `url("${sheetOf(view)}")`, "--size": `${size}px`, "--sheet-width": `${size * view.columns}px`,
    "--left": `${-size * (at % view.columns)}px`, "--top": `${-size * Math.floor(at / view.columns)}px`,
  };
  const name = `${label}, ${id}`;
  const attributes = { class: view.side <= CRISP_BELOW ? "picture crisp" : "picture", title: name, ...style };
  if (!choose) return html("span", { ...attributes, role: "img", "aria-label": name });
  return html("button", { type: "button", ...attributes, "aria-label": name, click: choose });
}

/** The chosen picture: large, with what is known of it, and the pictures that are most alike by their features. */
function detailOf(view, at, choose) {
  if (at < 0) return [html("p", { class: "quiet" }, "Point at a mark, tap it, or choose the map and press an arrow key.")];
  const { label, split, guess, id } = aboutPicture(view, at);
  const near = view.near.slice(at * view.near_each, (at + 1) * view.near_each);
  return [
    html("div", { class: "chosen" },
      thumbnail(view, at, 144),
      html("div", {},
        html("p", {}, named(label, { class: "truth" }), split && html("span", { class: "quiet" }, ` · ${split}`)),
        guess && html("p", { class: guess.startsWith("wrong") ? "failure" : "quiet" }, guess),
        html("p", { class: "quiet" }, `${percent(view.alike[at], 0)} of its nearest have its class`),
        html("p", { class: "quiet id" }, named(id)))),
    near.length > 0 && html("h3", {}, "Most alike by the features"),
    near.length > 0 && html("div", { class: "row" }, near.map((other) => thumbnail(view, other, 52, () => choose(other)))),
  ].filter(Boolean);
}

/** Checkboxes with the marks of groups; `change` is called after every change of the set `on`. */
function legend(label, groups, counts, on, change) {
  const rows = groups.map((group, index) => {
    const box = html("input", { type: "checkbox", checked: on.has(index), change: () => { box.checked ? on.add(index) : on.delete(index); change(); } });
    // A kind that no picture is of, such as "not judged" where all are, needs no line.
    return html("label", { class: "entry", hidden: Boolean(group.look) && !counts[index] }, box, groupSwatch(group, index), named(group.name), html("span", { class: "quiet" }, whole(counts[index])));
  });
  const all = (checked) => {
    rows.forEach((row, index) => {
      if (row.hidden) return;
      row.querySelector("input").checked = checked;
      checked ? on.add(index) : on.delete(index);
    });
    change();
  };
  const filter = groups.length > MANY_CLASSES && html("input", {
    type: "search", placeholder: "find a class", "aria-label": "Find a class",
    input: ({ target }) => rows.forEach((row, index) => (row.hidden = !groups[index].name.toLowerCase().includes(target.value.toLowerCase()))),
  });
  const again = groups.length > HUES * SHAPES.length && !groups[0].look && html("p", { class: "quiet" }, `${HUES * SHAPES.length} marks for ${groups.length} classes: some share one. Show a few to tell them apart.`);
  return html("fieldset", { class: "legend" }, html("legend", {}, label),
    html("div", { class: "all" }, html("button", { type: "button", class: "copy", click: () => all(true) }, "all"), html("button", { type: "button", class: "copy", click: () => all(false) }, "none"), filter),
    again, html("div", { class: "entries" }, rows));
}

/** A list of pictures as buttons. */
function pictureList(view, found, choose) {
  const items = found.slice(0, MOST_FOUND).map((at) => {
    const { label, guess } = aboutPicture(view, at);
    return html("li", {}, thumbnail(view, at, 52, () => choose(at)), html("span", {}, named(label), guess && html("span", { class: "quiet" }, ` ${guess}`), lineOf(view.ids[at], { class: "id quiet" })));
  });
  const more = found.length > MOST_FOUND && html("p", { class: "quiet" }, `and ${whole(found.length - MOST_FOUND)} more`);
  return [html("ul", { class: "found" }, items), more].filter(Boolean);
}
