/** The element with this id. */
export const at = (id) => document.getElementById(id);

/** Make an HTML element. Strings become text nodes, so that a class named <img onerror=...> stays a name. */
export function html(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (name.startsWith("--")) element.style.setProperty(name, value);
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/** Make an element for a name that a user chose, in its own writing direction. */
export const named = (text, attributes = {}) => html("bdi", { dir: "auto", ...attributes }, text);

/** Format 0.9234 as "92.3 %"; a share below 1 never reads 100. */
export function percent(share) {
  const figure = share > 0.999 && share < 1 ? "99.9" : (100 * share).toFixed(1);
  return `${figure.replace(/^100\.0$/, "100")}\u202f%`;
}
