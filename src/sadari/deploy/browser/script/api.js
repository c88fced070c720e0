import { bytes } from "./base64.js";
import { decoded, pixelsOf } from "./pixels.js";

/** What web/api.js asks a server for is computed in the page, by onnxruntime-web. */
export const LOCAL = true;

const described = JSON.parse(at("described"));
let session = null;
let last = Promise.resolve(); // the network computes one answer at a time

export const model = () => described;
export const samples = async () => [];

/** Return the `top` most probable classes of an image file, or of a picture of the camera (an ImageBitmap). */
export function predict(image, top) {
  const answer = last.then(() => computed(image, top));
  last = answer.catch(() => null);
  return answer;
}

async function computed(image, top) {
  session ??= opened();
  const running = await session;
  const picture = image instanceof ImageBitmap ? image : await decoded(image);
  const { input, classes, abstains } = described;
  const pixels = pixelsOf(picture, input, image.type === "image/jpeg");
  if (picture !== image) picture.close();
  const images = new ort.Tensor("uint8", pixels, [1, input.height, input.width, input.channels]);
  const { probabilities, known_score: score } = await running.run({ images });
  const found = Array.from(probabilities.data, (probability, index) => ({ label: classes[index], probability }));
  found.sort((one, other) => other.probability - one.probability);
  const decided = score && abstains ? { known: score.data[0] >= abstains.threshold, score: score.data[0] } : {};
  return { ...found[0], ...decided, top: found.slice(0, top) };
}

async function opened() {
  if (typeof WebAssembly !== "object") throw new Error("This browser does not run WebAssembly, which the model needs; try another one.");
  try {
    return await network();
  } catch (error) {
    throw new Error(`The model does not start in this browser (${error.message}); try another one.`);
  }
}

async function network() {
  ort.env.wasm.numThreads = 1; // more need a server that isolates the page
  ort.env.wasm.wasmBinary = (await unpacked("runtime")).buffer;
  return ort.InferenceSession.create(await unpacked("network"), { executionProviders: ["wasm"] });
}

/** Return the bytes that an element of the page holds, compressed by gzip and in base64; its text is let go. */
async function unpacked(id) {
  const stream = new Blob([bytes(at(id))]).stream().pipeThrough(new DecompressionStream("gzip"));
  document.getElementById(id).remove();
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function at(id) {
  return document.getElementById(id).textContent;
}
