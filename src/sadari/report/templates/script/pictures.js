const CRISP = 64; // images up to this side show their pixels as squares
const MOST_LARGE = 720; // pixels of a picture that was opened
let sheetAddress = "";

/** The sheet of all pictures, decoded once. */
function sheet() {
  if (!sheetAddress && report.pictures.sheet) sheetAddress = blobAddress(report.pictures.sheet);
  return sheetAddress;
}

/** The style of one picture of the sheet, `size` pixels wide. */
function pictureStyle(index, size) {
  const { columns } = report.pictures;
  return {
    "--sheet": `url("${sheet()}")`,
    "--size": `${size}px`,
    "--sheet-width": `${size * columns}px`,
    "--left": `${-size * (index % columns)}px`,
    "--top": `${-size * Math.floor(index / columns)}px`,
  };
}

/** One picture of the sheet at about `wanted` pixels, which opens large; small ones grow by whole factors and stay crisp. */
function picture(index, wanted = 84) {
  const { side } = report.pictures;
  const size = side < wanted ? side * Math.max(1, Math.round(wanted / side)) : side;
  const attributes = { class: size > side ? "picture crisp" : "picture", ...pictureStyle(index, size) };
  if (!side) return html("span", { ...attributes, role: "img", "aria-label": pictureName(index) });
  const title = "Show it large";
  return html("button", { type: "button", ...attributes, title, "aria-label": `${pictureName(index)}: ${title.toLowerCase()}`, click: () => enlarge(index) });
}

function pictureName(index) {
  const { ids, labels } = report.pictures;
  return `picture ${ids[index]}, labelled ${className(labels[index])}`;
}

/** Show one picture as large as the window bears; Escape, the button or a click beside it close it. */
function enlarge(index) {
  const { side, ids, labels } = report.pictures;
  const room = Math.min(innerWidth - 64, innerHeight - 180, MOST_LARGE);
  const size = Math.max(side, side * Math.floor(room / side) || room);
  const shown = html("span", { class: side <= CRISP ? "picture crisp" : "picture", role: "img", "aria-label": pictureName(index), ...pictureStyle(index, Math.min(size, room)) });
  const close = html("button", { type: "button", class: "copy", click: () => dialog.close() }, "Close");
  const dialog = html(
    "dialog",
    { class: "large", "aria-label": pictureName(index), close: () => dialog.remove(), click: ({ target: hit }) => hit === dialog && dialog.close() },
    html("div", {}, shown, html("p", {}, named(className(labels[index]), { class: "truth" })), html("p", { class: "quiet" }, named(ids[index])), close),
  );
  document.body.append(dialog);
  dialog.showModal();
}

/** A picture as an arm sees it: its id, its label, the prediction, its probability, and the text of `votes(shown)`. */
function shownPicture(shown, votes) {
  const { ids, labels } = report.pictures;
  return html(
    "li",
    { "data-id": ids[shown.picture] },
    picture(shown.picture),
    html(
      "span",
      { class: "prediction" },
      named(className(labels[shown.picture]), { class: "truth" }),
      html("span", { class: "quiet" }, " → "),
      named(className(shown.predicted), { class: "guess" }),
    ),
    html("span", { class: "figures" }, [probabilityText(shown.probability), votes(shown)].filter(Boolean).join(" · ")),
    lineOf(ids[shown.picture], { class: "id" }),
  );
}

/** A probability as text; 100 only where it is exactly 1. */
function probabilityText(probability) {
  return percent(probability, probability >= 0.995 && probability < 1 ? 2 : 0).replace("100.00", "> 99.99");
}

/** A list of pictures. */
function gallery(shown, votes) {
  return html("ul", { class: "gallery" }, shown.map((each) => shownPicture(each, votes)));
}

/** In how many of an arm's seeds; nothing where there is one. */
function inSeeds(arm) {
  return (shown) => arm.networks > 1 && `${shown.seeds} of ${arm.networks} ${arm.networks_are}`;
}

function className(index) {
  return report.facts.classes[index] ?? MISSING;
}
