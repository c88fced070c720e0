let sheetAddress = "";

/** The sheet of all pictures, decoded once; a short address keeps a thousand thumbnails from copying megabytes. */
function sheet() {
  if (sheetAddress || !report.pictures.sheet) return sheetAddress;
  const [head, body] = report.pictures.sheet.split(",", 2);
  const bytes = Uint8Array.from(atob(body), (character) => character.charCodeAt(0));
  sheetAddress = URL.createObjectURL(new Blob([bytes], { type: head.slice(5).split(";")[0] }));
  return sheetAddress;
}

/** One picture of the sheet at about `wanted` pixels; small ones grow by whole factors and stay crisp. */
function picture(index, wanted = 84) {
  const { side, columns, ids, labels } = report.pictures;
  const size = side < wanted ? side * Math.max(1, Math.round(wanted / side)) : side;
  const [column, row] = [index % columns, Math.floor(index / columns)];
  return html("span", {
    class: size > side ? "picture crisp" : "picture",
    role: "img",
    "aria-label": `picture ${ids[index]}, labelled ${report.facts.classes[labels[index]]}`,
    "--sheet": `url("${sheet()}")`,
    "--size": `${size}px`,
    "--sheet-width": `${size * columns}px`,
    "--left": `${-size * column}px`,
    "--top": `${-size * row}px`,
  });
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
    named(ids[shown.picture], { class: "id", title: ids[shown.picture] }),
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
  return (shown) => arm.seeds.length > 1 && `${shown.seeds} of ${arm.seeds.length} seeds`;
}

function className(index) {
  return report.facts.classes[index] ?? MISSING;
}
