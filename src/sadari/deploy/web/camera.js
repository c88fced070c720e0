import { at } from "./dom.js";

const PAUSE_MS = 200; // between two pictures, at least: a phone stays cool, and the answer can be read (assumed)
const WANTED = { audio: false, video: { facingMode: { ideal: "environment" }, width: { ideal: 640 } } };
const REASONS = {
  NotAllowedError: "The browser did not allow the camera; allow it for this page, or choose an image.",
  NotFoundError: "The browser found no camera; choose an image.",
  NotReadableError: "Another program uses the camera; close it, or choose an image.",
};
const INSECURE =
  "The browser gives the camera to pages of https, of this computer (http://127.0.0.1) and, in some browsers, of files; take a photograph and choose it instead.";

let stream = null;
let wanted = 0; // counts the starts, so that a camera that is given too late is closed again

export const isOn = () => stream !== null;

/** Show the camera, and call `look(picture)`, an ImageBitmap, again and again until `stop`; throw where there is no camera. */
export async function start(look) {
  wanted += 1;
  const mine = wanted;
  let given = null;
  try {
    given = await opened();
  } catch (error) {
    if (mine === wanted) throw error;
    return;
  }
  if (mine !== wanted) {
    close(given);
    return;
  }
  stream = given;
  let lost = false;
  const video = at("video");
  video.srcObject = given;
  given.getVideoTracks()[0].addEventListener("ended", () => {
    lost = true;
    if (stream === given) stop();
  });
  show(true);
  await video.play();
  while (stream === given) {
    const pause = new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    if (!document.hidden) await judged(video, look);
    await pause;
  }
  if (lost) throw new Error("The camera does not answer any more; start it again, or choose an image.");
}

/** Return the picture that the camera shows now, as a file. */
export async function still() {
  const video = at("video");
  const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
  canvas.getContext("2d").drawImage(video, 0, 0);
  return new File([await canvas.convertToBlob()], "Picture of the camera", { type: "image/png" });
}

/** Close the camera, also one that is not there yet. */
export function stop() {
  wanted += 1;
  if (stream) close(stream);
  stream = null;
  at("video").srcObject = null;
  show(false);
}

async function opened() {
  if (!navigator.mediaDevices?.getUserMedia) throw new Error(INSECURE);
  return navigator.mediaDevices.getUserMedia(WANTED).catch((error) => {
    throw new Error(REASONS[error.name] ?? `The camera does not start (${error.message}); choose an image.`);
  });
}

async function judged(video, look) {
  const picture = await createImageBitmap(video);
  await look(picture);
  picture.close();
}

const close = (given) => given.getTracks().forEach((track) => track.stop());

function show(on) {
  at("video").hidden = !on;
  at("film").textContent = on ? "Take picture" : "Camera";
  at("verdict").setAttribute("aria-live", on ? "off" : "polite"); // it changes several times a second
}
