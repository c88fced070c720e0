import { bytes } from "./base64.js";
import { at } from "./dom.js";

// From 0 to the largest value: five colours of Matplotlib's inferno, which also works in grey. Below 0 blue; 0 is black.
const ABOVE = [[0, 0, 4], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]];
const BELOW = [[0, 0, 4], [14, 45, 110], [28, 105, 185], [95, 180, 230], [205, 240, 255]];
// Pixels of the screen (all assumed).
const GAP = 2; // between two maps
const LEAST_CELL = 44; // the side of a map
const WIDEST_CELL = [112, 720]; // one of several maps, a single map
const NUMBER_CELL = 18; // one value of a vector

let layers = [];
let shown = null;
let chosenOf = ""; // the layer whose channel was chosen

/** Prepare the sliders; `chosen()` is called when the user moves to another layer. */
export function open(described, chosen) {
  layers = described;
  at("layer").max = layers.length - 1;
  at("layer").addEventListener("input", () => {
    nameLayer();
    blank();
    chosen();
  });
  at("channel").addEventListener("input", drawLarge);
  at("grid").addEventListener("click", pick);
  new ResizeObserver(draw).observe(at("cells"));
  nameLayer();
}

/** The name of the layer that is shown; null where none can be. */
export const layer = () => layers[at("layer").valueAsNumber]?.name ?? null;

/** Show the feature maps `found`, or hide the section where it is null. */
export function show(found) {
  at("inside").hidden = !found;
  shown = found && { ...found, values: bytes(found.values), flat: isFlat(found), colours: coloursOf(found) };
  if (!shown) return;
  drawLegend();
  at("channel").max = shown.shown - 1;
  if (shown.layer !== chosenOf) at("channel").value = mostVaried(shown);
  chosenOf = shown.layer;
  at("one").hidden = at("channels").hidden = shown.channels === 1;
  at("maps").classList.toggle("alone", shown.channels === 1);
  draw();
}

/** Empty the pictures, where there are any, and leave the sliders. */
export function blank() {
  shown = null;
  for (const id of ["grid", "large"]) at(id).getContext("2d").clearRect(0, 0, at(id).width, at(id).height);
  at("large-words").textContent = "";
}

// A vector arrives as one row, a sequence as one picture: features across, steps down.
const isFlat = ({ channels, height }) => channels === 1 && height === 1;

function nameLayer() {
  const { name, text, shape } = layers[at("layer").valueAsNumber];
  const place = `${at("layer").valueAsNumber + 1} of ${layers.length}`;
  at("layer").setAttribute("aria-valuetext", `${name}, ${place}`);
  const strong = document.createElement("strong");
  strong.textContent = text || name;
  at("layer-words").replaceChildren(strong, ` · layer ${place} · ${describeShape(shape)}`);
}

function describeShape([channels, height, width]) {
  if (channels === 1 && height === 1) return `${width.toLocaleString("en")} values`;
  if (channels === 1) return `${height} steps of ${width} values`;
  return `${channels} maps of ${height} × ${width}`;
}

/** The channel whose values vary most; it is shown first. */
function mostVaried({ values, width, height, shown: count }) {
  const spread = (place) => {
    const [low, high] = limits(values.subarray(place * width * height, (place + 1) * width * height));
    return high - low;
  };
  const spreads = Array.from({ length: count }, (_, place) => spread(place));
  return spreads.indexOf(Math.max(...spreads));
}

function draw() {
  if (!shown) return;
  drawGrid();
  if (!at("one").hidden) drawLarge();
}

function drawGrid() {
  const canvas = at("grid");
  const cells = cellsOf(shown);
  const grid = arrange(cells, at("cells").clientWidth);
  canvas.width = grid.columns * (grid.cell + GAP) - GAP;
  canvas.height = grid.rows * (grid.tall + GAP) - GAP;
  canvas.style.maxWidth = `${canvas.width}px`;
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = false;
  for (let place = 0; place < cells.count; place += 1) {
    const left = (place % grid.columns) * (grid.cell + GAP);
    const top = Math.floor(place / grid.columns) * (grid.tall + GAP);
    context.drawImage(plane(place, cells), left, top, grid.cell, grid.tall);
  }
  canvas.dataset.columns = grid.columns;
}

