/** Precision, recall and F1 of the chosen arm on each class, and their averages. */
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
  const caption = `Scores of ${arm.name} by class`;
  const table = sortableTable({ caption, columns, rows: arm.per_class.slice(0, size), foot: arm.per_class.slice(size), name: "classes" });
  return [html("p", { class: "caption" }, named(arm.name), ", means over seeds."), scrolling(caption, table)];
}

/** A share with a bar under it. */
function meter(value) {
  return html("span", { class: "meter", "--share": value === null ? null : value.toFixed(4) }, value === null ? MISSING : value.toFixed(3));
}
