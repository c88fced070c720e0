import { bytes } from "./api.js";
import { at } from "./dom.js";

const FIT = { crop: "cover", pad: "contain", squash: "fill" };
const SMALL = 64; // pixels of a side up to which they are shown as squares
const HEAT = [255, 122, 0];
const STRONGEST = 0.72; // how much of the image the heat covers at most

let address = "";

/** Give the stage the shape that the model reads, so that what is cut off of a photograph is not shown. */
export function prepare({ height, width, fit }) {
  const stage = at("stage");
  stage.style.setProperty("--ratio", `${width} / ${height}`);
  stage.style.setProperty("--fit", FIT[fit]);
  stage.classList.toggle("padded", fit === "pad");
}

/** Show an image file, or say that only the model can read it. */
export function showImage(blob, words) {
  URL.revokeObjectURL(address);
  address = URL.createObjectURL(blob);
  const picture = at("picture");
  say("");
  picture.onload = () => at("stage").classList.toggle("crisp", picture.naturalWidth <= SMALL);
  picture.onerror = () => {
    picture.hidden = true;
    say("Your browser cannot show this file");
  };
  picture.src = address;
  picture.alt = words;
  picture.hidden = false;
  at("pad").hidden = true;
}

export function showPad() {
  at("picture").hidden = true;
  at("pad").hidden = false;
  say("");
}

/** What stands on the empty stage. */
export function say(words) {
  at("empty").textContent = words;
  at("empty").hidden = !words;
  at("empty").classList.toggle("on-black", !at("pad").hidden);
}

/** Lay the heat that the server found over the image; null takes it away. place: how a drawing was moved before. */
export function showHeat(heat, place) {
  const canvas = at("heat");
  canvas.hidden = !heat;
  if (!heat) return;
  const small = new OffscreenCanvas(heat.width, heat.height);
  const image = new ImageData(heat.width, heat.height);
  bytes(heat.values).forEach((value, place) => image.data.set([...HEAT, STRONGEST * value], 4 * place));
  small.getContext("2d").putImageData(image, 0, 0);
  const box = at("stage").getBoundingClientRect();
  canvas.width = Math.round(box.width * devicePixelRatio);
  canvas.height = Math.round(box.height * devicePixelRatio);
  const ink = canvas.getContext("2d");
  ink.imageSmoothingQuality = "high";
  const { scale, left, top } = place ?? { scale: 1, left: 0, top: 0 };
  const [across, down] = [canvas.width / scale, canvas.height / scale];
  ink.drawImage(small, -left * across, -top * down, across, down);
}
