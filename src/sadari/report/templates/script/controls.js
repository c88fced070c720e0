let choices = 0;
const onArmChange = [];
let armLookedAt = 0;

/** One of few: `options` are [value, words or nodes]. `show(value)` sets it without calling `change`. */
function choice(label, options, chosen, change) {
  const name = `choice-${(choices += 1)}`;
  const inputs = options.map(([value]) =>
    html("input", { type: "radio", name, value, checked: value === chosen, change: () => change(value) }),
  );
  const pills = options.map(([, words], index) => html("label", {}, inputs[index], html("span", {}, words)));
  const element = html("fieldset", { class: "choice controls" }, html("legend", { class: "unseen" }, label), pills);
  return { element, show: (value) => inputs.forEach((input, index) => (input.checked = options[index][0] === value)) };
}

/** One of many. */
function selection(label, options, chosen, change) {
  const select = html(
    "select",
    { "aria-label": label, change: () => change(options[select.selectedIndex][0]) },
    options.map(([value, words]) => html("option", { selected: value === chosen, dir: "auto" }, words)),
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

/** Which arm is looked at? One answer for all sections that show a single arm; `follow` hears every change. */
function armChooser(label) {
  const shown = detailed().map((index) => [index, report.arms[index].name]);
  if (shown.length < 2) return null;
  const few = shown.length <= 6;
  const options = few ? shown.map(([index]) => [index, armName(index)]) : shown;
  const control = (few ? choice : selection)(label, options, armLookedAt, lookAt);
  onArmChange.push(control.show);
  return control.element;
}

function lookAt(index) {
  armLookedAt = index;
  onArmChange.forEach((listener) => listener(index));
}

/** A place that shows the arm looked at, now and after every change. */
function follow(draw) {
  const place = html("div");
  const update = (index) => place.replaceChildren(...[draw(report.arms[index], index)].flat());
  onArmChange.push(update);
  update(armLookedAt);
  return place;
}

/** Places in `report.arms` of those that can be looked at closely; a long sweep's lesser arms have a row and no more. */
function detailed() {
  return finished().filter((index) => {
    const { confusion, cells, mistakes: wrong, per_class: rows } = report.arms[index];
    return confusion.length || Object.keys(cells).length || wrong.length || rows.length;
  });
}

/** Places in `report.arms` of those that have figures. */
function finished() {
  return range(report.arms.length).filter((index) => report.arms[index].accuracy !== null);
}
