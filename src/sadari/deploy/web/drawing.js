import { at } from "./dom.js";
import { opaque, read } from "./grey.js";
import * as pad from "./pad.js";
import { extent, placement, shrink } from "./placing.js";

const LARGEST = 32; // pixels of a side up to which a user can draw the image by hand (assumed)
// Width of a line as a share of the side, by the side in pixels (assumed: about that of the digits of both sets).
const LINE = { 8: 0.14 };
const USUAL_LINE = 0.085;

let size = 0;
let share = null;
let clearings = 0;

/** Whether the images that this model reads can be drawn: they are small, square and grey. */
export const drawable = ({ height, width, channels }) => channels === 1 && height === width && height <= LARGEST;

/**
 * Prepare the pad for images of `side` pixels; `changed(seen)` is called after every stroke.
 *
 * seen: null for an empty pad, else {image, place}: a PNG as the model reads it, and how the drawing was moved into it
 * (see placement), or null.
 */
export function open(side, changed) {
  size = side;
  const report = async () => {
    if (!pad.isDrawn()) {
      clear();
      changed(null);
      return;
    }
    const before = clearings;
    const seen = await look();
    if (before === clearings) changed(seen); // else the pad was cleared meanwhile
  };
  pad.open(report);
  at("line").addEventListener("input", setLine);
  at("placed").addEventListener("change", report);
  setLine();
}

/** Measure on the samples, which are grey pictures, how much of its frame an image fills; without samples it is `given`. */
export function learnFrom(pictures, given) {
  share = extent(pictures) ?? given ?? null;
  at("placing").hidden = share === null;
}

/** Empty the pad. */
export function clear() {
  clearings += 1;
  pad.clear();
  at("seen-pixels").width = size; // setting the width empties a canvas
}

function setLine() {
  pad.setLine(at("line").valueAsNumber * (LINE[size] ?? USUAL_LINE));
}

/** Return what the model reads of the drawing, and show it beside the pad. */
async function look() {
  let picture = pad.picture();
  const place = share !== null && at("placed").checked ? placement(picture, share) : null;
  if (place) picture = moved(place);
  const small = shrink(whole(picture), size);
  const canvas = at("seen-pixels");
  canvas.width = canvas.height = size;
  canvas.getContext("2d").putImageData(opaque(small), 0, 0);
  return { image: await new Promise((resolve) => canvas.toBlob(resolve, "image/png")), place };
}

function moved({ scale, left, top }) {
  const canvas = new OffscreenCanvas(pad.SIDE, pad.SIDE);
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(at("pad"), left * pad.SIDE, top * pad.SIDE, scale * pad.SIDE, scale * pad.SIDE);
  return read(context, pad.SIDE);
}

/** Enlarge the picture to a side that is a multiple of `size`, so that its blocks are whole pixels. */
function whole(picture) {
  if (picture.side % size === 0) return picture;
  const side = size * Math.ceil(picture.side / size);
  const from = new OffscreenCanvas(picture.side, picture.side);
  from.getContext("2d").putImageData(opaque(picture), 0, 0);
  const context = new OffscreenCanvas(side, side).getContext("2d");
  context.drawImage(from, 0, 0, side, side);
  return read(context, side);
}
