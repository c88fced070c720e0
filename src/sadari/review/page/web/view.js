// How does the state look? Everything on the page is drawn here; names of files and classes are text, never markup.

const TINY = 64; // pixels of a drawing whose pixels are shown as squares

const find = (id) => document.getElementById(id);

function made(tag, text, attributes = {}) {
  const element = document.createElement(tag);
  if (text) element.textContent = text;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

function picture(position, alt, large) {
  const attributes = { src: `picture/${position}${large ? "?large=true" : ""}`, alt, decoding: "async" };
  const image = made("img", "", large ? attributes : { ...attributes, loading: "lazy" });
  if (large) image.addEventListener("load", () => image.classList.toggle("tiny", image.naturalWidth < TINY));
  return image;
}

export function drawOnce(state) {
  document.title = `${state.name} · Sadari`;
  find("title").textContent = state.name;
  find("facts").replaceChildren(...state.facts.map((fact) => made("li", fact, { dir: "auto" })));
  find("file").textContent = `Decisions: ${state.file}`;
  find("label").replaceChildren(...state.classes.map((name) => made("option", name, { value: name })));
  find("unreadable").replaceChildren(...state.unreadable.map((name) => made("li", name, { dir: "auto" })));
}

export function draw(state, choose) {
  drawTabs(state, choose);
  const { item, kind } = state;
  find("unreadable").hidden = kind !== "unreadable";
  find("item").hidden = !item;
  const empty = find("empty");
  empty.hidden = Boolean(item);
  empty.textContent =
    kind === "unreadable"
      ? "These files are no images. Repair or remove them, or leave them out with --set unreadable=skip."
      : "Nothing of this kind is left to decide.";
  if (item) drawItem(state, item);
}

function drawTabs(state, choose) {
  const tabs = find("tabs");
  const focused = tabs.contains(document.activeElement) ? document.activeElement.dataset.kind : null;
  tabs.replaceChildren(
    ...Object.entries(state.kinds).map(([kind, title]) => {
      const count = kind === "unreadable" ? state.unreadable.length : state.left(kind);
      const attributes = { type: "button", role: "tab", "aria-selected": String(kind === state.kind), "data-kind": kind };
      const tab = made("button", `${title} ${count}`, { ...attributes, "aria-controls": "stage" });
      tab.addEventListener("click", () => choose(kind));
      return tab;
    }),
  );
  if (focused) tabs.querySelector(`[data-kind="${focused}"]`)?.focus();
}

function drawItem(state, item) {
  const shown = item.positions.map((position) => ({ position, ...state.pictures[position] }));
  const pair = shown.length > 1;
  find("where").textContent = `${state.place + 1} of ${state.list.length}, ${state.left(item.kind)} left`;
  find("pictures").replaceChildren(...shown.map((each, place) => figure(state, each, pair ? ["left", "right"][place] : "")));
  find("about").textContent = item.about;
  find("judges").hidden = !shown.some((each) => each.split === "test");
  find("keeping").textContent = pair ? "both" : shown[0].label;
  find("label").value = item.suggested || shown[0].label;
  find("relabel").parentElement.hidden = pair;
  find("drop").lastChild.textContent = pair ? "rop the right one" : "rop";
  mark(state, shown, pair);
  drawTypical(state, pair ? [] : [...new Set([shown[0].label, item.suggested].filter(Boolean))]);
}

function mark(state, shown, pair) {
  const decisions = shown.map((each) => state.decided.get(each.file)?.decision);
  for (const name of ["keep", "relabel", "drop"]) {
    const pressed = pair && name === "drop" ? decisions[1] === "drop" : decisions.every((each) => each === name);
    find(name).setAttribute("aria-pressed", String(pressed));
  }
}

function figure(state, { position, file, label, split }, side) {
  const decided = state.decided.get(file);
  const words = { keep: "kept", drop: "dropped", relabel: `relabelled to ${decided?.label}` };
  const caption = made("figcaption", [label, split, file, words[decided?.decision]].filter(Boolean).join(" · "));
  caption.dir = "auto";
  const whole = made("figure");
  whole.append(picture(position, `${side ? `${side}: ` : ""}${file}, labelled ${label}`, true), caption);
  if (side) {
    const button = made("button", side === "left" ? "Drop this (1)" : "Drop this (2)", { type: "button", "data-drop": file });
    whole.append(button);
  }
  return whole;
}

function drawTypical(state, names) {
  find("typical").replaceChildren(
    ...names.map((name) => {
      const section = made("section");
      const row = made("div");
      row.append(...state.typical[name].map((position) => picture(position, `A typical picture of ${name}`, false)));
      section.append(made("h2", `Typical: ${name}`, { dir: "auto" }), row);
      return section;
    }),
  );
}

export function say(text, failed = false) {
  const said = find("said");
  said.textContent = text;
  said.classList.toggle("failed", failed);
}
