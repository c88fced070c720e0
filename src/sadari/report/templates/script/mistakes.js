/** Where is an arm wrong and sure of it? */
function mistakes() {
  const show = (arm) =>
    arm.mistakes.length
      ? [html("p", { class: "caption" }, named(arm.name), ": label → what it said, with its mean probability."), gallery(arm.mistakes, inSeeds(arm))]
      : html("p", { class: "quiet" }, named(arm.name), " makes no mistake on the images that judge.");
  return [armChooser("Arm whose worst mistakes are shown"), follow(show)];
}

/** Which images does every arm get wrong? */
function hardest() {
  const all = report.hardest_images;
  const words = all > report.hardest.length && html("p", { class: "caption" }, `${report.hardest.length} of ${whole(all)} such images, those with the most agreement first.`);
  const votes = (shown) => counted(shown.seeds, "run");
  return [words, gallery(report.hardest, votes)];
}

/** What do the images look like? */
function samples() {
  const { ids, labels } = report.pictures;
  return html("ul", { class: "gallery samples" }, report.samples.map((index) =>
    html("li", { "data-id": ids[index] }, picture(index), named(className(labels[index]), { class: "truth", title: ids[index] }))));
}
