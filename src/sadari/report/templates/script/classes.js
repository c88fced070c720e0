const WORST_CLASSES = 20;

/** Precision, recall and F1 of the chosen arm on each class, and their averages; of many classes the worst first. */
function classes() {
  return [armChooser("Arm whose classes are shown"), follow(classTable)];
}

function classTable(arm) {
  const size = report.facts.classes.length;
  const share = (label, key, hint) => ({
    label, hint, numeric: true, first: "descending", value: (row) => row[key], cell: (row) => meter(row[key]),
  });
  const columns = [
    { label: "Class", value: (row) => row.name, cell: (row) => named(row.name), name: "name" },
    share("Precision", "precision", "Of the images predicted to be of the class, the share that is"),
    share("Recall", "recall", "Of the images of the class, the share predicted to be"),
    share("F1", "f1", "Harmonic mean of precision and recall"),
    { label: "Support", numeric: true, first: "descending", value: (row) => row.support, cell: (row) => whole(row.support), hint: "Images of the class" },
  ];
  const [rows, foot] = [arm.per_class.slice(0, size), arm.per_class.slice(size)];
  const table = (caption, some, averages = []) => fitting(caption, sortableTable({ caption, columns, rows: some, foot: averages, name: "classes" }));
  const caption = html("p", { class: "caption" }, named(arm.name), ", means over seeds.");
  if (size <= WORST_CLASSES) return [caption, table(`Scores of ${arm.name} by class`, rows, foot)];
  const worst = rows.toSorted((one, other) => (one.f1 ?? 2) - (other.f1 ?? 2));
  return [
    html("p", { class: "caption" }, named(arm.name), `, means over seeds: the ${WORST_CLASSES} classes with the least F1.`),
    table(`The ${WORST_CLASSES} worst classes of ${arm.name}`, worst.slice(0, WORST_CLASSES), foot),
    folded(`The other ${counted(size - WORST_CLASSES, "class", "classes")}`, table(`The other classes of ${arm.name}`, worst.slice(WORST_CLASSES))),
  ];
}

/** A share with a bar under it. */
function meter(value) {
  return html("span", { class: "meter", "--share": value === null ? null : value.toFixed(4) }, value === null ? MISSING : value.toFixed(3));
}
