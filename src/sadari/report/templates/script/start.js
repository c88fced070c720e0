const report = readReport();

/** What the page shows. An arm is one object here: its figures, its detail and the rest of its page side by side. */
function readReport() {
  const read = JSON.parse(document.getElementById("contents-data").textContent);
  return { ...read, arms: read.arms.map(({ result, detail, ...page }) => ({ ...result, ...detail, ...page })) };
}

/** The page below its first screen, in reading order. `there` says whether the report has anything to show. */
const SECTIONS = [
  {
    id: "claims", title: "Claims", there: () => report.claims.length, draw: claims,
    lede: "What was claimed, put to the test: supported, refuted, or not shown either way.",
  },
  {
    id: "verdicts", title: "Pairwise verdicts", there: () => report.pairs.length, draw: verdicts,
    lede: "Every pair of arms, on the same images. The interval is the pair's own; p is corrected over all pairs by Holm's method.",
  },
  {
    id: "borrowing", title: "Borrowing", there: () => report.borrowing, draw: borrowing,
    lede: "What the seeds show if those of all these models vary about equally much. It is an assumption, and decides on no verdict and no claim.",
  },
  { id: "failures", title: "Failed arms", there: () => failed().length, draw: failures, lede: "Arms of which not every seed has finished, with the reason." },
  {
    id: "curves", title: "Learning curves", there: () => report.arms.some((arm) => arm.curves.length), draw: curves,
    lede: "Accuracy and loss after each epoch: a thin line for each seed, a thick one for their mean.",
  },
  {
    id: "confusion", title: "Confusion", there: () => anyFinished((arm) => arm.confusion.length || Object.keys(arm.cells).length), draw: confusionSection,
    lede: "Which class is taken for which. Choose a cell with a click or with the arrow keys and Enter, or a confusion of the list, to see its pictures.",
  },
  {
    id: "mistakes", title: "Worst mistakes", there: () => anyFinished((arm) => arm.mistakes.length), draw: mistakes,
    lede: "Wrong predictions, the most confident first.",
  },
  {
    id: "hardest", title: "Wrong in every arm", there: () => report.hardest.length, draw: hardest,
    lede: "Images that no run of any arm gets right: label → what most runs predict instead, and how many do. Wrong labels are often among them.",
  },
  {
    id: "map", title: "Map", there: () => report.map, draw: () => exploreMap(report.map),
    lede: "The images that judge in two dimensions, alike ones near each other: where mistakes are, and which pictures are among those of another class.",
  },
  {
    id: "copies", title: "Copies", there: () => report.copies, draw: copiesSection,
    lede: "Images that judge although an earlier split has a copy of them: a model that has learnt one knows the other. The accuracy without them is in the table above.",
  },
  { id: "classes", title: "Classes", there: () => anyFinished((arm) => arm.per_class.length), draw: classes, lede: "Precision, recall and F1 of every class, and their averages." },
  {
    id: "calibration", title: "Calibration", there: () => anyFinished((arm) => arm.calibration.length), draw: calibration,
    lede: "Where an arm predicts with 80 %, it should be right in 80 of 100 cases: the closer to the diagonal, the more its probabilities can be trusted.",
  },
  {
    id: "thresholds", title: "Thresholds", there: () => anyFinished((arm) => arm.thresholds.length), draw: thresholds,
    lede: "Each class against the rest: an image is said to be of the class where its probability is at least the threshold. Move it, and see what is found and what is wrongly called so.",
  },
  { id: "robustness", title: "Robustness", there: () => report.robustness.length, draw: robustness, lede: "Accuracy on the same images, corrupted more and more." },
  { id: "sweeps", title: "Sweeps", there: () => report.sweeps.length, draw: sweeps, lede: "Accuracy and loss against a varied setting, with 95 % intervals." },
  { id: "samples", title: "Sample images", there: () => report.samples.length, draw: samples, lede: "Training images, as the arms see them." },
  {
    id: "layers", title: "Layers", there: () => anyFinished((arm) => arm.layers.length), draw: layers,
    lede: "What an image goes through in each network, up to the classes, and how every shape came about.",
  },
  { id: "data", title: "Data", there: () => true, draw: data, lede: "Which images, in which splits, and what the check of them found." },
  { id: "origin", title: "Settings and environment", there: () => true, draw: origin, lede: "All that is needed to reproduce it." },
];

