import * as api from "./api.js";
import * as bars from "./bars.js";
import { at, percent } from "./dom.js";
import * as drawing from "./drawing.js";
import * as intake from "./intake.js";
import { latest } from "./latest.js";
import * as maps from "./maps.js";
import * as samples from "./samples.js";
import * as stage from "./stage.js";

let looked = null; // {image, truth, place}: what is looked at now
let answered = null; // the class that the server gave it

const judge = latest(async (subject) => {
  const answer = await api.predict(subject.image, bars.wanted());
  if (subject !== looked) return;
  trouble("");
  answered = answer.label;
  bars.show(answer, subject.truth);
  explain(subject);
  lookInside(subject);
}, trouble);

const explain = latest(async (subject) => {
  const wanted = at("explaining").checked && subject === looked;
  const heat = wanted ? await api.gradCam(subject.image, answered) : null;
  stage.showHeat(subject === looked && at("explaining").checked ? heat : null, subject.place);
}, trouble);

const lookInside = latest(async (subject) => {
  const layer = maps.layer();
  const found = await api.featureMaps(subject.image, layer);
  if (subject === looked && layer === maps.layer()) maps.show(found);
}, trouble);

function look(subject) {
  looked = subject;
  judge(looked);
}

function forget() {
  looked = null;
  bars.rest();
  maps.show(null);
  stage.showHeat(null);
  trouble("");
}

function takeFile(file, truth) {
  stage.showImage(file, truth === undefined ? file.name : `Sample ${file.name}`);
  stage.showHeat(null);
  at("seen").hidden = at("clear").hidden = true;
  at("draw").hidden = !canDraw;
  look({ image: file, truth });
  if (truth === undefined) samples.release();
}

function takeDrawing(seen) {
  samples.release();
  stage.say(seen ? "" : "Draw here, or drop an image");
  if (seen) look(seen);
  else forget();
}

function startDrawing() {
  drawing.clear();
  stage.showPad();
  at("seen").hidden = at("clear").hidden = false;
  at("draw").hidden = true;
  takeDrawing(null);
}

function trouble(error) {
  const place = at("trouble");
  place.hidden = !error;
  place.textContent = error?.message ?? "";
}

function tell({ model, data, classes, input, scores }) {
  const accuracy = (scores.test ?? scores.val)?.accuracy;
  const parts = [
    data ? `${model} on ${data.split("/").pop()}` : model,
    `${input.height} × ${input.width} ${input.channels === 1 ? "grey" : "colour"}`,
    `${classes.length} classes`,
  ];
  if (accuracy !== undefined) parts.push(`${percent(accuracy)} of ${scores.test ? "test" : "validation"} images right`);
  at("facts").textContent = parts.join(" · ");
  document.title = `${parts[0]} · Sadari`;
}

let canDraw = false;

async function start() {
  const model = await api.model();
  tell(model);
  canDraw = drawing.drawable(model.input);
  bars.prepare(model.classes);
  stage.prepare(model.input);
  at("explain").hidden = !model.grad_cam;
  maps.open(model.layers, () => looked && lookInside(looked));
  at("explaining").addEventListener("change", () => (looked && answered ? explain(looked) : null));
  intake.open(takeFile);
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
  if (canDraw) drawing.learnFrom(pictures);
  document.documentElement.dataset.ready = "all";
}

start().catch(trouble);
