import { at } from "./dom.js";
import { opaque, read } from "./grey.js";
import * as pad from "./pad.js";
import { extent, placement, shrink } from "./placing.js";

const LARGEST = 32; // pixels of a side that somebody draws by hand
// Width of a line as a share of the side (assumed: about what the digits of both sets have).
const LINE = { 8: 0.14 };
const USUAL_LINE = 0.085;

let size = 0;
let share = null;
let clearings = 0;

/** Can what this model reads be drawn? Small, square and grey. */
export const drawable = ({ height, width, channels }) => channels === 1 && height === width && height <= LARGEST;

/**
 * Make the pad ready for images of `side` pixels; `changed(seen)` is told of every stroke.
 *
 * seen: null for an empty pad, else {image, place}: a PNG as the model reads it, and how the drawing was moved into it
 * (see placement), or null.
 */
export function open(side, changed) {
  size = side;
  const tell = async () => {
    if (!pad.isDrawn()) {
      clear();
      changed(null);
      return;
    }
    const before = clearings;
    const seen = await look();
    if (before === clearings) changed(seen); // else it has been cleared meanwhile
  };
  pad.open(tell);
  at("line").addEventListener("input", setLine);
  at("placed").addEventListener("change", tell);
  setLine();
}

/** Learn from the samples, grey pictures, how an image fills its frame. */
export function learnFrom(pictures) {
  share = extent(pictures);
  at("placing").hidden = share === null;
}

/** An empty pad. */
export function clear() {
  clearings += 1;
  pad.clear();
  at("seen-pixels").width = size; // which empties it
}

function setLine() {
  pad.setLine(at("line").valueAsNumber * (LINE[size] ?? USUAL_LINE));
}

/** What the model is given; shown beside the pad too. */
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
  const ink = canvas.getContext("2d");
  ink.imageSmoothingQuality = "high";
  ink.drawImage(at("pad"), left * pad.SIDE, top * pad.SIDE, scale * pad.SIDE, scale * pad.SIDE);
  return read(ink, pad.SIDE);
}

/** The picture with a side that is a multiple of `size`, so that its blocks are whole pixels. */
function whole(picture) {
  if (picture.side % size === 0) return picture;
  const side = size * Math.ceil(picture.side / size);
  const from = new OffscreenCanvas(picture.side, picture.side);
  from.getContext("2d").putImageData(opaque(picture), 0, 0);
  const ink = new OffscreenCanvas(side, side).getContext("2d");
  ink.drawImage(from, 0, 0, side, side);
  return read(ink, side);
}
