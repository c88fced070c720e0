const FEW_CLASSES = 20;

/** The images of the comparison: their splits, what the check of them found, and how many each class has. */
function data() {
  const { sentences, origin, judged_on: judgedOn, counts } = report.facts;
  const table = balanceTable(report.balance);
  const judged = `${counted(counts[judgedOn] ?? 0, "image")} of ${judgedOn}`;
  return [
    pairsList({ "judged on": judged, "origin of the split": origin }, "single"),
    sentences.length > 0 && html("ul", { class: "findings" }, sentences.map((each) => html("li", { dir: "auto" }, each))),
    report.facts.classes.length > FEW_CLASSES ? folded(`Images of each of the ${report.facts.classes.length} classes`, table) : table,
  ];
}

function balanceTable(balance) {
  const splits = Object.keys(balance);
  if (!splits.length) return null;
  const most = Object.fromEntries(splits.map((split) => [split, Math.max(1, ...balance[split])]));
  const columns = [
    { label: "Class", value: className, cell: (index) => named(className(index)), name: "name" },
    ...splits.map((split) => ({
      label: split, numeric: true, first: "descending", value: (index) => balance[split][index],
      cell: (index) => html("span", { class: "meter", "--share": (balance[split][index] / most[split]).toFixed(4) }, whole(balance[split][index])),
    })),
  ];
  const caption = "Images of each class in each split";
  return fitting(caption, sortableTable({ caption, columns, rows: range(report.facts.classes.length), name: "classes" }));
}
