/** The reasons of arms that have no figures, or only some. */
function failures() {
  return html("ul", { class: "failures" }, failed().map((arm) =>
    html("li", {}, html("strong", {}, named(arm.name)), html("span", { dir: "auto" }, arm.reason || arm.status))));
}

function failed() {
  return report.arms.filter(({ status }) => status !== "done");
}

/** How the page was made: the command, the settings and the environment. */
function origin() {
  return [
    report.command && [html("h3", {}, "Command"), commandBlock()],
    html("h3", {}, "Settings"),
    settings(),
    html("h3", {}, "Environment"),
    pairsList(report.environment),
    folded("Run folders", html("ul", { class: "runs" }, report.arms.flatMap(({ runs }) => runs).map((run) => html("li", {}, html("code", { dir: "auto" }, run))))),
    folded("Every score", everyScore()),
  ];
}

function commandBlock() {
  const code = html("code", { dir: "auto" }, report.command);
  const button = html("button", { type: "button", class: "copy controls", click: () => copy(code, button) }, "Copy");
  return html("div", { class: "command" }, html("pre", { tabindex: 0 }, code), button, html("span", { class: "unseen", role: "status" }));
}

async function copy(code, button) {
  try {
    await navigator.clipboard.writeText(code.textContent);
  } catch {
    // A page from a file may have no clipboard; the older way asks for no permission.
    getSelection().selectAllChildren(code);
    document.execCommand("copy");
  }
  button.textContent = "Copied";
  button.parentElement.querySelector("[role=status]").textContent = "The command was copied";
  setTimeout(() => (button.textContent = "Copy"), 2000);
}

/** What all arms share once, and what differs arm by arm. */
function settings() {
  const arms = report.arms;
  const keys = [...new Set(arms.flatMap((arm) => Object.keys(arm.settings)))];
  const shared = keys.filter((key) => arms.length > 1 && arms.every((arm) => arm.settings[key] === arms[0].settings[key]));
  const differing = keys.filter((key) => !shared.includes(key));
  const heads = ["Arm", "model", "seeds", ...differing];
  const rows = arms.map((arm, index) => [
    armName(index), named(arm.model), named(arm.seeds.join(", ") || MISSING), ...differing.map((key) => named(arm.settings[key] ?? MISSING)),
  ]);
  return [
    fitting("Settings that differ", figuresTable("Settings that differ between the arms", heads, rows, [])),
    shared.length > 0 && [html("p", { class: "caption" }, "The same for all arms:"), pairsList(Object.fromEntries(shared.map((key) => [key, arms[0].settings[key]])))],
  ];
}

/** A score with its interval over other seeds and other images, where it has one. */
function withInterval(mean, ends) {
  const between = intervalText(ends, figure);
  return figure(mean) + (between === MISSING ? "" : ` (${between})`);
}

function everyScore() {
  const shown = finished();
  const names = [...new Set(shown.flatMap((index) => Object.keys(report.arms[index].scores)))];
  const apart = shown.some((index) => report.arms[index].without_copies) ? ["accuracy without copies"] : [];
  const heads = ["Arm", ...apart, "accuracy sd over seeds", "training accuracy", "validation accuracy", "seconds per epoch", "best epoch", ...names];
  const rows = shown.map((index) => {
    const arm = report.arms[index];
    const figures = [arm.accuracy.sd, arm.train_accuracy, arm.val_accuracy, arm.seconds_per_epoch, arm.best_epoch];
    const scores = names.map((name) => withInterval(arm.scores[name], name === "accuracy" ? arm.accuracy : arm.intervals[name]));
    const others = apart.map(() => withInterval(arm.without_copies?.mean, arm.without_copies));
    return [armName(index), ...others, ...figures.map(figure), ...scores];
  });
  return fitting("Every score", figuresTable("Every score, means over seeds with 95\u202f% intervals", heads, rows));
}
