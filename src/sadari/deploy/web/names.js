const pen = new OffscreenCanvas(1, 1).getContext("2d");
const letters = new Intl.Segmenter("und", { granularity: "grapheme" });

/** Return the width of a text in pixels, as `element` writes it. */
export function textWidth(text, element) {
  const { fontSize, fontFamily } = getComputedStyle(element);
  pen.font = `${fontSize} ${fontFamily}`;
  return pen.measureText(text).width;
}

/** Cut a text in its middle where it is wider than `room` pixels: names differ at their ends as often as at their beginnings. */
export function cutMiddle(text, room, element) {
  if (textWidth(text, element) <= room) return text;
  const all = [...letters.segment(text)].map(({ segment }) => segment);
  const cut = (kept) => `${all.slice(0, Math.ceil(kept / 2)).join("").trimEnd()}\u2026${all.slice(all.length - Math.floor(kept / 2)).join("").trimStart()}`;
  let [least, most] = [0, all.length - 1];
  while (least < most) {
    const kept = Math.ceil((least + most) / 2);
    if (textWidth(cut(kept), element) <= room) least = kept;
    else most = kept - 1;
  }
  return cut(least);
}
