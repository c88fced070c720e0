/** A map with everything around it: colours, filters, search, the chosen picture. alone: the page has nothing else. */
function exploreMap(view, alone = false) {
  const kinds = colourings(view);
  const on = new Map(kinds.map((kind) => [kind.id, new Set(range(kind.groups.length))]));
  const splits = new Set(range(view.split_names.length));
  let kind = kinds.find(({ id }) => id === (view.run ? "mistake" : "class"));
  const detail = html("div", { class: "detail" });
  const said = html("p", { class: "unseen", "aria-live": "polite" });
  const tip = html("div", { class: "tip", "aria-hidden": "true", hidden: true });
  const key = html("div", { class: "keys" });
  const map = new MapCanvas(view, {
    meant: (at) => { detail.replaceChildren(...detailOf(view, at, choose)); say(at); over(at); },
    over,
    drawn: () => tip.hidden || over(Number(tip.dataset.at)),
  });
  map.alone = alone;
  const visible = (at) => on.get("class").has(view.labels[at]) && on.get(kind.id).has(kind.of(at)) && splits.has(view.splits[at]);
  const change = () => map.show(kind, visible);

  function choose(at) {
    map.mean(at, true);
  }

  function say(at) {
    if (at < 0) return (said.textContent = "");
    const { label, split, guess, id } = aboutPicture(view, at);
    said.textContent = [label, guess, split, id].filter(Boolean).join(", ");
  }

  /** The small card beside the picture that is pointed at. */
  function over(at) {
    map.element.classList.toggle("pointing", at >= 0);
    tip.hidden = at < 0;
    if (at < 0) return;
    if (tip.dataset.at !== String(at)) {
      const { label, guess, id } = aboutPicture(view, at);
      tip.dataset.at = at;
      tip.replaceChildren(...[thumbnail(view, at, 96), html("p", {}, named(label, { class: "truth" })), guess && html("p", {}, guess), html("p", { class: "quiet" }, named(id))].filter(Boolean));
    }
    const [x, y] = map.placeOf(at);
    const { clientWidth: width, clientHeight: height } = map.element;
    tip.style.left = `${Math.max(0, Math.min(x + 14, width - tip.offsetWidth - 4))}px`;
    tip.style.top = `${y + 14 + tip.offsetHeight > height ? Math.max(0, y - 14 - tip.offsetHeight) : y + 14}px`;
  }

  function colourBy(id) {
    kind = kinds.find((each) => each.id === id);
    const others = kind.id === "class" ? [] : [legend("Colours", kind.groups, kind.counts, on.get(kind.id), change)];
    const [classes] = kinds;
    const plain = kind.id === "class" ? classes.groups : classes.groups.map((each) => ({ ...each, look: "none" }));
    key.replaceChildren(...others, legend("Classes", plain, classes.counts, on.get("class"), change));
    change();
  }

  const button = (label, title, click) => html("button", { type: "button", class: "copy", "aria-label": title, title, click }, label);
  const controls = html("div", { class: "map-controls" },
    choice("Colours", kinds.map(({ id, label }) => [id, label]), kind.id, colourBy).element,
    view.split_names.filter(Boolean).length > 1 && toggles("Splits", view.split_names.map((name) => name || "unused"), splits, (chosen) => { splits.clear(); chosen.forEach((each) => splits.add(each)); change(); }),
    html("div", { class: "zoom" }, button("−", "Make it smaller", () => map.enlarge(1 / 1.6)), button("+", "Enlarge it", () => map.enlarge(1.6)), button("all", "Show the whole map", () => map.whole())));
  colourBy(kind.id);
  detail.replaceChildren(...detailOf(view, -1, choose));
  return [
    controls,
    html("div", { class: "map" },
      html("div", { class: "map-stage" }, map.element, tip, said),
      html("div", { class: "map-aside" }, detail, key, searching(view, map, choose))),
    html("ul", { class: "findings" }, view.sentences.map((each) => html("li", { dir: "auto" }, each))),
  ];
}

/** Finds pictures by their file names; with nothing typed, those that are most worth a look. */
function searching(view, map, choose) {
  const worth = worthALook(view);
  const list = html("div");
  const count = html("p", { class: "quiet", "aria-live": "polite" });
  const find = (text) => {
    const wanted = text.trim().toLowerCase();
    const found = wanted ? range(view.ids.length).filter((at) => view.ids[at].toLowerCase().includes(wanted)) : worth;
    map.found = new Set(wanted ? found : []);
    map.later();
    count.textContent = wanted ? `${counted(found.length, "picture")} found` : view.run ? "Wrong, the most confident first:" : worth.length ? "Unlike their class, the most unlike first:" : "";
    list.replaceChildren(...pictureList(view, found, choose));
  };
  const input = html("input", { type: "search", placeholder: "search by file name", "aria-label": "Search by file name", input: ({ target }) => find(target.value) });
  find("");
  return html("div", { class: "search" }, input, count, list);
}
