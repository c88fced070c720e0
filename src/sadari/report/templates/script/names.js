const pen = document.createElement("canvas").getContext("2d");
const letters = new Intl.Segmenter("und", { granularity: "grapheme" });

/** The width of a text in pixels, as the page writes it at `size`. */
function textWidth(text, size = 13) {
  pen.font = `${size}px ${getComputedStyle(document.body).fontFamily}`;
  return pen.measureText(text).width;
}

/** The text, cut in its middle where it is wider than `room` pixels: names differ at their ends as often as at their beginnings. */
function cutMiddle(text, room, size = 13) {
  if (textWidth(text, size) <= room) return text;
  const all = [...letters.segment(text)].map(({ segment }) => segment);
  const cut = (kept) => `${all.slice(0, Math.ceil(kept / 2)).join("").trimEnd()}…${all.slice(all.length - Math.floor(kept / 2)).join("").trimStart()}`;
  let [least, most] = [0, all.length - 1];
  while (least < most) {
    const kept = Math.ceil((least + most) / 2);
    if (textWidth(cut(kept), size) <= room) least = kept;
    else most = kept - 1;
  }
  return cut(least);
}

/** A name on one line, in the width that its place has; all of it is in its title. */
function lineOf(name, attributes = {}) {
  const element = named(name, { title: name, ...attributes });
  const fit = () => (element.textContent = cutMiddle(name, element.clientWidth, parseFloat(getComputedStyle(element).fontSize)));
  new ResizeObserver(() => element.clientWidth && fit()).observe(element);
  return element;
}
