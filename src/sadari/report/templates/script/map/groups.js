const LIKE_HALF = 0.5; // of a picture's nearest ones; below, most are of other classes

/** By what the pictures of a map are coloured. Each has a few groups, or one for every class; `of` names a picture's group. */
function colourings(view) {
  const found = [{ id: "class", label: "class", groups: view.classes.map((name) => ({ name })), of: (at) => view.labels[at] }];
  if (view.run) {
    found.push({
      id: "mistake", label: "right or wrong",
      groups: [{ name: "wrong", look: "bad" }, { name: "right", look: "good" }, { name: "not judged", look: "none" }],
      of: (at) => (view.predicted[at] < 0 ? 2 : view.predicted[at] === view.labels[at] ? 1 : 0),
    });
  }
  found.push({
    id: "alike", label: "likeness to its class",
    groups: [
      { name: "no similar picture has its class", look: "bad" }, { name: "less than half have it", look: "doubtful" },
      { name: "half or more have it", look: "good" },
    ],
    of: (at) => (view.alike[at] === 0 ? 0 : view.alike[at] < LIKE_HALF ? 1 : 2),
  });
  return found.map((each) => ({ ...each, counts: countsOf(view, each) }));
}

function countsOf(view, { groups, of }) {
  const counts = groups.map(() => 0);
  view.ids.forEach((_, at) => (counts[of(at)] += 1));
  return counts;
}

/** The pictures that are most worth a look: confident mistakes, or, without a run, those least like their class. */
function worthALook(view) {
  const all = range(view.ids.length);
  if (view.run) {
    return all.filter((at) => view.predicted[at] >= 0 && view.predicted[at] !== view.labels[at])
      .sort((a, b) => view.probability[b] - view.probability[a]);
  }
  return all.filter((at) => view.alike[at] < LIKE_HALF).sort((a, b) => view.alike[a] - view.alike[b]);
}

/** What is known of a picture, in words. */
function aboutPicture(view, at) {
  const split = view.split_names[view.splits[at]];
  const label = view.classes[view.labels[at]];
  const judged = view.run && view.predicted[at] >= 0;
  const guess = judged ? `${view.predicted[at] === view.labels[at] ? "right" : "wrong"}: predicted ${view.classes[view.predicted[at]]}, ${probabilityOf(view, at)}` : "";
  return { label, split, guess, id: view.ids[at] };
}

function probabilityOf(view, at) {
  const probability = view.probability[at];
  return percent(probability, probability >= 0.995 && probability < 1 ? 2 : 0).replace("100.00", "> 99.99");
}
