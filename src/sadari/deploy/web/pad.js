import { at } from "./dom.js";
import { read } from "./grey.js";

export const SIDE = 448; // pixels of the drawing's side: a multiple of 28 and of 8
const STEP = SIDE / 28; // that an arrow key moves the pen

const pad = at("pad");
const context = pad.getContext("2d", { willReadFrequently: true });
let width = SIDE / 12;
let pen = null; // the last position of the pointer
const keyboard = { x: SIDE / 2, y: SIDE / 2, down: false };
let drawn = false;

/** Prepare the pad for drawing; `changed()` is called after every stroke. */
export function open(changed) {
  pad.width = pad.height = SIDE;
  context.lineCap = context.lineJoin = "round";
  context.strokeStyle = "#fff";
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
  pad.addEventListener("keydown", (event) => press(event, changed));
}

export const isDrawn = () => drawn;

/** Set the line's width, as a share of the side. */
export function setLine(share) {
  width = share * SIDE;
}

/** Return the drawing as a grey picture: white lines, half transparent at their edges, on black. */
export function picture() {
  return read(context, SIDE);
}

export function clear() {
  context.clearRect(0, 0, SIDE, SIDE);
  drawn = false;
  pen = null;
}

function position(event) {
  const box = pad.getBoundingClientRect();
  return { x: ((event.clientX - box.left) / box.width) * SIDE, y: ((event.clientY - box.top) / box.height) * SIDE };
}

function line(to) {
  context.lineWidth = width;
  context.beginPath();
  context.moveTo(pen.x, pen.y);
  context.lineTo(to.x, to.y);
  context.stroke();
  pen = to;
  drawn = true;
}

function stroke(to, changed) {
  line(to);
  changed();
}

const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function press(event, changed) {
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
