import { at, html, named, percent } from "./dom.js";
import { textWidth } from "./names.js";

const ALL_UP_TO = 12; // so many classes keep their places; of more, the LISTED most probable ones are shown
const LISTED = 8;
const NONE = "none of these";
const SETTLED_MS = 120; // before the answer is written out: while somebody draws, it changes many times a second

let rows = new Map();
let classes = [];
let announcing = 0;

/** The number of classes to request from the server. */
export const wanted = () => (classes.length <= ALL_UP_TO ? classes.length : LISTED);

/** Show empty bars, so that nothing moves when the first answer arrives. */
export function prepare(names) {
  classes = names;
  const longest = Math.max(...names.map((name) => textWidth(name, at("bars"))));
  at("bars").style.setProperty("--names", `${Math.ceil(1.1 * longest)}px`); // the best one is bold; what is longer wraps
  clear();
}

/** Show that there is no answer. */
export function clear() {
  clearTimeout(announcing);
  list(classes.slice(0, wanted()).map((label) => ({ label, probability: 0 })));
  at("bars").classList.add("idle");
  at("verdict").replaceChildren();
}

/** Say that the answer is being waited for. */
export function think() {
  at("verdict").replaceChildren(html("span", { class: "sure" }, "thinking\u2026"));
}

/** Show an answer of the server. truth: the true class, where it is known. */
export function show(answer, truth) {
  at("bars").classList.remove("idle");
  const order = new Map(classes.map((label, index) => [label, index]));
  const all = classes.length <= ALL_UP_TO;
  list(all ? [...answer.top].sort((a, b) => order.get(a.label) - order.get(b.label)) : answer.top);
  const known = answer.known !== false;
  for (const [label, row] of rows) row.element.classList.toggle("best", known && label === answer.label);
  const probability = html("span", { class: "sure" }, `${percent(answer.probability)} probability`);
  const nearest = html("span", { class: "sure" }, "nearest: ", named(answer.label));
  const parts = known ? [named(answer.label, { class: "label" }), probability] : [html("span", { class: "label none" }, NONE), nearest];
  if (truth !== undefined) parts.push(correctness(known && answer.label === truth, truth));
  clearTimeout(announcing);
  const verdict = at("verdict");
  if (!verdict.querySelector(".label")) verdict.replaceChildren(...parts);
  else announcing = setTimeout(() => verdict.replaceChildren(...parts), SETTLED_MS);
}

function correctness(correct, truth) {
  const text = correct ? " · correct" : html("span", {}, " · wrong: it is ", named(truth));
  return html("span", { class: correct ? "right" : "wrong" }, text);
}

function list(probabilities) {
  const next = new Map();
  for (const { label, probability } of probabilities) {
    const row = rows.get(label) ?? makeRow(label);
    row.element.style.setProperty("--share", probability.toFixed(4));
    row.figure.textContent = probability ? percent(probability) : "";
    row.element.classList.remove("best");
    next.set(label, row);
  }
  const wantedRows = [...next.values()].map((row) => row.element);
  const shownRows = [...at("bars").children];
  if (wantedRows.length !== shownRows.length || wantedRows.some((element, index) => element !== shownRows[index])) {
    at("bars").replaceChildren(...wantedRows);
  }
  rows = next;
}

function makeRow(label) {
  const figure = html("span", { class: "figure" });
  return { element: html("li", {}, named(label, { title: label }), html("span", { class: "track" }), figure), figure };
}
