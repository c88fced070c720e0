const FEW_CLASSES = 20;

/** On which images was compared, and what did the check of them find? */
function data() {
  const { sentences, balance, origin, judged_on: judgedOn, counts } = report.facts;
  const table = balanceTable(balance);
  const judged = `${counted(counts[judgedOn] ?? 0, "image")} of ${judgedOn}`;
  return [
    pairsList({ "judged on": judged, "origin of the parts": origin }, "single"),
    sentences.length > 0 && html("ul", { class: "findings" }, sentences.map((each) => html("li", { dir: "auto" }, each))),
    report.facts.classes.length > FEW_CLASSES ? folded(`Images of each of the ${report.facts.classes.length} classes`, table) : table,
  ];
}

function balanceTable(balance) {
  const parts = Object.keys(balance);
  if (!parts.length) return null;
  const most = Object.fromEntries(parts.map((part) => [part, Math.max(1, ...balance[part])]));
  const columns = [
    { label: "Class", value: className, cell: (index) => named(className(index)), name: "name" },
    ...parts.map((part) => ({
      label: part, numeric: true, first: "descending", value: (index) => balance[part][index],
      cell: (index) => html("span", { class: "meter", "--share": (balance[part][index] / most[part]).toFixed(4) }, whole(balance[part][index])),
    })),
  ];
  const caption = "Images of each class in each part";
  return scrolling(caption, sortableTable({ caption, columns, rows: range(report.facts.classes.length), name: "classes" }));
}
