const MARK = 22; // pixels of the square in which a mark is drawn once, at 1:1
// [shape, hue, size] of groups that are no classes; their shapes differ, so that no colour has to be told apart.
const LOOKS = { bad: [3, 1, 1.25], doubtful: [2, 4, 1.1], good: [0, 0, 0.7], none: [1, 6, 0.55] };

/** Which shape, hue and size the group at `index` has. */
function lookOf(group, index) {
  return LOOKS[group.look] ?? [index % SHAPES.length, index % HUES, 0.85];
}

/** The mark of a group beside its name. */
function groupSwatch(group, index) {
  const [shape, hue] = lookOf(group, index);
  return svg("svg", { class: "swatch", viewBox: "-7 -7 14 14", "aria-hidden": "true" },
    svg("path", { d: SHAPES[shape], class: `mark series-${hue}` }));
}

/** Colours of the style sheet as the browser resolves them now, light or dark. */
function colourOf(name) {
  const probe = html("span", { class: "unseen", "--probe": `var(${name})` });
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

/** One small picture of each group's mark, drawn once: thousands are then copied in a few milliseconds. */
function drawMarks(groups, scale) {
  const edge = colourOf("--paper");
  const hues = range(HUES).map((hue) => colourOf(`--hue-${hue}`));
  const known = new Map();
  return groups.map((group, index) => {
    const look = lookOf(group, index);
    const key = look.join();
    if (!known.has(key)) known.set(key, oneMark(look, hues, edge, scale));
    return known.get(key);
  });
}

function oneMark([shape, hue, size], hues, edge, scale) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = MARK * scale;
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  pen.translate(MARK / 2, MARK / 2);
  pen.scale(size, size);
  const path = new Path2D(SHAPES[shape]);
  pen.fillStyle = hues[hue];
  pen.fill(path);
  pen.strokeStyle = edge;
  pen.lineWidth = 1;
  pen.stroke(path);
  return canvas;
}
