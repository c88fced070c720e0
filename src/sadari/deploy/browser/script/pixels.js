import { resized } from "./resize.js";

/** From a picture of the browser to the pixels that the model reads, as data/decode.py makes them of a file. */

const MARGIN = 4; // a JPEG of more than so many times the wanted side is halved until it is not (DRAFT_MARGIN)
const PART = 1 << 20; // pixels that are taken out of a picture at once: canvases of phones have a largest size

/** Read an image file; its orientation is applied and its colour profile is not, as in Sadari. */
export async function decoded(file) {
  try {
    return await createImageBitmap(file, { imageOrientation: "from-image", colorSpaceConversion: "none", premultiplyAlpha: "none" });
  } catch {
    throw new Error(`This browser cannot read ${file.name || "this image"}; choose a JPEG or a PNG.`);
  }
}

/** Return the pixels of `picture` (an ImageBitmap), Uint8Array of height x width x channels. jpeg: whether its file is one. */
export function pixelsOf(picture, { height, width, channels, fit, interpolation }, jpeg) {
  const halvings = jpeg && height === width ? reduction(picture, width, fit) : 1;
  const source = sourceOf(picture, channels, halvings);
  const whole = [0, 0, source.width, source.height];
  if (source.width === width && source.height === height) return resized(source, whole, width, height, "bilinear");
  if (fit === "squash") return resized(source, whole, width, height, interpolation);
  if (fit === "crop") return resized(source, window(source, height, width), width, height, interpolation);
  return padded(source, whole, height, width, interpolation);
}

/** By how much libjpeg reduces a picture while it decodes it: 1, 2, 4 or 8. */
export function reduction(picture, side, fit) {
  const of = fit === "pad" ? Math.max(picture.width, picture.height) : Math.min(picture.width, picture.height);
  const factor = (MARGIN * side) / of;
  if (factor >= 1) return 1;
  const least = [picture.width, picture.height].map((each) => Math.floor(each / Math.ceil(each * factor)));
  return [8, 4, 2, 1].find((each) => each <= Math.min(...least)) ?? 1;
}

/** The largest centred part of the wanted shape. */
function window(source, height, width) {
  const left = (source.width - Math.min(source.width, (source.height * width) / height)) / 2;
  const top = (source.height - Math.min(source.height, (source.width * height) / width)) / 2;
  return [left, top, source.width - left, source.height - top];
}

function padded(source, whole, height, width, interpolation) {
  const scale = Math.min(width / source.width, height / source.height);
  const across = Math.max(1, halfToEven(source.width * scale));
  const down = Math.max(1, halfToEven(source.height * scale));
  const inner = resized(source, whole, across, down, interpolation);
  const { channels } = source;
  const out = new Uint8Array(height * width * channels);
  const [left, top] = [Math.floor((width - across) / 2), Math.floor((height - down) / 2)];
  for (let y = 0; y < down; y += 1) {
    const row = inner.subarray(y * across * channels, (y + 1) * across * channels);
    out.set(row, ((top + y) * width + left) * channels);
  }
  return out;
}

function halfToEven(value) {
  const near = Math.round(value);
  return Math.abs(value % 1) === 0.5 && near % 2 ? near - 1 : near;
}

/** The rows of a picture on white, grey or in colour, as `resized` takes them; each pixel is the mean of a block of `block` x `block`. */
function sourceOf(picture, channels, block) {
  const [width, height] = [Math.ceil(picture.width / block), Math.ceil(picture.height / block)];
  const lines = Math.max(1, Math.floor(PART / picture.width / block)); // rows of the result in one part
  const canvas = new OffscreenCanvas(picture.width, Math.min(lines * block, picture.height));
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = "#fff";
  const rows = (first, last, take) => {
    for (let y = first; y < last; y += lines) {
      const count = Math.min(lines, last - y);
      const down = Math.min(count * block, picture.height - y * block);
      context.fillRect(0, 0, canvas.width, canvas.height);
      context.drawImage(picture, 0, y * block, picture.width, down, 0, 0, picture.width, down);
      const { data } = context.getImageData(0, 0, picture.width, down);
      for (let each = 0; each < count; each += 1) take(rowOf(data, each, picture.width, down, block, channels), y + each);
    }
  };
  return { width, height, channels, rows };
}

/** Return row `y` of an image of RGBA values, reduced by `block` to blocks' means. */
function rowOf(data, y, across, down, block, channels) {
  const width = Math.ceil(across / block);
  const row = new Uint8Array(width * channels);
  const value = channels === 1 ? greyAt : colourAt;
  for (let x = 0; x < width; x += 1) {
    const [right, bottom] = [Math.min(across, (x + 1) * block), Math.min(down, (y + 1) * block)];
    const count = (right - x * block) * (bottom - y * block);
    for (let channel = 0; channel < channels; channel += 1) {
      let sum = 0;
      for (let v = y * block; v < bottom; v += 1) for (let u = x * block; u < right; u += 1) sum += value(data, 4 * (v * across + u), channel);
      row[x * channels + channel] = Math.floor((sum + (count >> 1)) / count);
    }
  }
  return row;
}

const colourAt = (data, at, channel) => data[at + channel];
/** Pillow's grey (ITU-R 601-2). */
const greyAt = (data, at) => (data[at] * 19595 + data[at + 1] * 38470 + data[at + 2] * 7471 + 0x8000) >> 16;
