// What happens when a person acts: keys and buttons become decisions, which the server writes before the page goes on.

import { State } from "./state.js";
import { draw, drawOnce, say } from "./view.js";

const find = (id) => document.getElementById(id);
const KEYS = { k: "keep", r: "relabel", d: "drop", s: "skip", u: "undo", ArrowLeft: "before", ArrowRight: "next" };
let state;
let busy = Promise.resolve();

function choose(kind) {
  state.kind = kind;
  draw(state, choose);
}

// Send one decision; throws with the server's sentence where it was not written.
async function send(file, decision, label = "") {
  const body = JSON.stringify({ file, decision, label });
  const answer = await fetch("decide", { method: "POST", headers: { "Content-Type": "application/json" }, body });
  const written = await answer.json();
  if (!answer.ok) throw new Error(written.detail);
  state.record(written);
  return written;
}

async function decide(decisions) {
  for (const [file, decision, label] of decisions) {
    const written = await send(file, decision, label);
    const to = written.decision === "relabel" ? ` to ${written.label}` : "";
    say(`${written.decision}${to}: ${written.file}`);
  }
  state.advance();
}

const ACTIONS = {
  async keep(item) {
    await decide(state.filesOf(item).map((file) => [file, "keep"]));
  },
  async relabel(item) {
    const [file] = state.filesOf(item);
    if (item.positions.length > 1) return;
    if (find("label").value === state.pictures[item.positions[0]].label) {
      find("label").focus();
      say("Choose the new label, then press r or the button.");
      return;
    }
    await decide([[file, "relabel", find("label").value]]);
  },
  async drop(item) {
    await decide([[state.filesOf(item).at(-1), "drop"]]);
  },
  async skip() {
    state.advance();
    say("skipped");
  },
  async undo() {
    const undone = await send("", "undo");
    state.goTo(undone.file);
    say(`undone: ${undone.file}`);
  },
  async before() {
    state.move(-1);
  },
  async next() {
    state.move(1);
  },
};

// One action after the other, in the order in which they were wanted, each on the item that is shown then.
function act(name, file = null) {
  busy = busy.then(async () => {
    try {
      if (file !== null) await decide([[file, "drop"]]);
      else if (name === "undo" || state.item) await ACTIONS[name](state.item);
    } catch (error) {
      say(error instanceof TypeError ? "The server does not answer; nothing was decided." : error.message, true);
    }
    draw(state, choose);
  });
}

function listen() {
  for (const name of Object.keys(ACTIONS)) find(name).addEventListener("click", () => act(name));
  find("pictures").addEventListener("click", (event) => {
    const file = event.target.dataset?.drop;
    if (file !== undefined) act("drop", file);
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const choosing = event.target instanceof HTMLSelectElement;
    const tab = event.target.getAttribute?.("role") === "tab";
    if ((choosing && event.key !== "r") || (tab && event.key.startsWith("Arrow"))) {
      if (tab) moveTab(event);
      return;
    }
    const item = state.item;
    if (item?.positions.length > 1 && (event.key === "1" || event.key === "2")) {
      act("drop", state.filesOf(item)[Number(event.key) - 1]);
    } else if (KEYS[event.key]) {
      event.preventDefault();
      act(KEYS[event.key]);
    }
  });
}

function moveTab(event) {
  const tabs = [...find("tabs").children];
  const place = tabs.indexOf(event.target) + (event.key === "ArrowRight" ? 1 : -1);
  event.preventDefault();
  tabs[(place + tabs.length) % tabs.length].focus();
  tabs[(place + tabs.length) % tabs.length].click();
}

try {
  const answer = await fetch("review");
  state = new State(await answer.json());
  drawOnce(state);
  draw(state, choose);
  listen();
  document.documentElement.dataset.ready = "all";
} catch {
  say("The review could not be loaded; open the address that the terminal shows.", true);
}