/** The cells of the grid: the channels, or the single values of a vector. */
function cellsOf({ flat, width, height, shown: count }) {
  return flat ? { count: width, width: 1, height: 1 } : { count, width, height };
}

/** Arrange cells in columns and rows that fill a width of `room` pixels; the values of a vector are small squares. */
function arrange({ count, width, height }, room) {
  const most = Math.max(200, room);
  const wanted = count === 1 ? most : width === 1 ? NUMBER_CELL : Math.max(LEAST_CELL, Math.sqrt((most * most) / (2 * count)));
  const columns = Math.max(1, Math.min(count, Math.floor((most + GAP) / (wanted + GAP))));
  const cell = Math.min(WIDEST_CELL[Number(count === 1)], Math.floor((most + GAP) / columns) - GAP);
  return { cell, tall: Math.max(1, Math.round((cell * height) / width)), columns, rows: Math.ceil(count / columns) };
}

function drawLarge() {
  if (!shown) return;
  const place = at("channel").valueAsNumber;
  const canvas = at("large");
  const { width, height } = shown;
  canvas.width = width;
  canvas.height = height;
  canvas.getContext("2d").drawImage(plane(place, shown), 0, 0);
  const values = shown.values.subarray(place * width * height, (place + 1) * width * height);
  const [low, high] = limits(values).map(original);
  const description = `Channel ${place + 1} of ${shown.channels}: ${low} to ${high}`;
  at("large-words").textContent = description;
  canvas.setAttribute("aria-label", description);
  at("channel").setAttribute("aria-valuetext", `${place + 1} of ${shown.channels}`);
}

const limits = (values) => [Math.min(...values), Math.max(...values)]; // 64 x 64 values at most

const original = (value) => String(Number((shown.low + ((shown.high - shown.low) * value) / 255).toPrecision(2))).replace("-", "\u2212");

function plane(place, { width, height }) {
  const canvas = new OffscreenCanvas(width, height);
  const image = new ImageData(width, height);
  const start = place * width * height;
  for (let each = 0; each < width * height; each += 1) image.data.set(shown.colours[shown.values[start + each]], 4 * each);
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

function pick(event) {
  if (!shown || at("one").hidden) return;
  const canvas = at("grid");
  const columns = Number(canvas.dataset.columns);
  const rows = Math.ceil(shown.shown / columns);
  const column = Math.min(columns - 1, Math.floor((event.offsetX / canvas.clientWidth) * columns));
  const row = Math.min(rows - 1, Math.floor((event.offsetY / canvas.clientHeight) * rows));
  at("channel").value = Math.min(shown.shown - 1, row * columns + column);
  drawLarge();
}

/** The colours of the 256 values that arrive: 0 is black, whatever the lowest and the highest value are. */
export function coloursOf({ low, high }) {
  const most = Math.max(-low, high) || 1;
  return Array.from({ length: 256 }, (_, value) => colour((low + ((high - low) * value) / 255) / most));
}

/** The colour of a share in [-1, 1] of the largest value. */
function colour(share) {
  const ramp = share < 0 ? BELOW : ABOVE;
  const along = Math.min(1, Math.abs(share)) * (ramp.length - 1);
  const place = Math.min(ramp.length - 2, Math.floor(along));
  const mixed = ramp[place].map((from, index) => Math.round(from + (along - place) * (ramp[place + 1][index] - from)));
  return [...mixed, 255];
}

/** What the colours stand for, from the lowest value to the highest. */
function drawLegend() {
  const [low, ramp, high] = at("maps-legend").children;
  low.textContent = original(0);
  high.textContent = original(255);
  const stops = shown.colours.filter((_, value) => value % 15 === 0).map((each) => `rgb(${each.slice(0, 3).join(" ")})`);
  ramp.style.background = `linear-gradient(to right, ${stops.join(", ")})`;
  ramp.title = "black is 0";
}
