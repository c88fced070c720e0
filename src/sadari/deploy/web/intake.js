import { at } from "./dom.js";

/** Every way in which somebody brings an image file: `taken(file)` gets it. */
export function open(taken) {
  for (const id of ["pick", "shoot"]) {
    at(id).addEventListener("change", () => {
      if (at(id).files[0]) taken(at(id).files[0]);
      at(id).value = ""; // so that the same file can be chosen again
    });
  }
  addEventListener("paste", (event) => offer(event.clipboardData, taken));
  let inside = 0; // the pointer enters an element before it leaves the last one
  const shade = (change) => {
    inside = Math.max(0, inside + change);
    at("dropping").hidden = !inside;
  };
  addEventListener("dragenter", () => shade(1));
  addEventListener("dragleave", () => shade(-1));
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    shade(-inside);
    offer(event.dataTransfer, taken);
  });
}

function offer(data, taken) {
  const file = data?.files[0];
  if (file) taken(file);
}
