/** The most confident mistakes of the chosen arm. */
function mistakes() {
  const show = (arm) =>
    arm.mistakes.length
      ? [html("p", { class: "caption" }, named(arm.name), ": label → prediction, with its mean probability."), gallery(arm.mistakes, inSeeds(arm))]
      : html("p", { class: "quiet" }, named(arm.name), ` makes no mistake on the images of ${report.facts.judged_on}.`);
  return [armChooser("Arm whose worst mistakes are shown"), follow(show)];
}

/** The images that every arm gets wrong. */
function hardest() {
  const all = report.hardest_images;
  const caption = all > report.hardest.length && html("p", { class: "caption" }, `${report.hardest.length} of ${whole(all)} such images, those with the most agreement first.`);
  const votes = (shown) => counted(shown.seeds, "run");
  return [caption, gallery(report.hardest, votes)];
}

/** Some training images. */
function samples() {
  const { ids, labels } = report.pictures;
  return html("ul", { class: "gallery samples" }, report.samples.map((index) =>
    html("li", { "data-id": ids[index] }, picture(index), named(className(labels[index]), { class: "truth", title: ids[index] }))));
}
