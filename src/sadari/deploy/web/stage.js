import { bytes } from "./base64.js";
import { at } from "./dom.js";

const FIT = { crop: "cover", pad: "contain", squash: "fill" };
const SMALL = 64; // images up to this side show their pixels as squares (assumed)
const HEAT = [255, 122, 0];
const STRONGEST = 0.72; // the largest opacity of the heatmap (assumed)

let address = "";

/** Give the stage the shape that the model reads, so that the cropped edges of a photograph are not shown. */
export function prepare({ height, width, fit }) {
  const stage = at("stage");
  stage.style.setProperty("--ratio", `${width} / ${height}`);
  stage.style.setProperty("--fit", FIT[fit]);
  stage.classList.toggle("padded", fit === "pad");
}

/** Show an image file, or say that the browser cannot. alt: its description. */
export function showImage(blob, alt) {
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
  picture.alt = alt;
  picture.hidden = false;
  at("pad").hidden = true;
}

/** Show what the camera sees. */
export function showVideo() {
  at("picture").hidden = at("pad").hidden = true;
  at("stage").classList.remove("crisp");
  say("");
}

export function showPad() {
  at("picture").hidden = true;
  at("pad").hidden = false;
  say("");
}

/** Write a text on the empty stage. */
export function say(text) {
  at("empty").textContent = text;
  at("empty").hidden = !text;
  at("empty").classList.toggle("on-black", !at("pad").hidden);
}

/** Whether a heatmap is 0 everywhere. */
export const isEmpty = (heat) => bytes(heat.values).every((value) => value === 0);

/** Show Grad-CAM's heatmap over the image; null removes it. place: how the drawing was moved before, or null. */
export function showHeat(heat, place) {
  const canvas = at("heat");
  canvas.hidden = !heat;
  if (!heat) return;
  const small = new OffscreenCanvas(heat.width, heat.height);
  const image = new ImageData(heat.width, heat.height);
  bytes(heat.values).forEach((value, index) => image.data.set([...HEAT, STRONGEST * value], 4 * index));
  small.getContext("2d").putImageData(image, 0, 0);
  const box = at("stage").getBoundingClientRect();
  canvas.width = Math.round(box.width * devicePixelRatio);
  canvas.height = Math.round(box.height * devicePixelRatio);
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  const { scale, left, top } = place ?? { scale: 1, left: 0, top: 0 };
  const [across, down] = [canvas.width / scale, canvas.height / scale];
  context.drawImage(small, -left * across, -top * down, across, down);
}
