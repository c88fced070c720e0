import { samples } from "./api.js";
import { bytes } from "./base64.js";
import { at, html, named } from "./dom.js";
import { read } from "./grey.js";
import { cutMiddle } from "./names.js";

const LINES = 1.7; // of a name below a sample, less what wrapping leaves empty

/** List the samples; `taken(file, label)` gets the one that is clicked. Return them as grey pictures. */
export async function open(input, taken) {
  const found = await samples().catch(() => []); // the page works without them
  if (!found.length) return [];
  const list = at("samples").querySelector("ul");
  list.style.setProperty("--ratio", `${input.width} / ${input.height}`);
  list.classList.toggle("crisp", input.width <= 64);
  const files = found.map((each) => new File([bytes(each.image)], each.id, { type: "image/png" }));
  list.replaceChildren(...found.map((each, index) => item(each, files[index], taken)));
  at("samples").hidden = false;
  return Promise.all(files.map(grey));
}

/** Mark all samples as not selected. */
export function release() {
  for (const button of at("samples").querySelectorAll("[aria-pressed=true]")) button.setAttribute("aria-pressed", false);
}

function item(sample, file, taken) {
  const name = named(sample.label, { title: sample.label });
  const button = html(
    "button",
    {
      type: "button",
      "aria-pressed": false,
      title: sample.id,
      click: () => {
        release();
        button.setAttribute("aria-pressed", true);
        taken(file, sample.label);
      },
    },
    html("img", { src: URL.createObjectURL(file), alt: "", loading: "lazy" }),
    name,
  );
  new ResizeObserver(() => {
    if (name.clientWidth) name.textContent = cutMiddle(sample.label, LINES * name.clientWidth, name);
  }).observe(button);
  return html("li", {}, button);
}

async function grey(file) {
  const image = await createImageBitmap(file);
  const context = new OffscreenCanvas(image.width, image.width).getContext("2d");
  context.drawImage(image, 0, 0);
  return read(context, image.width);
}
