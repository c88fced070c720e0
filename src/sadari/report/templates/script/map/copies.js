/** Pairs of copies side by side: the judging picture, whether it is right, and its copy in an earlier split. */
function copiesSection() {
  const view = report.copies;
  const one = (at) => {
    const { label, split, guess, id } = aboutPicture(view, at);
    return html("figure", {}, thumbnail(view, at, 96), html("figcaption", {}, named(label, { class: "truth" }), html("span", { class: "quiet" }, ` · ${split}`), guess && html("span", { class: "guess-of-copy" }, guess), lineOf(id, { class: "id quiet" })));
  };
  const pairs = view.kinds.map((kind, pair) => html("li", {}, html("p", { class: "quiet" }, kind), html("div", { class: "pair-of-copies" }, one(2 * pair), one(2 * pair + 1))));
  const judged = range(view.kinds.length).map((pair) => 2 * pair).filter((at) => view.predicted[at] >= 0);
  const right = judged.filter((at) => view.predicted[at] === view.labels[at]).length;
  return [
    html("p", { class: "caption" }, named(view.run), ` has ${whole(right)} of these ${whole(judged.length)} right`, view.total > view.kinds.length && `; ${whole(view.kinds.length)} of ${whole(view.total)} are shown`, "."),
    html("ul", { class: "copied-pairs" }, pairs),
  ];
}
