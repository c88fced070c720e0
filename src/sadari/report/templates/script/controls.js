let choices = 0;
const onArmChange = [];
let chosenArm = 0;

/** One of few: `options` are [value, text or nodes]. `show(value)` sets it without calling `change`. */
function choice(label, options, chosen, change) {
  const name = `choice-${(choices += 1)}`;
  const inputs = options.map(([value]) =>
    html("input", { type: "radio", name, value, checked: value === chosen, change: () => change(value) }),
  );
  const pills = options.map(([, label], index) => html("label", {}, inputs[index], html("span", {}, label)));
  const element = html("fieldset", { class: "choice controls" }, html("legend", { class: "unseen" }, label), pills);
  return { element, show: (value) => inputs.forEach((input, index) => (input.checked = options[index][0] === value)) };
}

/** One of many. */
function selection(label, options, chosen, change) {
  const select = html(
    "select",
    { "aria-label": label, change: () => change(options[select.selectedIndex][0]) },
    options.map(([value, text]) => html("option", { selected: value === chosen, dir: "auto" }, text)),
  );
  const show = (value) => (select.selectedIndex = options.findIndex(([each]) => each === value));
  return { element: html("div", { class: "choice controls" }, select), show };
}

/** Any of several: `change(indices)` gets those that are on. */
function toggles(label, names, on, change) {
  const inputs = names.map((_, index) => html("input", { type: "checkbox", checked: on.has(index), change: changed }));
  function changed() {
    change(new Set(range(names.length).filter((index) => inputs[index].checked)));
  }
  const pills = names.map((name, index) => html("label", {}, inputs[index], html("span", {}, name)));
  return html("fieldset", { class: "choice controls" }, html("legend", { class: "unseen" }, label), pills);
}

/** Chooses the arm that all sections about a single arm show; `follow` gets every change. */
function armChooser(label) {
  const shown = detailed().map((index) => [index, report.arms[index].name]);
  if (shown.length < 2) return null;
  const few = shown.length <= 6;
  const options = few ? shown.map(([index]) => [index, armName(index)]) : shown;
  const control = (few ? choice : selection)(label, options, chosenArm, chooseArm);
  onArmChange.push(control.show);
  return control.element;
}

function chooseArm(index) {
  chosenArm = index;
  onArmChange.forEach((listener) => listener(index));
}

/** A place that shows the chosen arm, now and after every change. */
function follow(draw) {
  const place = html("div");
  const update = (index) => place.replaceChildren(...[draw(report.arms[index], index)].flat());
  onArmChange.push(update);
  update(chosenArm);
  return place;
}

/** Positions in `report.arms` of those that have details; a long sweep's lesser arms have a row and no more. */
function detailed() {
  return finished().filter((index) => {
    const { confusion, cells, mistakes: wrong, per_class: rows } = report.arms[index];
    return confusion.length || Object.keys(cells).length || wrong.length || rows.length;
  });
}

/** Positions in `report.arms` of those that have figures. */
function finished() {
  return range(report.arms.length).filter((index) => report.arms[index].accuracy !== null);
}
