import { at } from "./dom.js";
import { read } from "./grey.js";

export const SIDE = 448; // of the drawing in pixels: a multiple of 28 and of 8
const STEP = SIDE / 28; // of the pen that arrow keys move

const pad = at("pad");
const ink = pad.getContext("2d", { willReadFrequently: true });
let width = SIDE / 12;
let pen = null; // where the pointer was last
const keyboard = { x: SIDE / 2, y: SIDE / 2, down: false };
let drawn = false;

/** Let somebody draw; `changed(drawn)` is told of every stroke. */
export function open(changed) {
  pad.width = pad.height = SIDE;
  ink.lineCap = ink.lineJoin = "round";
  ink.strokeStyle = "#fff";
  pad.setAttribute("aria-label", "Drawing. " + at("pad-help").textContent);
  pad.addEventListener("pointerdown", (event) => {
    if (event.button > 0) return;
    pad.setPointerCapture(event.pointerId);
    pen = position(event);
    stroke(pen, changed);
  });
  pad.addEventListener("pointermove", (event) => {
    if (!pen) return;
    for (const each of event.getCoalescedEvents?.() ?? []) line(position(each));
    stroke(position(event), changed);
  });
  for (const end of ["pointerup", "pointercancel"]) pad.addEventListener(end, () => (pen = null));
  pad.addEventListener("keydown", (event) => type(event, changed));
}

export const isDrawn = () => drawn;

/** share: the line's width, of the side. */
export function setLine(share) {
  width = share * SIDE;
}

/** The drawing as a grey picture: white lines, which are see-through at their edges, on black. */
export function picture() {
  return read(ink, SIDE);
}

export function clear() {
  ink.clearRect(0, 0, SIDE, SIDE);
  drawn = false;
  pen = null;
}

function position(event) {
  const box = pad.getBoundingClientRect();
  return { x: ((event.clientX - box.left) / box.width) * SIDE, y: ((event.clientY - box.top) / box.height) * SIDE };
}

function line(to) {
  ink.lineWidth = width;
  ink.beginPath();
  ink.moveTo(pen.x, pen.y);
  ink.lineTo(to.x, to.y);
  ink.stroke();
  pen = to;
  drawn = true;
}

function stroke(to, changed) {
  line(to);
  changed();
}

const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function type(event, changed) {
  if (event.key === "Delete" || event.key === "Backspace") {
    clear();
    changed();
  } else if (event.key === " ") {
    keyboard.down = !keyboard.down;
    if (keyboard.down) dab(keyboard, changed);
  } else if (event.key in MOVES) {
    const [right, down] = MOVES[event.key];
    const from = { x: keyboard.x, y: keyboard.y };
    keyboard.x = Math.min(SIDE, Math.max(0, keyboard.x + right * STEP));
    keyboard.y = Math.min(SIDE, Math.max(0, keyboard.y + down * STEP));
    if (keyboard.down) dab(from, changed);
  } else return;
  event.preventDefault();
}

function dab(from, changed) {
  pen = { x: from.x, y: from.y };
  stroke({ x: keyboard.x, y: keyboard.y }, changed);
  pen = null;
}
