import { Busy } from "./latest.js";

/** Whether the model is in the page: browser/script/api.js has the same functions without a server. */
export const LOCAL = false;

/** The requests to the server. Paths are relative, so that the page also works behind a proxy that adds a prefix. */
export const model = () => request("model");
export const samples = async () => (await request("samples")).samples;
export const predict = async (image, top) => (await request(`predict?top=${top}`, image)).answers[0];
export const gradCam = (image, label) => request(`grad-cam?label=${encodeURIComponent(label)}`, image);
export const featureMaps = (image, layer) => request(`feature-maps?layer=${encodeURIComponent(layer)}`, image);

const LONGEST_MS = 60_000; // an upload has 30 seconds, and the answer 10

async function request(path, image) {
  const signal = AbortSignal.timeout(LONGEST_MS);
  const response = await fetch(path, image ? { method: "POST", body: form(image), signal } : { signal }).catch(() => {
    throw new Error("The server does not answer any more; start it again with sadari serve.");
  });
  if (response.ok) return response.json();
  const { detail } = await response.json().catch(() => ({ detail: `the server answered ${response.status}` }));
  if (response.status === 503) throw new Busy(sentence(detail), Number(response.headers.get("Retry-After")) || 1);
  throw new Error(sentence(detail));
}

function form(image) {
  const data = new FormData();
  data.append("images", image, image.name || "image");
  return data;
}

function sentence(detail) {
  return `${detail[0].toUpperCase()}${detail.slice(1)}.`;
}
