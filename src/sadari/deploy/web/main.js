import * as api from "./api.js";
import * as bars from "./bars.js";
import * as camera from "./camera.js";
import { at, html, percent } from "./dom.js";
import * as drawing from "./drawing.js";
import { latest } from "./latest.js";
import * as maps from "./maps.js";
import * as samples from "./samples.js";
import * as stage from "./stage.js";

const PATIENT_MS = 300; // before the page says that it waits (assumed: shorter waits would flicker)

let current = null; // {image, truth, place}: the image on the page
let answered = null; // the class that the server gave it
let waiting = 0;
let canDraw = false;

const predict = latest(async (subject) => {
  const answer = await api.predict(subject.image, bars.wanted());
  if (subject !== current) return;
  showError("");
  clearTimeout(waiting);
  answered = answer.label;
  bars.show(answer, subject.truth);
  at("why-class").options[0].textContent = `the answer, ${answer.label}`;
  explain(subject);
  lookInside(subject);
}, (error, subject) => {
  if (subject !== current) return;
  forget(); // nothing that was said of another image stands beside this one
  showError(error);
});

const explain = latest(async (subject) => {
  const label = at("why-class").value || answered;
  const wanted = at("explaining").checked && subject === current && label && answered;
  const heat = wanted ? await api.gradCam(subject.image, label) : null;
  if (subject !== current) return;
  const shown = at("explaining").checked ? heat : null;
  stage.showHeat(shown, subject.place);
  at("why-words").textContent = shown && stage.isEmpty(shown) ? "Nothing in this image speaks for it." : "";
}, (error, subject) => {
  if (subject !== current) return;
  stage.showHeat(null);
  showError(error);
});

const lookInside = latest(async (subject) => {
  const layer = maps.layer();
  if (layer === null) return;
  const found = await api.featureMaps(subject.image, layer);
  if (subject === current && layer === maps.layer()) maps.show(found);
}, (error, subject) => {
  if (subject !== current) return;
  maps.blank();
  showError(error);
});

/** Show what the model says about `subject`. What it said before goes when the answer comes, or after a moment. */
function show(subject) {
  current = subject;
  clearTimeout(waiting);
  waiting = setTimeout(() => {
    forget();
    bars.think();
  }, PATIENT_MS);
  predict(current);
}

/** Take away what was said of the image before, but for the places where it stood. */
function forget() {
  clearTimeout(waiting);
  answered = null;
  bars.clear();
  at("why-class").options[0].textContent = "the answer";
  at("why-words").textContent = "";
  maps.blank();
  stage.showHeat(null);
}

function clear() {
  current = null;
  forget();
  maps.show(null);
  showError("");
}

/** Take image files from the buttons, from the clipboard and from drag and drop. */
function takeFiles() {
  for (const id of ["pick", "shoot"]) {
    at(id).addEventListener("change", () => {
      if (at(id).files[0]) takeFile(at(id).files[0]);
      at(id).value = ""; // so that the same file can be chosen again
    });
  }
  addEventListener("paste", (event) => takeFirst(event.clipboardData));
  let depth = 0; // the pointer enters an element before it leaves the last one
  const enter = (change) => {
    depth = Math.max(0, depth + change);
    at("dropping").hidden = !depth;
  };
  addEventListener("dragenter", () => enter(1));
  addEventListener("dragleave", () => enter(-1));
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    enter(-depth);
    takeFirst(event.dataTransfer);
  });
}

function takeFirst(data) {
  const file = data?.files[0];
  if (file) takeFile(file);
}

function takeFile(file, truth) {
  camera.stop();
  stage.showImage(file, truth === undefined ? file.name : `Sample ${file.name}`);
  stage.showHeat(null);
  at("seen").hidden = at("clear").hidden = true;
  at("draw").hidden = !canDraw;
  forget(); // a picture changes at once, unlike a drawing, of which the answer before is nearly right
  showError("");
  show({ image: file, truth });
  if (truth === undefined) samples.release();
}

function takeDrawing(seen) {
  samples.release();
  stage.say(seen ? "" : "Draw here, or drop an image");
  if (seen) show(seen);
  else clear();
}

function startDrawing() {
  camera.stop();
  drawing.clear();
  stage.showPad();
  at("seen").hidden = at("clear").hidden = false;
  at("draw").hidden = true;
  takeDrawing(null);
}

/** Judge what the camera sees, until a picture is taken of it or another image is chosen. */
async function film() {
  if (camera.isOn()) {
    takeFile(await camera.still());
    return;
  }
  samples.release();
  clear();
  stage.showVideo();
  at("seen").hidden = at("clear").hidden = true;
  at("draw").hidden = !canDraw;
  await camera.start(look).catch((error) => {
    camera.stop();
    clear();
    stage.say("Drop an image here, or paste one");
    showError(error);
  });
}

/** Show what the model says about one picture of the camera. */
async function look(picture) {
  const subject = { image: picture };
  current = subject;
  const answer = await api.predict(picture, bars.wanted());
  if (subject === current) bars.show(answer);
}

function showError(error) {
  const message = at("trouble");
  message.hidden = !error;
  message.textContent = error?.message ?? "";
}

function describe({ model, data, classes, input, scores }) {
  const accuracy = (scores.test ?? scores.val)?.accuracy;
  const parts = [
    data ? `${model} on ${data.split("/").pop()}` : model,
    `${input.height} × ${input.width} ${input.channels === 1 ? "grey" : "colour"}`,
    `${classes.length} classes`,
  ];
  if (accuracy !== undefined) parts.push(`${scores.test ? "test" : "validation"} accuracy ${percent(accuracy)}`);
  at("facts").textContent = parts.join(" · ");
  if (accuracy === undefined) {
    at("samples-words").textContent = "Images that the model was trained on; the run has no others.";
  }
  document.title = `${parts[0]} · Sadari`;
}

async function start() {
  const model = await api.model();
  describe(model);
  canDraw = drawing.drawable(model.input);
  bars.prepare(model.classes);
  stage.prepare(model.input);
  at("explain").hidden = !model.grad_cam;
  if (model.layers.length) maps.open(model.layers, () => current && lookInside(current));
  const cautions = [model.caution, model.calibration].filter(Boolean).join(" ");
  at("caution").textContent = cautions;
  at("caution").hidden = !cautions;
  at("why-class").replaceChildren(...["", ...model.classes].map((label) => html("option", { value: label, dir: "auto" }, label || "the answer")));
  at("explaining").addEventListener("change", () => {
    at("why").hidden = !at("explaining").checked;
    if (current && answered) explain(current);
  });
  at("why-class").addEventListener("change", () => (current && answered ? explain(current) : null));
  takeFiles();
  at("film").hidden = at("local").hidden = !api.LOCAL;
  at("film").addEventListener("click", film);
  if (canDraw) {
    at("seen-words").textContent = `What the model sees: ${model.input.height} × ${model.input.width} pixels`;
    for (const id of ["clear", "draw"]) {
      at(id).addEventListener("click", () => {
        startDrawing();
        at("pad").focus({ preventScroll: true });
      });
    }
    drawing.open(model.input.height, takeDrawing);
    startDrawing();
  }
  document.documentElement.dataset.ready = "";
  const pictures = await samples.open(model.input, takeFile);
  if (canDraw) drawing.learnFrom(pictures, model.extent);
  document.documentElement.dataset.ready = "all";
}

start().catch(showError);