function anyFinished(holds) {
  return finished().some((index) => holds(report.arms[index]));
}

/** A section with its heading at once and its plots when they are wanted: `draw` may be called any number of times. */
function sectionShell({ id, title, lede, draw }) {
  const body = html("div", { class: "body" });
  const element = html("section", { id, "aria-labelledby": `${id}-title` }, html("h2", { id: `${id}-title` }, title), html("p", { class: "lede" }, lede), body);
  let drawn = false;
  return {
    element,
    draw: () => {
      if (drawn) return;
      drawn = true;
      try {
        body.append(...[draw()].flat(Infinity).filter(Boolean));
      } catch (error) {
        // One section that cannot be drawn takes no other with it.
        body.append(html("p", { class: "notice" }, `This section could not be drawn: ${error.message}.`));
        console.error(error);
      }
    },
  };
}

/** Draws one section after the other, whenever the browser is idle. */
function drawIdly(sections) {
  const idle = window.requestIdleCallback ?? ((work) => setTimeout(work, 1));
  const next = () => {
    const section = sections.shift();
    if (section) {
      section.draw();
      idle(next, { timeout: 500 });
    } else document.documentElement.dataset.drawn = "all";
  };
  idle(next, { timeout: 500 });
}

/** Marks where the reader is among the sections. */
function markCurrent(list) {
  const links = new Map([...list.querySelectorAll("a")].map((link) => [link.hash.slice(1), link]));
  const watcher = new IntersectionObserver((entries) => {
    const entered = entries.findLast(({ isIntersecting }) => isIntersecting);
    if (!entered) return;
    list.querySelector("[aria-current]")?.removeAttribute("aria-current");
    links.get(entered.target.id).setAttribute("aria-current", "true");
  }, { rootMargin: "-20% 0px -70% 0px" });
  links.forEach((_, id) => watcher.observe(document.getElementById(id)));
}

/** Draws and unfolds everything before printing; afterwards the page is as it was. */
function printWhole(shells) {
  let unfolded = [];
  const before = () => {
    shells.forEach((shell) => shell.draw());
    unfolded = [...document.querySelectorAll("details:not([open])")].concat(unfolded);
    unfolded.forEach((each) => (each.open = true));
    // Paper has no observers: tables are fitted to its width before it is drawn.
    document.documentElement.classList.add("paper");
    fitAll();
  };
  const after = () => {
    unfolded.forEach((each) => (each.open = false));
    unfolded = [];
    document.documentElement.classList.remove("paper");
    fitAll();
  };
  addEventListener("beforeprint", before);
  addEventListener("afterprint", after);
  matchMedia("print").addEventListener("change", ({ matches }) => (matches ? before() : after()));
}

function start() {
  chosenArm = detailed()[0] ?? finished()[0] ?? 0;
  document.getElementById("scheme").append(schemeSwitch());
  document.getElementById("leaderboard").replaceChildren(leaderboard());
  document.getElementById("cost").append(...(costPlot() ?? []));
  const there = SECTIONS.filter((section) => section.there());
  const shells = there.map(sectionShell);
  document.getElementById("sections").append(...shells.map(({ element }) => element));
  const links = [["standings", "Standings"], ...there.map(({ id, title }) => [id, title])];
  const list = html("ul", {}, links.map(([id, title]) => html("li", {}, html("a", { href: `#${id}` }, title))));
  // A jump reaches its section only when everything above has its height.
  list.addEventListener("click", () => shells.forEach((shell) => shell.draw()));
  document.getElementById("contents").append(list);
  printWhole(shells);
  markCurrent(list);
  if (location.hash) shells.forEach((shell) => shell.draw());
  document.getElementById(location.hash.slice(1))?.scrollIntoView();
  drawIdly([...shells]);
}

start();
