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

/** Content that is folded until the reader opens it; print unfolds it. */
function folded(summary, ...children) {
  return html("details", {}, html("summary", {}, summary), ...children);
}

/** Wide content that scrolls by itself, also with the arrow keys. */
function scrolling(label, ...children) {
  return html("div", { class: "scroll", role: "region", "aria-label": label, tabindex: 0 }, ...children);
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
