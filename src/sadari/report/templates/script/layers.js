/** The layers of each network; arms with the same layers share one table. */
function layers() {
  const shown = finished().filter((index) => report.arms[index].layers.length);
  const alike = Map.groupBy(shown, (index) => JSON.stringify(report.arms[index].layers));
  return [...alike.values()].map((indices) => network(indices, report.arms[indices[0]].layers));
}

function network(indices, rows) {
  const names = indices.map((index) => report.arms[index].name).join(", ");
  return folded(
    html("span", { class: "networks" }, indices.map(armName), html("span", { class: "quiet" }, sizeText(rows))),
    fitting(`Layers of ${names}`, layerTable(names, rows)),
  );
}

function sizeText(rows) {
  const [params, trainable] = ["params", "trainable"].map((key) => rows.reduce((total, row) => total + row[key], 0));
  const learning = trainable === params ? "" : `, ${whole(trainable)} of them trainable`;
  return `${counted(rows.length - 1, "layer")}, ${counted(params, "param")}${learning}`;
}

function layerTable(names, rows) {
  const heads = ["Layer", "Output", "How the shape came about", "Params", "How the params came about", "Name"];
  const cells = rows.map((row) => [
    html("code", {}, named(row.text)), row.output, row.how, row.params ? whole(row.params) : "", row.params_how,
    html("code", { class: "quiet" }, row.name),
  ]);
  return figuresTable(`Layers of ${names}`, heads, cells, [1, 3]);
}
