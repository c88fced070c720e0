import { at, html, named, percent } from "./dom.js";

const ALL_UP_TO = 12; // classes that keep their places; of more, the most probable ones are listed
const LISTED = 8;
const SETTLED_MS = 120; // before the answer is spelt out: a hand that draws changes it many times a second

let rows = new Map();
let classes = [];
let announcing = 0;

/** How many classes must be asked for? */
export const wanted = () => (classes.length <= ALL_UP_TO ? classes.length : LISTED);

/** Empty bars, so that nothing jumps when the first answer comes. */
export function prepare(names) {
  classes = names;
  const longest = Math.min(14, Math.max(...names.map((name) => name.length)));
  at("bars").style.setProperty("--names", `${Math.max(2, longest)}ch`);
  rest();
}

/** There is nothing to answer. */
export function rest() {
  clearTimeout(announcing);
  list(classes.slice(0, wanted()).map((label) => ({ label, probability: 0 })));
  at("bars").classList.add("idle");
  at("verdict").replaceChildren();
}

/** Show an answer of the server. truth: what the image is, where that is known. */
export function show(answer, truth) {
  at("bars").classList.remove("idle");
  const place = new Map(classes.map((label, index) => [label, index]));
  const kept = classes.length <= ALL_UP_TO;
  list(kept ? [...answer.top].sort((a, b) => place.get(a.label) - place.get(b.label)) : answer.top);
  for (const [label, row] of rows) row.element.classList.toggle("best", label === answer.label);
  const words = [named(answer.label, { class: "label" }), html("span", { class: "sure" }, `${percent(answer.probability)} sure`)];
  if (truth !== undefined) words.push(judgement(answer.label === truth, truth));
  clearTimeout(announcing);
  const said = at("verdict");
  if (said.childElementCount === 0) said.replaceChildren(...words);
  else announcing = setTimeout(() => said.replaceChildren(...words), SETTLED_MS);
}

function judgement(right, truth) {
  const words = right ? " · and right" : html("span", {}, " · but it is ", named(truth));
  return html("span", { class: right ? "right" : "wrong" }, words);
}

function list(shares) {
  const next = new Map();
  for (const { label, probability } of shares) {
    const row = rows.get(label) ?? makeRow(label);
    row.element.style.setProperty("--share", probability.toFixed(4));
    row.figure.textContent = probability ? percent(probability) : "";
    row.element.classList.remove("best");
    next.set(label, row);
  }
  const order = [...next.values()].map((row) => row.element);
  const there = [...at("bars").children];
  if (order.length !== there.length || order.some((element, index) => element !== there[index])) {
    at("bars").replaceChildren(...order);
  }
  rows = next;
}

function makeRow(label) {
  const figure = html("span", { class: "figure" });
  return { element: html("li", {}, named(label, { title: label }), html("span", { class: "track" }), figure), figure };
}
