const SVG_SPACE = "http://www.w3.org/2000/svg";

/** An HTML element. Strings become text nodes, so that a class named <img onerror=...> stays a name. */
function html(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** The same for SVG. */
function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG_SPACE, tag), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name, value);
    else if (name.startsWith("--")) element.style.setProperty(name, value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** A name that somebody chose: in its own writing direction, whatever stands around it. */
function named(text, attributes = {}) {
  return html("bdi", { dir: "auto", ...attributes }, text);
}

/** A short address for a data URI, so that a thousand uses of it copy no megabytes. */
function blobAddress(uri) {
  const [head, body] = uri.split(",", 2);
  const bytes = Uint8Array.from(atob(body), (character) => character.charCodeAt(0));
  return URL.createObjectURL(new Blob([bytes], { type: head.slice(5).split(";")[0] }));
}

/** Content that is folded until the reader opens it; print unfolds it. */
function folded(summary, ...children) {
  return html("details", {}, html("summary", {}, summary), ...children);
}

const fits = [];

/** Tables that show their rows as blocks of labelled figures where there is no room for their columns side by side. */
function fitting(label, ...children) {
  const element = html("div", { class: "fitting", role: "group", "aria-label": label }, ...children);
  const fit = () => {
    if (!element.clientWidth) return;
    element.classList.remove("stacked");
    const wide = [...element.querySelectorAll("table")].some((table) => table.offsetWidth > element.clientWidth + 1);
    element.classList.toggle("stacked", wide);
  };
  fits.push(fit);
  // Not within the observer's own call: a block that changes its height there would be reported as a loop.
  new ResizeObserver(() => requestAnimationFrame(fit)).observe(element);
  return element;
}

/** Fit all tables to the width that they have now. */
function fitAll() {
  fits.forEach((fit) => fit());
}

/** A figure that is drawn again for every width it gets. `element` is shown; `redraw` draws it with new choices. */
function responsive(draw, first = 560) {
  let width = first;
  const element = html("div", { class: "plot" });
  const redraw = () => element.replaceChildren(draw(width));
  new ResizeObserver(([entry]) => {
    const given = Math.max(260, Math.floor(entry.contentRect.width));
    if (given === width || !entry.contentRect.width) return;
    width = given;
    redraw();
  }).observe(element);
  redraw();
  return { element, redraw };
}

function range(count) {
  return Array.from({ length: count }, (_, index) => index);
}
